"""The forms in which datasets store fixations, and the files that hold them."""
