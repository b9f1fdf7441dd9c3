"""The metrics of the field as pure functions, and harnesses that run them over folders."""
