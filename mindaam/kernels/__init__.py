"""Operators computed as a device wants them; the mathematics above calls them by name."""
