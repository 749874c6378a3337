"""Fetching of weights: transfer over https, verification, the user's cache and its trusted hashes."""
