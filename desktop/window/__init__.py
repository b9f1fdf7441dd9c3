"""The main window: puts the rooms together."""
