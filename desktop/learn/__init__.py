"""Learning from corrected images: update the rest, and how good it is."""
