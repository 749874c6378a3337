"""Inductive studies: views of the rows that `mindaam evaluate` writes, with paired differences; and a model's cost."""
