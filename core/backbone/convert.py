"""Weights as they are published -> tensors under timm's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import ModelInfo
from counterpart.core.backbone.tensor_files import StoredTensor, TensorFile
from counterpart.core.backbone.weights import State
from counterpart.core.errors import CheckpointError, ModelNotInstalledError

# Hugging Face's names of a block's parts -> timm's; each with weight and bias, but for layer scale.
_COMMON_PARTS = {"attention.output.dense": "attn.proj"}
_DINOV2_PARTS = _COMMON_PARTS | {
    "norm1": "norm1",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
_VIT_PARTS = _COMMON_PARTS | {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}
_STEM = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}

_OFFICIAL = "patch_embed.proj.weight"
_HUGGING_FACE = "embeddings.patch_embeddings.projection.weight"
_RESNET = "conv1.weight"
SUPPORTED = "Supported are ViTs in the layout of DINO, DINOv2, timm or Hugging Face, and ResNet-50"
"""A sentence on the layouts that are known."""

# What the names of tensors begin with that serve training or classifying, and no features.
_HEADS = ("head.", "fc.", "head_dist.", "fc_norm.", "mask_token")


def read_backbone(path: Path) -> State:
    """Tensors of the backbone in a file, by timm's names, float32, without heads.

    Raises:
        CheckpointError: Not a checkpoint, damaged, unsafe, or without a backbone of a known layout.
    """
    with TensorFile(path) as file:
        first, tensors = _backbone(file)
        # Tensors may share numbers, in a file made for it so often that no memory holds them.
        if sum(tensor.nbytes for tensor in tensors.values()) > file.size:
            raise CheckpointError(
                "its tensors hold more numbers than the file", path=path, hint="Copy it again from its source"
            )
        arrays = {name: tensor.array() for name, tensor in tensors.items()}
    try:
        convert = {_OFFICIAL: from_official, _HUGGING_FACE: from_hugging_face}.get(first, dict)
        return without_head(convert(arrays))
    except (KeyError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"the network in this file is incomplete or of an unknown layout ({why})", path=path, hint=SUPPORTED
        ) from None


def _backbone(file: TensorFile) -> tuple[str, dict[str, StoredTensor]]:
    """Find the backbone by its first layer: that layer's name, and the tensors by their names below the prefix."""
    for first in (_OFFICIAL, _HUGGING_FACE, _RESNET):
        # The shortest prefix: where a checkpoint holds several networks, the outermost.
        for name in sorted((n for n in file.tensors if n == first or n.endswith(f".{first}")), key=len):
            if first == _RESNET and file.tensors[name].shape != (64, 3, 7, 7):
                continue
            prefix = name.removesuffix(first)
            found = {n[len(prefix) :]: tensor for n, tensor in file.tensors.items() if n.startswith(prefix)}
            return first, {n: tensor for n, tensor in found.items() if not n.startswith(_HEADS)}
    raise CheckpointError(
        f"there is no vision transformer or ResNet-50 in this file (its first tensor is '{next(iter(file.tensors))}')",
        path=file.path,
        hint=SUPPORTED,
    )


def from_onnx(data: bytes, path: Path) -> State:
    """Read the DINOv2 backbone out of an exported ONNX graph with Hugging Face's names.

    The exporter stores the weights of linear layers transposed under anonymous names; the names of the nodes that
    use them say which layer they belong to. It also folded the class token and its position into one constant, and the
    patches' positions into another.

    Raises:
        CheckpointError: Not such a graph.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import numpy_helper

    try:
        graph = onnx.load_model_from_string(data).graph
    except DecodeError as error:
        raise CheckpointError(f"the ONNX file is damaged ({error})", path=path, hint="Install it again") from None
    raw = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    named = {name.removeprefix("backbone."): value for name, value in raw.items() if name.startswith("backbone.")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in raw and node.name.startswith("/backbone/"):
            # "/backbone/encoder/layer.0/mlp/fc1/MatMul" -> "encoder.layer.0.mlp.fc1.weight"
            layer = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            named[f"{layer}.weight"] = raw[node.input[1]].T
    try:
        named["embeddings.position_embeddings"] = _onnx_positions(raw)
        return from_hugging_face(named)
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"the ONNX file has no complete DINOv2 backbone ({error} is missing)", path=path, hint="Install it again"
        ) from None


def from_hugging_face(named: Mapping[str, NDArray[Any]]) -> State:
    """A ViT or DINOv2 by Hugging Face's names -> timm's names.

    Raises:
        KeyError: A part is missing.
        ValueError: There are no blocks.
    """
    state = {ours: named[theirs] for theirs, ours in _STEM.items()}
    if "embeddings.register_tokens" in named:
        state["register_tokens"] = named["embeddings.register_tokens"]
    depth = 1 + max(int(match[1]) for name in named if (match := re.match(r"encoder\.layer\.(\d+)\.", name)))
    for index in range(depth):
        prefix = f"encoder.layer.{index}."
        renamed = _DINOV2_PARTS if prefix + "norm1.weight" in named else _VIT_PARTS
        for theirs, ours in renamed.items():
            if not ours.startswith("ls") or prefix + theirs in named:
                for kind in ("",) if ours.startswith("ls") else (".weight", ".bias"):
                    state[f"blocks.{index}.{ours}{kind}"] = named[f"{prefix}{theirs}{kind}"]
        for kind in ("weight", "bias"):
            if kind == "weight" or f"{prefix}attention.attention.query.bias" in named:
                parts = [named[f"{prefix}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
                state[f"blocks.{index}.attn.qkv.{kind}"] = np.concatenate(parts)
    return from_official({name: np.ascontiguousarray(value) for name, value in state.items()})


def from_official(named: Mapping[str, NDArray[Any]]) -> State:
    """A ViT by DINO's, DINOv2's or timm's own names -> timm's names.

    With registers, timm keeps no position for the class token; DINOv2 does, and it is added to the token here.

    Raises:
        KeyError: A part is missing.
        ValueError: A gated MLP, which is not supported.
    """
    state = dict(named)
    if any(".mlp.w12." in name for name in state):
        raise ValueError("gated MLPs are not supported")
    _check_stem(state)
    if "register_tokens" in state:
        state["reg_token"] = state.pop("register_tokens")
        positions = state["pos_embed"]
        state["cls_token"] = state["cls_token"] + positions[:, :1]
        state["pos_embed"] = positions[:, 1:]
    return state


def _check_stem(state: Mapping[str, NDArray[Any]]) -> None:
    """Check the shapes that the rest of the network's follow from.

    Raises:
        KeyError: A part is missing.
        ValueError: One has another shape than in any ViT.
    """
    width = state["patch_embed.proj.weight"].shape[:1]
    for name, wanted in (
        ("patch_embed.proj.weight", (*width, 3, None, None)),
        ("pos_embed", (1, None, *width)),
        ("cls_token", (1, 1, *width)),
        ("register_tokens", (1, None, *width)),
        ("reg_token", (1, None, *width)),
    ):
        if name in state or name in ("cls_token", "pos_embed"):
            shape = state[name].shape
            if len(shape) != len(wanted) or any(b is not None and a != b for a, b in zip(shape, wanted, strict=True)):
                raise ValueError(f"{name} has shape {shape}")


def _onnx_positions(raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """(1, 1 + N, width) position embedding from the exporter's two constants: one for the class, one for N patches."""
    width = raw["backbone.embeddings.cls_token"].shape[-1]
    constants = [v for k, v in raw.items() if k.startswith("onnx::") and v.ndim == 3 and v.shape[::2] == (1, width)]
    (class_position,) = [v for v in constants if v.shape[1] == 1]
    (positions,) = [v for v in constants if v.shape[1] > 1]
    return np.concatenate([class_position, positions], axis=1)


