"""Matches: correspondences between two images, judged and moved."""
