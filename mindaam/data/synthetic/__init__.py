"""Generated videos whose truth is known."""
