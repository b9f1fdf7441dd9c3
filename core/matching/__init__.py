"""Corresponding points of two images: the best pairs, and the match of a single place."""
