"""Counterpart's window: Qt over the engine in `core`."""
