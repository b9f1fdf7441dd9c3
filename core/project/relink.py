"""Finding images that were moved, and learning what identifies an image before it is. Plain jobs over values."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from counterpart.core.errors import CounterpartError, ImageError
from counterpart.core.folders import stamp
from counterpart.core.images.decoding import open_source
from counterpart.core.images.finding import search_images
from counterpart.core.images.reading import image_size
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import ImageRecord

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Relinked:
    """Where images are now.

    Attributes:
        places: New file by image, found by content.
        guesses: New file by image, found by name (and size where it is known) only: the content was never noted.
        missing: Images that were not found.
    """

    places: dict[int, Path] = field(default_factory=dict)
    guesses: dict[int, Path] = field(default_factory=dict)
    missing: tuple[int, ...] = ()


def find_moved(records: Sequence[ImageRecord], folder: Path, ctx: JobContext) -> Relinked:
    """Look for images below a folder, by content where their hash is known.

    Args:
        records: The images that are missing.
        folder: Where to look.
        ctx: Reports and cancels between files.

    Raises:
        UsageError: There are no images in the folder.
    """
    files = [ref.path for ref in search_images([folder], check=ctx.check).refs]
    by_size: dict[int, list[Path]] = {}
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_size.setdefault(_size(file), []).append(file)
        by_name.setdefault(file.name.casefold(), []).append(file)
    hashes: dict[Path, str] = {}
    result = Relinked()
    missing = []
    for number, record in enumerate(records):
        ctx.step(number, len(records), f"Looking for {record.name}")
        candidates = by_size.get(record.size_bytes, []) if record.size_bytes >= 0 else files
        alike = by_name.get(PurePosixPath(record.path).name.casefold(), [])
        if record.sha256:
            # Those of the same name first: then one hash is mostly enough.
            names = set(alike)
            ordered = [file for file in candidates if file in names] + [
                file for file in candidates if file not in names
            ]
            found = _same_content(record.sha256, ordered, hashes, ctx)
            if found is not None:
                result.places[record.id] = found
                continue
        else:
            likely = [file for file in alike if record.size_bytes < 0 or file in candidates]
            if len(likely) == 1:
                result.guesses[record.id] = likely[0]
                continue
        missing.append(record.id)
    ctx.step(len(records), len(records), "Done")
    return dataclasses.replace(result, missing=tuple(missing))


def learn_facts(items: Iterable[tuple[ImageRecord, Path]], ctx: JobContext) -> list[ImageRecord]:
    """Records with length, hash and size in pixels read from the files; for `Document.note_facts`.

    Files that cannot be read go to `ctx.failures` and are left out.

    Args:
        items: Records that lack something, and their files.
        ctx: Reports and cancels between files.
    """
    todo = list(items)
    facts = []
    for number, (record, file) in enumerate(todo):
        ctx.step(number, len(todo), f"Reading {record.name}")
        try:
            before = stamp(file)
            height, width = image_size(file)
            sha256 = _hash(file, ctx)
            if before is None or stamp(file) != before:  # size and hash may be of two pictures
                raise ImageError("the file changed while it was read", path=file, hint="Look again when it is written")
            facts.append(dataclasses.replace(record, size_bytes=before[0], sha256=sha256, height=height, width=width))
        except CounterpartError as error:
            ctx.fail(error)
    return facts


def _same_content(sha256: str, files: Sequence[Path], hashes: dict[Path, str], ctx: JobContext) -> Path | None:
    for file in files:
        if file not in hashes:
            try:
                hashes[file] = _hash(file, ctx)
            except ImageError as error:
                ctx.fail(error)
                hashes[file] = ""
        if hashes[file] == sha256:
            return file
    return None


def _hash(file: Path, ctx: JobContext) -> str:
    digest = hashlib.sha256()
    try:
        with open_source(file, whole=False) as handle:  # a pipe may have taken its place
            while chunk := handle.read(_CHUNK):
                ctx.check()
                digest.update(chunk)
    except OSError as error:
        raise ImageError(
            f"the file cannot be read ({error.strerror})", path=file, hint="Check its permissions"
        ) from None
    return digest.hexdigest()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
