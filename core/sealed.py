"""Files of the program's own that notice when any bit of them has changed.

A seal is a digest of everything: of a safetensors file its every byte, header and checksums included; of a JSON object
all its values. Damage is then found before anything is used, wherever it lies: in a number, a shape, a type, a name.
Against somebody who means harm a seal is nothing; whoever can write the file can write the seal.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what only seals text, as the table of models does at every start, goes without
    from numpy.typing import NDArray

_KEY = "seal"
_FIELD = re.compile(rb'"seal":"([0-9a-f]{64})"')
_BLANK = b"0" * 64
_LONGEST_HEADER = 10_000_000


def seal(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> bytes:
    """A sealed safetensors file; any reader of safetensors can read it.

    Args:
        arrays: By name; made contiguous.
        about: Its metadata.
    """
    import numpy as np
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    data = bytearray(save(contiguous, {**about, _KEY: _BLANK.decode()}))
    place = data.index(b'"%s":"%s"' % (_KEY.encode(), _BLANK)) + len(_KEY) + 4
    data[place : place + len(_BLANK)] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def unseal(path: Path, *, required: bool = False) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of a safetensors file.

    Args:
        path: The file.
        required: Refuse a file without a seal; else it is read as it is, like those of versions before there were any.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged, or something else.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if path.exists() and not path.is_file():
        raise ValueError("it is not a file")  # a pipe would be waited for
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= min(_LONGEST_HEADER, len(data) - 8):
        raise ValueError("it has no header of safetensors")
    header = data[8 : 8 + length]
    field = _FIELD.search(header)
    if field is not None:
        start, end = 8 + field.start(1), 8 + field.end(1)
        digest = hashlib.sha256(memoryview(data)[:start])
        digest.update(_BLANK)
        digest.update(memoryview(data)[end:])
        if digest.hexdigest().encode() != field[1]:
            raise ValueError("it has changed since it was written")
    elif required:
        raise ValueError("it has no seal")
    try:
        about = dict(json.loads(header).get("__metadata__") or {})
        # Copied: `load` gives views of bytes, which nothing may write to.
        arrays = {name: np.array(array) for name, array in load(data).items()}
    except (SafetensorError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    about.pop(_KEY, None)
    return arrays, about


def seal_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a JSON object with their seal among them."""
    return {**values, _KEY: _digest(values)}


def unseal_values(values: Any, *, required: bool = False) -> dict[str, Any]:
    """The values without their seal.

    Raises:
        ValueError: They have changed since they were sealed, or are no object; without a seal, where it is required.
    """
    if not isinstance(values, dict):
        raise ValueError("it is no object")  # noqa: TRY004 (what a damaged file holds, not a wrong argument)
    content = {name: value for name, value in values.items() if name != _KEY}
    if _KEY in values:
        if values[_KEY] != _digest(content):
            raise ValueError("it has changed since it was written")
    elif required:
        raise ValueError("it has no seal")
    return content


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
