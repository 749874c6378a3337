"""Images from files: opened within bounds, their colours as 8-bit RGB."""
