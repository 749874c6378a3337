"""Numbers of a prediction: shares of regions, top points, spread, their tables and files."""
