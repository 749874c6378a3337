"""Files that PyTorch wrote, read without PyTorch and without running anything in them."""
