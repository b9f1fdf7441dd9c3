"""The project: its values, its document, its commands and its file. No torch, no Qt."""
