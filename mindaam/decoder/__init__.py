"""The hyperbolic decoder; it does not import encoders."""
