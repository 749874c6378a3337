"""Images from files: opened within bounds, their colors as 8-bit RGB."""
