"""Studies of a model: what it costs, and what a prompt changes."""
