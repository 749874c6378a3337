"""AdamW, its parameter groups, the learning rate's schedule, the moving average of weights."""
