"""Counterpart's engine: features, masks, parts, points and their files. Knows nothing of the window."""

__version__ = "0.1.0"
