"""Video: the timeline, and labels tracked from frame to frame."""
