"""Building blocks that any room of the window uses."""
