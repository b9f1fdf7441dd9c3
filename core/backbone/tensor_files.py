"""Named tensors of a checkpoint, whoever wrote it: safetensors, torch's zip archives, torch's older streams.

A file from a stranger is read within limits that follow from its own size: nothing is unpacked, no tensor may hold more
numbers than lie in the file, and numbers are read only when a tensor is asked for. `docs/decisions/hostile-files.md`
lists what is read how.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.pickled import (
    Bounded,
    DamagedPickleError,
    ForeignCallError,
    PickledTensor,
    Storage,
    read_pickle,
)
from counterpart.core.errors import CheckpointError

# Where training scripts keep the tensors; the teacher is the network that DINO's authors publish.
_CONTAINERS = ("teacher", "student", "state_dict", "model_state_dict", "model", "net", "module", "backbone")
_LONGEST_HEADER = 10_000_000
_LONGEST_NAME = 300
_LONGEST_PICKLE = 100_000_000
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_SAFE_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_BITS = {
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
}  # fmt: skip
"""Types that a network's weights are never given in: known only so that the tensors after them are found."""
_DENSE = frozenset(_SAFE_DTYPES.values())
_SIZES = {name: 2 if name == "bfloat16" else np.dtype(name).itemsize for name in _DENSE} | {
    "complex64": 8, "complex128": 16, "qint8": 1, "quint8": 1, "qint32": 4,
}  # fmt: skip
# What damage may raise inside zipfile, struct and json.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError, LookupError,
    TypeError, AttributeError, OverflowError, OSError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a file, not read yet.

    Attributes:
        name: By which the file knows it.
        dtype: As numpy names it, or `bfloat16`.
        shape: Side lengths.
        odd: Why it is no plain array of numbers; empty where it is one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    odd: str = ""
    _file: TensorFile | None = field(default=None, repr=False)
    _bytes: Callable[[], bytes] | None = field(default=None, repr=False)
    _offset: int = 0
    _strides: tuple[int, ...] | None = None
    _big: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers in the file; 0 where they cannot be read."""
        return 0 if self.odd else math.prod(self.shape) * _itemsize(self.dtype)

    def array(self) -> NDArray[Any]:
        """Its numbers, contiguous; floating-point ones as float32.

        Raises:
            CheckpointError: It is no plain array, or the file is damaged.
        """
        assert self._file is not None
        if self.odd or self._bytes is None:
            raise CheckpointError(
                f"{self.name} is {self.odd}, not an array of numbers",
                path=self._file.path,
                hint="Save the network's state dict with ordinary tensors",
            )
        with _reading(self._file.path):
            return self._read(self._bytes())

    def _read(self, data: bytes) -> NDArray[Any]:
        dtype = np.dtype("uint16" if self.dtype == "bfloat16" else self.dtype).newbyteorder(">" if self._big else "<")
        steps = None if self._strides is None else tuple(step * dtype.itemsize for step in self._strides)
        found: NDArray[Any] = np.ndarray(self.shape, dtype, data, self._offset * dtype.itemsize, steps)
        if self.dtype == "bfloat16":  # the upper half of a float32
            wide: NDArray[Any] = (found.astype(np.uint32) << np.uint32(16)).view(np.float32)
            return wide
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is named as such
            return np.array(found, np.float32 if dtype.kind == "f" else dtype.newbyteorder("="), order="C")


class TensorFile:
    """The named tensors of a checkpoint. Use as a context; tensors are read while it is open.

    Args:
        path: `.safetensors`, or `.pth`/`.pt` as torch saved it, now or before version 1.6.

    Attributes:
        path: The file.
        size: Of the file, bytes.
        tensors: By name, in the file's order; of the most likely network where there are several.

    Raises:
        CheckpointError: Not a checkpoint, damaged, unsafe, or without named tensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        self._last: tuple[str, bytes] | None = None
        try:
            # A pipe would be waited for, and a device has no end.
            if not stat.S_ISREG(path.stat().st_mode):
                raise _cannot_open(path, "it is not a file")
            self._handle = path.open("rb")
        except OSError as error:
            raise _cannot_open(path, error.strerror or str(error)) from None
        except ValueError as error:
            raise _cannot_open(path, str(error)) from None
        try:
            self.size = os.fstat(self._handle.fileno()).st_size
            with _reading(path):
                self.tensors = self._find()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _find(self) -> dict[str, StoredTensor]:
        start = self._handle.read(9)
        header = int.from_bytes(start[:8], "little")
        if start[8:] == b"{" and header <= self.size - 8:
            return self._safetensors(header)
        self._handle.seek(0)
        if start.startswith(b"PK\x03\x04"):
            return self._zipped()
        return self._streamed()

    # Safetensors ------------------------------------------------------------------------------------------------------

    def _safetensors(self, length: int) -> dict[str, StoredTensor]:
        if length > _LONGEST_HEADER:
            raise _broken(self.path, "its header is too long")
        self._handle.seek(8)
        begin = 8 + length
        try:
            entries = _safe_entries(self._handle.read(length), self.size - begin)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _broken(self.path, str(error)) from None
        found = {}
        for name, (kind, shape, first, end) in entries.items():
            dtype = _SAFE_DTYPES.get(kind, kind)
            odd = "" if dtype in _DENSE else f"a tensor of {dtype} numbers"
            found[name] = StoredTensor(name, dtype, shape, odd, self, self._reader(begin + first, end - first))
        return _named(found, self.path)

    def _reader(self, place: int, length: int) -> Callable[[], bytes]:
        def read() -> bytes:
            self._handle.seek(place)
            data = self._handle.read(length)
            if len(data) != length:
                raise EOFError("the file ends too early")
            return data

        return read

    # Torch's zip archives ---------------------------------------------------------------------------------------------

    def _zipped(self) -> dict[str, StoredTensor]:
        self._archive = zipfile.ZipFile(self._handle)
        members = {info.filename: info for info in self._archive.infolist()}
        folders = [name.removesuffix("data.pkl") for name in members if name.endswith("data.pkl")]
        folder = min(folders, key=len)
        if f"{folder}constants.pkl" in members:
            raise CheckpointError(
                "this is a compiled program of TorchScript, not a state dict",
                path=self.path,
                hint="Save the network's state dict instead",
            )
        pickled = io.BytesIO(self._member(members[f"{folder}data.pkl"], _LONGEST_PICKLE))
        content = read_pickle(Bounded(pickled, len(pickled.getbuffer()))).content
        order = members.get(f"{folder}byteorder")
        big = order is not None and self._member(order, 100) == b"big"

        def locate(storage: Storage) -> Callable[[], bytes]:
            info = members[f"{folder}data/{storage.key}"]
            if info.file_size < storage.count * _itemsize(storage.dtype):
                raise EOFError(f"{info.filename} is too short")
            return lambda: self._storage(info)

        return self._described(content, locate, big=big)

    def _member(self, info: zipfile.ZipInfo, longest: int) -> bytes:
        """A member's bytes, its checksum compared. None is packed in what torch writes, so none is unpacked."""
        assert self._archive is not None
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise CheckpointError(
                "the archive is compressed or encrypted, which no checkpoint is",
                path=self.path,
                hint="Unpack it, or save it again with torch.save",
            )
        if info.file_size > min(longest, self.size):
            raise EOFError(f"{info.filename} is longer than it can be")
        if info.CRC == 0:  # torch.serialization.set_crc32_options(False)
            info.CRC = None  # type: ignore[assignment]  # zipfile then compares nothing
        return self._archive.read(info)

    def _storage(self, info: zipfile.ZipInfo) -> bytes:
        """As `_member`; the last is kept, as several tensors may be views of one."""
        if self._last is None or self._last[0] != info.filename:
            self._last = None
            self._last = info.filename, self._member(info, self.size)
        return self._last[1]

    # Torch's streams before version 1.6 -------------------------------------------------------------------------------

    def _streamed(self) -> dict[str, StoredTensor]:
        """Magic number, version and description of the machine; the content; then keys and bytes of each storage."""
        stream = Bounded(self._handle, self.size)
        if read_pickle(stream).content != _LEGACY_MAGIC:
            raise DamagedPickleError("it is a pickle of something else")
        _version, machine, pickled, keys = (read_pickle(stream) for _ in range(4))
        places: dict[str, int] = {}
        place = stream.tell()
        for key in keys.content:
            storage = pickled.storages[key]
            self._handle.seek(place)
            if struct.unpack("<q", self._handle.read(8)) != (storage.count,):
                raise DamagedPickleError("a storage has another length than it should")
            places[key] = place + 8
            place += 8 + storage.count * _itemsize(storage.dtype)
        if place > self.size:
            raise EOFError("the file ends too early")

        def locate(storage: Storage) -> Callable[[], bytes]:
            return self._reader(places[storage.key], storage.count * _itemsize(storage.dtype))

        return self._described(pickled.content, locate, big=machine.content.get("little_endian") is False)

    def _described(
        self, content: Any, locate: Callable[[Storage], Callable[[], bytes]], *, big: bool
    ) -> dict[str, StoredTensor]:
        """The tensors of the likeliest network in a pickle."""
        found = {}
        for name, tensor in _likeliest(content).items():
            odd = tensor.odd or _oddity(tensor)
            if odd or tensor.storage is None:
                found[name] = StoredTensor(name, "", tensor.shape, odd, self)
                continue
            read = locate(tensor.storage)
            found[name] = StoredTensor(
                name, tensor.storage.dtype, tensor.shape, "", self, read, tensor.offset, tensor.strides, big
            )
        return _named(found, self.path)


