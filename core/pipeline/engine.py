"""The engine: one model, where it runs, the cache of what it computed, and what is noted about its results."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import DEFAULT_MODEL, ModelDefaults, ModelInfo, model_info
from counterpart.core.errors import ImageError, UsageError
from counterpart.core.features.cache import FeatureCache, cache_dir
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import Provenance

if TYPE_CHECKING:
    from counterpart.core.backbone.encoder import Encoder
    from counterpart.core.backbone.plan import EncoderPlan


def open_cache(folder: str | Path | None = None) -> FeatureCache:
    """A cache in the given folder, in the user's cache folder for None, or in memory alone for `none`."""
    if isinstance(folder, str) and folder.lower() == "none":
        return FeatureCache(None)
    return FeatureCache(cache_dir() if folder is None else Path(folder))


class Engine:
    """Features on demand. Costs nothing until features are asked for that the cache lacks. For one thread at a time.

    Args:
        model: Registry name.
        device: `auto`, `cpu`, `cuda`, `mps`, …
        precision: `auto` or an arithmetic type.
        cache: Where features are kept: a cache, a folder, or `none` for memory alone. The user's cache folder by
            default.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        device: str = "auto",
        precision: str = "auto",
        cache: FeatureCache | str | Path | None = None,
    ) -> None:
        self.info: ModelInfo = model_info(model)
        self.cache = cache if isinstance(cache, FeatureCache) else open_cache(cache)
        self._device, self._precision = device, precision
        self._plan: EncoderPlan | None = None
        self._encoder: Encoder | None = None

    @property
    def defaults(self) -> ModelDefaults:
        """The model's starting values for every task."""
        return self.info.defaults

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._encoder is not None

    @property
    def plan(self) -> EncoderPlan:
        """Weights and placement, known without reading the weights.

        Raises:
            ModelNotInstalledError: The model is not installed.
            UsageError: No such device or precision.
        """
        if self._plan is None:
            from counterpart.core.backbone.plan import plan_encoder

            self._plan = plan_encoder(self.info.name, self._device, self._precision)
        return self._plan

    def encoder(self) -> Encoder:
        """The loaded model.

        Raises:
            ModelNotInstalledError: The model is not installed.
            CheckpointError: Its weights are damaged.
        """
        if self._encoder is None:
            from counterpart.core.backbone.load import load_encoder

            self._encoder = load_encoder(self.plan)
        return self._encoder

    def features(
        self,
        refs: Sequence[ImageRef],
        taps: Sequence[Tap],
        size: Size,
        stride: int,
        ctx: JobContext,
        *,
        saliency: bool | int = True,
        storage: Literal["float16", "float32"] = "float16",
        cache: FeatureCache | None = None,
    ) -> FeatureSet:
        """Features of image files. Images that cannot be used are recorded in `ctx.failures` and left out.

        Args:
            refs: The images; at least one.
            taps: Where to read.
            size: Input size.
            stride: Distance of patches, input pixels.
            ctx: Progress and cancellation.
            saliency: Keep class attention (of the model's layer, or of the block given).
            storage: Type that descriptors are kept in.
            cache: Where they are kept, instead of the engine's own.

        Raises:
            UsageError: Nothing to do, or a request the model cannot answer.
            ImageError: None of the images can be used.
        """
        from counterpart.core.backbone.extractor import extract_set

        if not refs:
            raise UsageError("there are no images", hint="Name at least one image or folder")
        spec = self.plan.spec(taps, stride, size, saliency, storage)
        found = extract_set(refs, spec, self.encoder, ctx, cache or self.cache)
        if not found:
            raise ImageError("none of the images can be used", hint="See the reasons given for each")
        return found

    def arrays(
        self,
        images: Sequence[NDArray[np.uint8]],
        taps: Sequence[Tap],
        size: Size,
        stride: int,
        ctx: JobContext,
        *,
        saliency: bool = True,
    ) -> list[FeatureMap]:
        """Features of (height, width, 3) uint8 RGB images in memory, one map each, in order; not cached."""
        from counterpart.core.backbone.extractor import extract_arrays

        return extract_arrays(images, self.plan.spec(taps, stride, size, saliency), self.encoder(), ctx)

    def provenance(self, job: str, params: Any) -> Provenance:
        """Where predictions of this model come from.

        Args:
            job: Kind of job, `parts`, `transfer`.
            params: Everything that determined them: a dataclass, or a mapping of plain values.
        """
        text = json.dumps(params if isinstance(params, Mapping) else plain(params))
        return Provenance(job, text, self.info.name, self.plan.weights_sha256)


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as values that JSON holds."""
    out: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(value), default=str))
    return out


def failed_images(refs: Mapping[int, ImageRef], ctx: JobContext) -> dict[int, str]:
    """Why images of a project could not be used, by id: of the failures so far, those that name one of their files."""
    where = {ref.path: image for image, ref in refs.items()}
    return {where[error.path]: str(error) for error in ctx.failures if error.path in where}
