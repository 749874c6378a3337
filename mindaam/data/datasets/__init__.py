"""Readers of gaze data, one family of folders a module, behind one `Sample`."""
