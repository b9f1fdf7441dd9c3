"""Use cases on correspondences between two images."""
