"""What a name in a file of annotations may mean: a path, an address, a name that a program has changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from counterpart.core.formats.path_ends import DRIVE

_LABEL_STUDIO = re.compile(r"^[0-9a-f]{8}-(?=.)")
_ROBOFLOW = re.compile(r"(.+)_(jpe?g|png|bmp|tiff?|webp)\.rf\.\w+(?:\.\w+)?", re.IGNORECASE)
"""How Roboflow calls its copy of an image: `cat.jpg` becomes `cat_jpg.rf.0123.jpg`."""


def readings_of(name: str) -> Iterator[tuple[str, bool]]:
    """What a name may mean, as it is written first, and whether it is a whole path of another machine."""
    if not name.strip("/\\. ") or "\0" in name:
        return
    path = name.replace("\\", "/")
    # With Windows' separators it was written where other folders were named.
    foreign = "\\" in name or path.startswith("/") or bool(DRIVE.match(path))
    seen = {name: foreign, path: foreign}
    if "://" in path or "?" in path:
        split = urlsplit(path)
        foreign |= bool(split.scheme)
        local = parse_qs(split.query).get("d")  # Label Studio's way to name a file of its own disk
        path = local[0] if local else split.path if split.scheme or Path(split.path).suffix else path
        seen.setdefault(path, foreign or bool(local))
    if "%" in path:
        path = unquote(path)
        seen.setdefault(path, foreign)
    original = _ROBOFLOW.fullmatch(path)
    if original is not None:
        seen.setdefault(f"{original[1]}.{original[2]}", foreign)
    folder, _, last = path.rpartition("/")
    plain = _LABEL_STUDIO.sub("", last)
    if plain != last:
        seen.setdefault(f"{folder}/{plain}" if folder else plain, foreign or "upload" in folder)
    yield from ((reading, far) for reading, far in seen.items() if reading.strip("/. "))
