"""Windows that are asked something and go away again."""
