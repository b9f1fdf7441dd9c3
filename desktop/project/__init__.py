"""The open project: opened, saved, imported, exported, its images found again."""
