"""Search conditions, weakly supervised: someone looks for a thing. Boxes, wordings, and the attention made of both."""
