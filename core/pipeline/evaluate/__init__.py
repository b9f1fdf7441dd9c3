"""Use cases that measure: the program's methods against human truth."""
