"""The frame of the window: actions, settings, layout, status bar, start page."""
