"""What a run writes for its user: tables, progress, TensorBoard, and the outline of a dry run."""
