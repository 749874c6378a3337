"""Frozen encoders, one file an architecture, and the low-rank adapters that fit them to a task."""
