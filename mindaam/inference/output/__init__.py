"""What result files contain besides maps: the legend under an overlay, their origin, and plots."""
