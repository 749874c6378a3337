"""Tables of fixations and folders of images or videos, made into gaze folders."""
