"""Decoding of videos: containers, frames with their times, colors, damage."""
