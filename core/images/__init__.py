"""Photographs and the frames of videos: found, read, and brightened for viewing."""
