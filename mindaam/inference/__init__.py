"""Prediction on photographs and its results as pictures. Import from the modules: this file stays light."""
