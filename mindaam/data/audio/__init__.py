"""Audio by the times of a video's frames, as encoders take it."""
