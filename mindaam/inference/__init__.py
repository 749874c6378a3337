"""Prediction on images and videos, and its results as files. Import from the modules: this file stays light."""
