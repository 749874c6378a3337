"""Readers of gaze data behind one contract."""
