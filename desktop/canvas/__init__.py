"""The canvas: one or two images side by side, what lies over them, and the tools that act on them."""
