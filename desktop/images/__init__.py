"""Images: the list beside the canvas, thumbnails, and what is shown of the chosen ones."""
