"""What all readers of images do to arrays of pixels."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 4_000_000
"""Pixels that are converted at a time."""


def rows_at_a_time(height: int, width: int) -> Iterator[slice]:
    """Slices of rows that together are a whole image, of about `BLOCK` pixels each."""
    step = max(BLOCK // max(width, 1), 1)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))
