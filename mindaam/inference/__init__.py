"""Prediction on images and its results as images. Import from the modules: this file stays light."""
