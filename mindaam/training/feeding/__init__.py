"""What the steps read. Nothing here imports MindSpore: the processes that decode import these modules."""
