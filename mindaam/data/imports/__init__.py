"""Tables of fixations and folders of pictures or films, made into gaze folders."""