def _safe_entries(header: bytes, length: int) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Type, shape, first byte and end of each tensor of a safetensors file; together they fill its `length` bytes.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, RecursionError: They do not, or it is no such header.
    """
    described = json.loads(header)
    described.pop("__metadata__", None)
    found = {}
    for name, entry in described.items():
        kind, shape, (first, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        bits = _BITS.get(kind) or 8 * _itemsize(_SAFE_DTYPES[kind])
        if any(type(number) is not int or number < 0 for number in (*shape, first, end)):
            raise ValueError(f"{name} is described wrongly")
        if (end - first) * 8 != math.prod(shape) * bits:
            raise ValueError(f"{name} does not fill its place")
        found[str(name)] = kind, shape, first, end
    place = 0
    for first, end in sorted(entry[2:] for entry in found.values()):
        if first != place:
            raise ValueError("tensors lie on each other, or apart")
        place = end
    if place != length:
        raise ValueError(f"{length} bytes of numbers instead of {place}")
    return found


def _likeliest(content: Any) -> dict[str, PickledTensor]:
    """The named tensors in whatever nesting a training script saved."""
    if not isinstance(content, dict):
        return {}
    for key in _CONTAINERS:
        inner = content.get(key)
        if isinstance(inner, dict) and any(isinstance(value, PickledTensor) for value in inner.values()):
            content = inner
            break
    return {str(name): value for name, value in content.items() if isinstance(value, PickledTensor)}


def _oddity(tensor: PickledTensor) -> str:
    """Why a tensor is no plain array of numbers in its storage; empty where it is one."""
    storage, shape = tensor.storage, tensor.shape
    assert storage is not None
    if storage.dtype not in _DENSE:
        return f"a tensor of {storage.dtype} numbers"
    if math.prod(shape) > storage.count:
        return "a view that repeats its numbers"
    last = sum((side - 1) * step for side, step in zip(shape, tensor.strides, strict=True))
    if 0 not in shape and tensor.offset + last >= storage.count:
        raise DamagedPickleError("a tensor reaches beyond its storage")
    return ""


def _itemsize(dtype: str) -> int:
    """Bytes of a number.

    Raises:
        DamagedPickleError: Nobody knows.
    """
    if dtype in _SIZES:
        return _SIZES[dtype]
    raise DamagedPickleError(f"{dtype} is no type of numbers")


def _named(tensors: dict[str, StoredTensor], path: Path) -> dict[str, StoredTensor]:
    if not tensors:
        raise CheckpointError(
            "there are no named tensors in this file", path=path, hint="Give a checkpoint saved as a state dict"
        )
    if not all(name.isprintable() and len(name) <= _LONGEST_NAME for name in tensors):
        raise _broken(path, "a tensor's name is not text")  # it would be shown in messages
    return tensors


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What damage and malice raise while a file is read, in words."""
    try:
        yield
    except ForeignCallError as error:
        raise CheckpointError(
            f"opening this file would run code ({error}); it was refused and nothing was run",
            path=path,
            hint="Use a file from a source you trust, best as .safetensors",
        ) from None
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:100]
        raise CheckpointError(
            "this is not a checkpoint, or it is damaged" + (f" ({reason})" if reason else ""),
            path=path,
            hint="Checkpoints are .pth, .pt or .safetensors files; copy it again from its source",
        ) from None


def _broken(path: Path, why: str) -> CheckpointError:
    why = " ".join(why.split())[:100]
    return CheckpointError(f"the file is damaged ({why})", path=path, hint="Copy it again from its source")


def _cannot_open(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"the checkpoint cannot be opened ({reason})", path=path, hint="Check the path")
