"""Use case: descriptors of images as files that other programs can read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.files import write_bytes
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.outputs import check_writable, output_paths


@dataclass(frozen=True, slots=True)
class ExtractParams:
    """What to extract.

    Attributes:
        taps: Where to read; the first is stored as `descriptors`, further ones as `descriptors.LAYER.FACET`.
        size: Input size.
        stride: Distance of patches, input pixels.
        bin: Levels of log-binning above the token itself (paper: 2); 0 for none.
        dtype: Type of the stored tensors.
        heads: Attention heads averaged into the saliency; None for the model's own choice.
    """

    taps: tuple[Tap, ...]
    size: Size
    stride: int
    bin: int = 0
    dtype: Literal["float16", "float32"] = "float32"
    heads: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """One image's file."""

    name: str
    file: Path
    grid_hw: tuple[int, int]
    image_hw: tuple[int, int]


def extract_to_files(
    engine: Engine, refs: Sequence[ImageRef], params: ExtractParams, out: Path, ctx: JobContext
) -> list[Extracted]:
    """Write one .safetensors file per image.

    Its tensors are `descriptors` (rows, columns, D), `saliency` (rows, columns) in [0, 1] and `cls` (D,).
    Images that cannot be used are recorded in `ctx.failures`. Files appear whole or not at all.

    Raises:
        UsageError: A request the model cannot answer.
        OutputError: `out` cannot be written.
        JobCancelledError: Cancelled; files written so far stay.
    """
    from counterpart.core.backbone.extractor import extract

    if params.bin < 0 or params.bin > 4:
        raise UsageError(f"--bin {params.bin} is not possible", hint="Use 0 for none up to 4; the paper uses 2")
    _check_heads(engine, params.heads)
    check_writable(out)
    spec = engine.plan.spec(params.taps, params.stride, params.size, saliency=True, storage=params.dtype)
    # Full-precision descriptors are asked for once, to be kept elsewhere: they would only push others out of
    # the cache.
    cache = engine.cache if params.dtype == "float16" else None
    paths = output_paths(refs, out, ".safetensors")
    written = []
    for index, feature_map in extract(refs, spec, engine.encoder, ctx, cache):
        write_bytes(paths[index], _encode(feature_map, params, engine, refs[index]))
        geometry = feature_map.geometry
        written.append(Extracted(refs[index].name, paths[index], geometry.grid_hw, geometry.image_hw))
    return written


def _check_heads(engine: Engine, heads: tuple[int, ...] | None) -> None:
    if heads is None:
        return
    if engine.info.heads == 0:
        raise UsageError(f"{engine.info.name} has no attention heads", hint="Leave --heads-saliency out")
    wrong = [head for head in heads if not 0 <= head < engine.info.heads]
    if wrong or not heads:
        raise UsageError(
            f"{engine.info.name} has no head {wrong[0] if wrong else ''}".rstrip(),
            hint=f"Its heads are 0 to {engine.info.heads - 1}",
        )


def _encode(feature_map: FeatureMap, params: ExtractParams, engine: Engine, ref: ImageRef) -> bytes:
    from safetensors.numpy import save

    tensors: dict[str, NDArray[np.floating]] = {}
    for index, tap in enumerate(feature_map.spec.taps):
        suffix = "" if index == 0 else f".{tap.layer}.{tap.facet}"
        tensors[f"descriptors{suffix}"] = _binned(feature_map, tap, params)
        tensors[f"cls{suffix}"] = feature_map.class_descriptor(tap).astype(params.dtype)
    saliency = _saliency(feature_map, params, engine)
    if saliency is not None:
        tensors["saliency"] = saliency.astype(params.dtype)
    metadata = {
        "spec": json.dumps(feature_map.spec.as_dict()),
        "geometry": json.dumps(feature_map.geometry.as_dict()),
        "image": ref.name,
        "image_sha256": feature_map.image_sha256,
        "bin": str(params.bin),
        "heads": json.dumps(params.heads or engine.defaults.saliency_heads),
        "format": "counterpart features 1",
    }
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata=metadata)


def _binned(feature_map: FeatureMap, tap: Tap, params: ExtractParams) -> NDArray[np.floating]:
    descriptors = feature_map.descriptors(tap)
    if params.bin:
        from counterpart.core.features.binning import log_bin

        descriptors = log_bin(descriptors, params.bin)
    return descriptors.astype(params.dtype, copy=False)


def _saliency(feature_map: FeatureMap, params: ExtractParams, engine: Engine) -> NDArray[np.float32] | None:
    if feature_map.attention is None:
        return None
    from counterpart.core.features.saliency import cls_saliency

    return cls_saliency(feature_map, params.heads or engine.defaults.saliency_heads)
