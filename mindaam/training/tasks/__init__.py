"""What is learned: one module a task, all of the one shape of `task.py`."""
