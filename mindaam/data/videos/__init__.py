"""Videos from disk: containers, frames, colors and times."""
