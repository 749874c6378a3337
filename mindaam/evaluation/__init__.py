"""Measuring models on recorded gaze."""
