"""The forms in which data sets store fixations, and the files that hold them."""
