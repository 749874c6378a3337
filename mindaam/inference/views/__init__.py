"""Several views of one image, and the one prediction that is made of their maps: tiles, mirrored and reduced copies."""
