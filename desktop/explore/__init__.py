"""Explore: what the model sees in the images, as colours, points and similarity."""
