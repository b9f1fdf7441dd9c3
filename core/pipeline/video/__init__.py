"""Use cases on videos: their frames, and labels tracked through them."""
