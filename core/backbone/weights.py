"""Installed weights: which there are, reading and keeping them.

Each model is two files: `NAME.safetensors` (the backbone alone, timm's names, float32) and `NAME.json` beside it
(digests and where it came from; for imported models their shape too). The second is written last: without it, a
model is not installed. Asking what is installed needs no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.folder import models_dir, unwritable, working_folder
from counterpart.core.backbone.registry import ModelInfo, model_info
from counterpart.core.errors import CheckpointError, CounterpartError, ModelNotInstalledError
from counterpart.core.sealed import seal_values, unseal_values

State = dict[str, NDArray[Any]]
"""Tensors of a model by timm's names."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What the sidecar file of an installed model says.

    Attributes:
        file: The weights.
        sha256: Of the weights file.
        weights: Digest of the tensors themselves, the same on every machine however the file was written; part of every
            cache key and of the provenance of every result.
        source: Where they came from, for a person.
    """

    file: Path
    sha256: str
    weights: str
    source: str


def is_installed(name: str) -> bool:
    """Whether the weights of a model are complete on this machine (their digest is checked when they are loaded)."""
    try:
        installed(name)
    except CounterpartError:
        return False
    return True


def weights_file(name: str) -> Path:
    """The weights of an installed model.

    Raises:
        UsageError: No such model.
        ModelNotInstalledError: Not installed; says which file is missing where, and which command installs it.
    """
    return installed(name).file


def installed(name: str) -> Installed:
    """What is known about an installed model's weights.

    Raises:
        UsageError: No such model.
        ModelNotInstalledError: Not installed; says which file is missing where, and which command installs it.
    """
    info = model_info(name)
    file = models_dir() / f"{name}.safetensors"
    sidecar = file.with_suffix(".json")
    try:
        data = unseal_values(json.loads(sidecar.read_text(encoding="utf-8")))
        record = Installed(file, str(data["sha256"]), str(data["weights"]), str(data["source"]))
        if file.stat().st_size == int(data["bytes"]):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ModelNotInstalledError(
        f"the weights of {name} are not installed: there is no complete {file.name} in {file.parent}",
        path=file,
        hint=how_to_install(info),
    )


def how_to_install(info: ModelInfo) -> str:
    """One sentence on getting a model's weights."""
    files = [source.name for source in info.sources if source.kind == "file"]
    by_hand = f"counterpart models import FILE --arch {info.name}"
    if files:
        by_hand += f" (FILE being the publisher's {files[0]})"
    if all(source.kind == "file" for source in info.sources):
        return f"Run: {by_hand}"
    return f"Run: counterpart models install {info.name}, or without a network: {by_hand}"


def store_weights(
    name: str, state: Mapping[str, NDArray[Any]], source: str, model: dict[str, object] | None = None
) -> Path:
    """Keep a backbone's tensors in the folder of models, whole or not at all.

    Args:
        name: Name of the model.
        state: Tensors by timm's names.
        source: Where they came from, for a person.
        model: Description of an imported model that is not in the registry.

    Returns:
        The weights file.

    Raises:
        OutputError: The folder of models cannot be written.
    """
    from safetensors.numpy import save_file

    tensors = {key: np.ascontiguousarray(state[key]) for key in sorted(state)}
    target = models_dir() / f"{name}.safetensors"
    with working_folder() as folder:
        fresh = folder / target.name
        try:
            save_file(tensors, fresh, metadata={"model": name, "source": source})
            record = {
                "name": name,
                "source": source,
                "sha256": file_sha256(fresh),
                "weights": tensors_digest(tensors),
                "bytes": fresh.stat().st_size,
            }
            if model is not None:
                record["model"] = model
            sidecar = fresh.with_suffix(".json")
            sidecar.write_text(json.dumps(seal_values(record), indent=2) + "\n", encoding="utf-8")
            target.with_suffix(".json").unlink(missing_ok=True)  # never old digests beside new weights
            fresh.replace(target)
            sidecar.replace(target.with_suffix(".json"))
        except OSError as error:
            raise unwritable(target, error) from None
    return target


def read_weights(name: str) -> tuple[State, Installed]:
    """Tensors of an installed model, after checking the file's digest.

    Raises:
        UsageError: No such model.
        ModelNotInstalledError: Not installed.
        CheckpointError: The file changed since it was installed.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    record = installed(name)
    try:
        state: State = load_file(record.file) if file_sha256(record.file) == record.sha256 else {}
    except (SafetensorError, OSError):
        state = {}
    if not state:
        raise CheckpointError(
            f"the installed weights of {name} are damaged",
            path=record.file,
            hint=f"Delete the file. {how_to_install(model_info(name))}",
        )
    return state, record


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tensors_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Hex digest over names, types, shapes and values; independent of how a file orders or pads them."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.data)
    return digest.hexdigest()
