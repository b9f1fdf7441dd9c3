"""How many pictures an MP4 or QuickTime file claims to have, before FFmpeg believes it.

A table of samples may give one size for all and their number in four bytes; FFmpeg makes an index entry for each.
Five pictures that claim to be two hundred million take seven gigabytes, and no limit of FFmpeg's covers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

MOST_SAMPLES = 10_000_000
"""Two days at 60 pictures a second."""

# What FFmpeg descends into.
_FOLDERS = frozenset(
    b"moov trak mdia minf stbl edts dinf udta mvex moof traf sinf wave".split(b" "),
)
_DEEPEST = 12
_MOST_BOXES = 1_000_000


class PackedHeaderError(ValueError):
    """The header is compressed, and may unpack to anything."""


def claimed_samples(path: Path) -> int:
    """Samples of all tracks, uncompressed sound left out; 0 for files of other kinds.

    Raises:
        OSError: The file cannot be read.
        PackedHeaderError: See there.
    """
    with path.open("rb") as file:
        return _Walk(file).counted(0, file.seek(0, 2), 0).samples


@dataclass(slots=True)
class _Found:
    """What the boxes between two places say.

    Attributes:
        samples: Claimed.
        kinds: Of tracks, `soun` for sound.
        times: Entries and first duration of each table of times.
    """

    samples: int = 0
    kinds: list[bytes] = field(default_factory=list)
    times: list[tuple[int, int]] = field(default_factory=list)


class _Walk:
    """One pass over the boxes of a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._boxes = file, 0

    def counted(self, place: int, end: int, depth: int) -> _Found:
        """What is claimed between two places."""
        found = _Found()
        while place + 8 <= end and self._boxes < _MOST_BOXES:
            self._boxes += 1
            size, kind = self._number(place, 4), self._read(place + 4, 4)
            head = 8
            if size == 1:
                size, head = self._number(place + 8, 8), 16
            size = size or end - place
            if size < head:
                break
            if kind == b"cmov":
                raise PackedHeaderError
            if kind in _FOLDERS and depth < _DEEPEST:
                inner = self.counted(place + head, min(place + size, end), depth + 1)
                if kind == b"trak":
                    # FFmpeg indexes uncompressed sound by chunks: there are as many samples as air was measured.
                    plain = b"soun" in inner.kinds and b"vide" not in inner.kinds and inner.times == [(1, 1)]
                    inner = _Found(0 if plain else inner.samples)
                found.samples += inner.samples
                found.kinds += inner.kinds
                found.times += inner.times
            else:
                self._note(kind, place + head, found)
            place += size
        return found

    def _note(self, kind: bytes, place: int, found: _Found) -> None:
        if kind in (b"stsz", b"stz2"):
            found.samples += self._number(place + 8, 4)
        elif kind == b"trun":
            found.samples += self._number(place + 4, 4)
        elif kind == b"hdlr":
            found.kinds.append(self._read(place + 8, 4))
        elif kind == b"stts":
            found.times.append((self._number(place + 4, 4), self._number(place + 12, 4)))

    def _number(self, place: int, count: int) -> int:
        return int.from_bytes(self._read(place, count), "big")

    def _read(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        return self._file.read(count)
