"""Packs: splits decoded, resized and written once, in a few large files that are read by index."""