def from_hub(repository: str, folder: Path, info: ModelInfo) -> State:
    """Fetch a model from the hub through timm and return its backbone.

    Raises:
        ModelNotInstalledError: The hub cannot be reached.
        CheckpointError: What came is not the model.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        file = Path(hf_hub_download(repository, "model.safetensors", local_dir=folder))
    except (OSError, HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelNotInstalledError(f"the model hub could not be reached for {repository} ({reason})") from None
    state = read_backbone(file)
    check_fits(state, info, file)
    check_numbers(state, file)
    return state


def without_head(state: Mapping[str, NDArray[Any]]) -> State:
    """The backbone's tensors in float32, the classifier left out."""
    return {k: np.asarray(v, dtype=_kept(v)) for k, v in state.items() if not k.startswith(_HEADS)}


def _kept(value: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if np.issubdtype(value.dtype, np.floating) else value.dtype


def build_module(info: ModelInfo) -> Any:
    """Timm's module of a model, without weights (on torch's meta device: no memory, no random numbers drawn)."""
    import timm
    import torch
    from timm.models.vision_transformer import VisionTransformer

    with torch.device("meta"):
        shape = info.architecture
        if shape is None:
            return timm.create_model(info.timm_name, pretrained=False, num_classes=0).eval()
        return VisionTransformer(
            img_size=shape.grid * shape.patch,
            patch_size=shape.patch,
            embed_dim=shape.width,
            depth=shape.depth,
            num_heads=shape.heads,
            mlp_ratio=shape.hidden / shape.width,
            qkv_bias=shape.qkv_bias,
            init_values=1e-5 if shape.layer_scale else None,
            reg_tokens=shape.registers,
            no_embed_class=not shape.class_position,
            num_classes=0,
        ).eval()


def check_fits(state: Mapping[str, NDArray[Any]], info: ModelInfo, path: Path) -> None:
    """Check that tensors fill a model's module exactly: the same names, the same shapes.

    Raises:
        CheckpointError: They do not; says what differs first.
    """
    wanted = {name: tuple(value.shape) for name, value in build_module(info).state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    missing = sorted(wanted.keys() - given.keys())
    extra = sorted(given.keys() - wanted.keys())
    wrong = sorted(name for name in wanted.keys() & given.keys() if wanted[name] != given[name])
    if not (missing or extra or wrong):
        return
    if wrong:
        detail = f"{wrong[0]} has shape {given[wrong[0]]} instead of {wanted[wrong[0]]}"
    elif missing:
        detail = f"{missing[0]} is missing"
    else:
        detail = f"{extra[0]} has no place in it"
    raise CheckpointError(
        f"these weights are not those of {info.name}: {detail} "
        f"({len(missing)} missing, {len(extra)} unknown, {len(wrong)} of another shape)",
        path=path,
        hint="Choose the architecture they were trained with, or import them under a name of their own",
    )


def check_numbers(state: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Check that weights are finite floating-point numbers.

    Raises:
        CheckpointError: They are not; names the first tensor.
    """
    for name, value in state.items():
        if value.dtype.kind != "f" and not name.endswith("num_batches_tracked"):
            raise CheckpointError(
                f"{name} holds {value.dtype} instead of floating-point numbers",
                path=path,
                hint="Give the weights as they were trained, not quantised",
            )
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise CheckpointError(
                f"{name} holds values that are not numbers", path=path, hint="Training diverged or the file is damaged"
            )
