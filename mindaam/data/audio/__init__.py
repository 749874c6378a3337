"""Audio: what files hold, and what encoders take of it."""
