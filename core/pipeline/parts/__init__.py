"""Use cases on masks: the shared object, its parts, and labels carried to other images."""
