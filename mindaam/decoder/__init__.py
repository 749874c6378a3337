"""The hyperbolic decoder; it knows nothing of encoders."""
