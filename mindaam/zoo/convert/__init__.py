"""One mapping a foreign checkpoint format: official names and shapes to ours, strictly, never by similarity."""
