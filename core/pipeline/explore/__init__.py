"""Use cases that show the feature space of a set of images."""
