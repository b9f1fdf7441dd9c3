"""Dense features as values: cached, binned, compared, clustered, and shown as pictures."""
