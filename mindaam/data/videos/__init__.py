"""Videos from disk: containers, frames, colours and times."""
