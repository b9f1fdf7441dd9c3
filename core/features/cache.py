"""Features kept in memory and on disk, bounded by bytes, so that nothing is encoded twice.

Content-addressed: an entry is found by the bytes of the image and by everything in its spec, never by a file name.
What is kept is split into parts, one per tap (its map and class descriptor) and one for the class attention, so that
any combination of parts that were ever computed can be put together again. Descriptors are kept unbinned: log-binned
ones are 17 times larger and derived on demand.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from counterpart.core import temporaries
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.folders import stamp
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import ImageRef
from counterpart.core.sealed import seal, unseal

Fingerprint = tuple[str | int, ...]
"""Path and `stamp` of an image file."""
_LAYOUT = "features-1"  # raised whenever the meaning of what is stored changes
_KEPT_AFTER_EVICTION = 0.9
_READ_ERRORS = (OSError, ValueError, KeyError, TypeError)


def cache_dir() -> Path:
    """Folder of the cache on disk: `COUNTERPART_CACHE`, or the user's cache folder. It need not exist."""
    chosen = os.environ.get("COUNTERPART_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("counterpart", appauthor=False))


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache holds.

    Attributes:
        memory_bytes: Held in memory.
        disk_bytes: Held on disk, as far as known; 0 before the first write.
        dropped: Damaged entries found and removed since the cache was opened.
    """

    memory_bytes: int
    disk_bytes: int
    dropped: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One stored entry: a tap's `map` and `cls`, or the `attention`; and where its tokens lie."""

    arrays: dict[str, NDArray[np.floating]]
    geometry: GridGeometry

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


class FeatureCache:
    """A cache of features. Safe to share between threads.

    A folder that cannot be written or a full disk costs the cache on disk, not the work: `trouble` then says what is
    wrong.

    Args:
        folder: Where to keep features; None for memory only.
        disk_bytes: Bound of the folder; the least recently used entries go first.
        memory_bytes: Bound of what is held in memory.
    """

    def __init__(self, folder: Path | None, disk_bytes: int = 10_000_000_000, memory_bytes: int = 512_000_000) -> None:
        self.folder = None if folder is None else Path(folder) / _LAYOUT
        self.disk_bytes = disk_bytes
        self.memory_bytes = memory_bytes
        self.trouble: str | None = None
        self._lock = threading.RLock()
        self._memory: OrderedDict[str, _Part] = OrderedDict()
        self._memory_used = 0
        self._disk_used: int | None = None
        self._dropped = 0
        self._digests: dict[Fingerprint, str] = {}

    def beside(self, memory_bytes: int) -> FeatureCache:
        """Another cache over the same folder, with a small memory of its own.

        For thousands of images that pass by once: they neither fill the memory nor push out what is in use.
        """
        return FeatureCache(None if self.folder is None else self.folder.parent, self.disk_bytes, memory_bytes)

    def get(self, image_sha256: str, spec: FeatureSpec) -> FeatureMap | None:
        """Features of an image, or None if any part of them is not there (or damaged: then it is removed)."""
        parts = []
        for key, part_spec in _parts(image_sha256, spec):
            part = self._lookup(key, image_sha256, part_spec)
            if part is None:
                return None
            parts.append(part)
        count = len(spec.taps)
        return FeatureMap(
            spec=spec,
            image_sha256=image_sha256,
            geometry=parts[0].geometry,
            maps=tuple(part.arrays["map"] for part in parts[:count]),
            cls=tuple(_float32(part.arrays["cls"]) for part in parts[:count]),
            attention=_float32(parts[count].arrays["attention"]) if len(parts) > count else None,
        )

    def has(self, image_sha256: str, spec: FeatureSpec) -> bool:
        """Whether all parts are there, without reading them."""
        with self._lock:
            return all(
                key in self._memory or (self.folder is not None and self._file(key).is_file())
                for key, _ in _parts(image_sha256, spec)
            )

    def on_disk(self, image_sha256: str, spec: FeatureSpec) -> bool:
        """Whether all parts are in the folder."""
        return self.folder is not None and all(self._file(key).is_file() for key, _ in _parts(image_sha256, spec))

    def put(self, feature_map: FeatureMap) -> bool:
        """Keep features; returns whether they are on disk now."""
        on_disk = True
        for index, (key, spec) in enumerate(_parts(feature_map.image_sha256, feature_map.spec)):
            arrays: dict[str, NDArray[np.floating]]
            if index < len(feature_map.maps):
                arrays = {"map": feature_map.maps[index], "cls": feature_map.cls[index]}
            else:
                # An encoder without class attention has nothing here; the empty array says so.
                attention = feature_map.attention
                arrays = {"attention": np.zeros((0, 0, 0), np.float32) if attention is None else attention}
            part = _Part(arrays, feature_map.geometry)
            self._remember(key, part)
            on_disk = self._write(key, feature_map.image_sha256, spec, part) and on_disk
        return on_disk

    def image_digest(self, ref: ImageRef) -> str | None:
        """sha256 of an image file's bytes if this file was hashed before and is the same since (see `stamp`)."""
        return self._digests.get(fingerprint(ref.path) or ())

    def remember_digest(self, mark: Fingerprint | None, sha256: str) -> None:
        """Note the digest of an image file by its fingerprint from before it was read: it may be replaced meanwhile."""
        if mark is not None:
            self._digests[mark] = sha256

    def stats(self) -> CacheStats:
        """Counts and sizes."""
        with self._lock:
            return CacheStats(self._memory_used, self._disk_used or 0, self._dropped)

    def forget(self) -> None:
        """Empty the memory; the disk stays."""
        with self._lock:
            self._memory.clear()
            self._memory_used = 0

    def clear(self) -> int:
        """Remove every entry, from memory and from disk; the bytes that are free on disk now."""
        self.forget()
        if self.folder is None:
            return 0
        freed = 0
        for _, file, size in self._entries():
            with contextlib.suppress(OSError):
                file.unlink()
                freed += size
        with self._lock:
            self._disk_used = None
        return freed

    def on_disk_bytes(self) -> int:
        """What the folder holds, counted anew."""
        return 0 if self.folder is None else sum(size for _, _, size in self._entries())

    # Memory -------------------------------------------------------------------------------------------------------

    def _lookup(self, key: str, image_sha256: str, spec: FeatureSpec) -> _Part | None:
        with self._lock:
            part = self._memory.get(key)
            if part is not None:
                self._memory.move_to_end(key)
                return part
        part = self._read(key, image_sha256, spec)
        if part is not None:
            self._remember(key, part)
        return part

    def _remember(self, key: str, part: _Part) -> None:
        for array in part.arrays.values():
            array.flags.writeable = False
        with self._lock:
            old = self._memory.pop(key, None)
            self._memory_used -= 0 if old is None else old.nbytes
            if part.nbytes > self.memory_bytes:
                return
            self._memory[key] = part
            self._memory_used += part.nbytes
            self._fit_memory()

    def _fit_memory(self) -> None:
        while self._memory_used > self.memory_bytes:
            _, evicted = self._memory.popitem(last=False)
            self._memory_used -= evicted.nbytes

    def set_bounds(self, memory_bytes: int, disk_bytes: int) -> None:
        """Keep within other bounds from now on; what is beyond them goes at once, used longest ago first."""
        with self._lock:
            self.memory_bytes, self.disk_bytes = memory_bytes, disk_bytes
            self._fit_memory()
        if self.folder is not None and self.on_disk_bytes() > disk_bytes:
            with self._lock:
                self._evict()

    # Disk ---------------------------------------------------------------------------------------------------------

    def _file(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.safetensors"

    def _read(self, key: str, image_sha256: str, spec: FeatureSpec) -> _Part | None:
        if self.folder is None:
            return None
        file = self._file(key)
        try:
            # Entries of versions that did not seal them are computed again.
            arrays, about = unseal(file, required=True)
            if about["image"] != image_sha256 or about["spec"] != spec.digest():
                raise ValueError("the entry does not hold what its name says")
            part = _Part(arrays, GridGeometry.from_dict(json.loads(about["geometry"])))
        except FileNotFoundError:
            return None
        except _READ_ERRORS:
            self._drop(file)
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # the time of last use, by which entries are evicted
        return part

    def _drop(self, file: Path) -> None:
        self._dropped += 1
        with contextlib.suppress(OSError):
            file.unlink()

    def _write(self, key: str, image_sha256: str, spec: FeatureSpec, part: _Part) -> bool:
        if self.folder is None or self.trouble is not None:
            return False
        file = self._file(key)
        about = {
            "image": image_sha256,
            "spec": spec.digest(),
            "geometry": json.dumps(part.geometry.as_dict()),
        }
        data = seal(part.arrays, about)
        try:
            if self._disk_used is None:
                self._disk_used = sum(size for _, _, size in self._entries())
            replaced = file.stat().st_size if file.is_file() else 0
            _write_whole(file, data)
        except OSError as error:
            self.trouble = (
                f"features are not kept on disk: {self.folder} cannot be written ({error.strerror or error}); "
                "the next run computes them again"
            )
            return False
        with self._lock:
            self._disk_used += len(data) - replaced
            if self._disk_used > self.disk_bytes:
                self._evict(keep=file)
        return file.is_file()

    def _entries(self) -> list[tuple[float, Path, int]]:
        """(time of last use, file, bytes) of every entry."""
        assert self.folder is not None
        found = []
        for folder in self.folder.glob("*/"):
            temporaries.sweep(folder)
        for file in self.folder.glob("*/*.safetensors"):
            with contextlib.suppress(FileNotFoundError):  # another process may be evicting too
                status = file.stat()
                found.append((status.st_mtime, file, status.st_size))
        return found

    def _evict(self, keep: Path | None = None) -> None:
        """Remove the entries used longest ago until a tenth of the bound is free."""
        entries = sorted(self._entries())
        used = sum(size for _, _, size in entries)
        for _, file, size in entries:
            if used <= self.disk_bytes * _KEPT_AFTER_EVICTION:
                break
            if file == keep and size <= self.disk_bytes:
                continue
            with contextlib.suppress(OSError):
                file.unlink()
                used -= size
        self._disk_used = used


def _parts(image_sha256: str, spec: FeatureSpec) -> list[tuple[str, FeatureSpec]]:
    """(key, spec) of each entry that features consist of: the taps in order, then the class attention if asked for.

    A tap does not depend on which block's attention was kept with it, nor the attention on the taps.
    """
    specs = [dataclasses.replace(spec.single(tap), saliency_layer=None) for tap in spec.taps]
    if spec.saliency_layer is not None:
        specs.append(dataclasses.replace(spec, taps=()))
    return [(hashlib.sha256(f"{image_sha256} {s.digest()}".encode()).hexdigest(), s) for s in specs]


def _float32(array: NDArray[np.floating]) -> NDArray[np.float32]:
    return array.astype(np.float32, copy=False)


def fingerprint(path: Path) -> Fingerprint | None:
    """What a file is known by while nobody has written to it; None where there is none."""
    found = stamp(path)
    return None if found is None else (str(path.absolute()), *found)


def _write_whole(file: Path, data: bytes) -> None:
    """Write a file so that it exists completely or not at all.

    Not flushed to the disk, unlike results: an entry lost in a power cut is found damaged and computed again.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = temporaries.make_file(file.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        temporary.replace(file)
    finally:
        temporaries.discard(temporary)
