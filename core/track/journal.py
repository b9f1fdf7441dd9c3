"""What a run over a video has written so far, so that a killed run goes on instead of starting over."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError
from counterpart.core.files import output_errors, write_text
from counterpart.core.images.video import FrameSource
from counterpart.core.jobs import JobContext
from counterpart.core.sealed import seal_values, unseal_values
from counterpart.core.track.state import TrackState

JOURNAL_NAME = ".counterpart-track"
_STATE_EVERY = 10
"""Frames between two states on the disk: a kill costs at most so many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame that is done.

    Attributes:
        frame: Index from 0.
        file: Name of its label map in the output folder; None where the frame could not be read.
        confidence: See `TrackedFrame`.
        sha256: Of the label map's file.
    """

    frame: int
    file: str | None
    confidence: float
    sha256: str


def run_digest(
    source: FrameSource, path: Path, masks: Mapping[int, NDArray[np.integer]], about: Mapping[str, Any]
) -> str:
    """Digest of everything that the labels of a run depend on: frames by name and size, masks, parameters."""
    digest = hashlib.sha256(json.dumps(dict(about), sort_keys=True, default=str).encode())
    for index in range(len(source)):
        digest.update(f"{source.name(index)}\n".encode())
    with contextlib.suppress(OSError):
        files = [path] if path.is_file() else sorted(child for child in path.iterdir() if child.is_file())
        digest.update(repr([(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]).encode())
    for index, mask in sorted(masks.items()):
        digest.update(f"{index} {mask.shape} {mask.dtype}".encode())
        digest.update(np.ascontiguousarray(mask).tobytes())
    return digest.hexdigest()


class Journal:
    """Kept in a hidden folder of the outputs, and removed when every frame is done.

    Only what is still there as it was written counts: label maps are compared with their digests, and everything from
    the first that is missing or changed is done again.

    Args:
        out: The output folder.
        digest: See `run_digest`; another one starts over.
        ctx: Warnings.
    """

    def __init__(self, out: Path, digest: str, ctx: JobContext) -> None:
        self._out, self._folder = out, out / JOURNAL_NAME
        self._lines, self._state_file = self._folder / "frames.jsonl", self._folder / "state.safetensors"
        self._since_state = 0
        self.entries = self._verified(digest, ctx)
        self.state = self._loaded_state() if self.entries else None
        self._head: str | None = json.dumps({"digest": digest})

    @property
    def start(self) -> int:
        """The first frame that is not done."""
        return self.entries[-1].frame + 1 if self.entries else 0

    def _verified(self, digest: str, ctx: JobContext) -> list[Entry]:
        try:
            lines = self._lines.read_text(encoding="utf-8", errors="replace").splitlines()
            head = json.loads(lines[0])["digest"]
        except (OSError, ValueError, LookupError, TypeError):
            return []
        if head != digest:
            ctx.warn(f"{self._out}: an earlier run here had other frames, masks or parameters; this one starts over")
            return []
        found: list[Entry] = []
        for line in lines[1:]:
            try:
                entry = Entry(**unseal_values(json.loads(line), required=True))
                if entry.file is not None and _sha256(self._out / entry.file) != entry.sha256:
                    break
            except (OSError, ValueError, TypeError):
                break
            found.append(entry)
        return found

    def _loaded_state(self) -> TrackState | None:
        """The last state, where it does not lie ahead of the frames that are done."""
        if not self._state_file.is_file():
            return None
        try:
            state = TrackState.load(self._state_file)
        except CounterpartError:
            return None  # without it the frames since the last annotated one are gone through again
        return state if state.index <= self.start else None

    def add(self, frame: int, file: str | None, confidence: float, data: bytes, state: TrackState | None) -> None:
        """Record a frame whose label map is written.

        Raises:
            OutputError: It cannot be recorded.
        """
        if self._head is not None:
            # Only now: a run that ends with its first check leaves nothing behind.
            write_text(self._lines, "".join(f"{line}\n" for line in [self._head, *map(_line, self.entries)]))
            self._head = None
        entry = Entry(frame, file, confidence, hashlib.sha256(data).hexdigest())
        self.entries.append(entry)
        with output_errors(self._lines), self._lines.open("a", encoding="utf-8") as handle:
            handle.write(f"{_line(entry)}\n")
        self._since_state += 1
        if state is not None and self._since_state >= _STATE_EVERY:
            state.save(self._state_file)
            self._since_state = 0

    def finish(self) -> None:
        """Every frame is done: remove the journal."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _line(entry: Entry) -> str:
    values = {"frame": entry.frame, "file": entry.file, "confidence": entry.confidence, "sha256": entry.sha256}
    return json.dumps(seal_values(values))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
