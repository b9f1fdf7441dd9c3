"""Keypoints: placed, transferred to other images, and checked."""
