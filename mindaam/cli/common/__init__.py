"""What the commands share: the terminal, the pages of help, completion, batches and the start of a prediction."""
