"""Arrows for stylesheets, which accept files only: written to a temporary folder, once per colour."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

_GLYPHS = {"up": "M2 7l3-3.5L8 7", "down": "M2 3.5L5 7l3-3.5", "check": "M2 5.2l2.2 2.3L8.2 2.8"}


@cache
def _glyph_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="counterpart-glyphs-", ignore_cleanup_errors=True)


@cache
def glyph_file(name: str, colour: str) -> str:
    """Path, with forward slashes, of a small SVG of one stroke for use in a stylesheet."""
    file = Path(_glyph_folder().name, f"{name}-{colour.lstrip('#')}.svg")
    file.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" viewBox="0 0 10 10">'
        f'<path d="{_GLYPHS[name]}" fill="none" stroke="{colour}" stroke-width="1.5" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>',
        encoding="utf-8",
    )
    return file.as_posix()
