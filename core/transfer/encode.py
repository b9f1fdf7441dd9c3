"""Features of views of image files, each computed once: windows and mirror images are cached like plain images."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.features.cache import FeatureCache, fingerprint
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.images.decoding import open_source
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import Box
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.views import View, ViewKey, box_window, mirrored_copy, template_window

if TYPE_CHECKING:
    from counterpart.core.backbone.encoder import Encoder

_CHUNK = 8
"""Images whose missing views are encoded together."""


def target_views(image_hw: tuple[int, int], box: Box | None, params: TransferParams) -> tuple[ViewKey, ...]:
    """What is looked at of a target: the box's window and the whole image, or the whole image alone; and mirrored."""
    window = None if box is None else box_window(box, image_hw)
    first = ViewKey(window)
    keys = [first, mirrored_copy(first)] if params.mirror_target else [first]
    if window is not None:
        keys.append(ViewKey())
    return tuple(keys)


def template_views(
    image_hw: tuple[int, int],
    xy: NDArray[np.float64],
    visible: NDArray[np.bool_],
    box: Box | None,
    params: TransferParams,
) -> tuple[ViewKey, ...]:
    """What is looked at of a template: the window that shows its instance, and that mirrored."""
    first = ViewKey(template_window(xy, visible, box, image_hw))
    return (first, mirrored_copy(first)) if params.mirror_templates else (first,)


def encode_views(
    refs: Sequence[ImageRef],
    keys: Sequence[Sequence[ViewKey]],
    spec: FeatureSpec,
    encoder: Callable[[], Encoder],
    cache: FeatureCache | None,
    ctx: JobContext,
) -> Iterator[tuple[int, tuple[View, ...]]]:
    """Features of views of image files, a few images at a time.

    An image that cannot be used is recorded with `ctx.fail` and left out.

    Args:
        refs: The images; one may occur several times.
        keys: The views wanted of each.
        spec: What to read.
        encoder: Gives the encoder; called only if the cache lacks something.
        cache: Where features are looked up and kept.
        ctx: Progress and cancellation.

    Yields:
        (index into `refs`, views in the order of the keys), in order.

    Raises:
        JobCancelledError: Cancelled.
    """
    cache = cache or FeatureCache(None)
    for start in range(0, len(refs), _CHUNK):
        chunk = range(start, min(start + _CHUNK, len(refs)))
        pending = _Pending(spec, cache)
        for index in chunk:
            ctx.step(index, len(refs), f"Features of {refs[index].name}")
            try:
                pending.look_up(index, refs[index], keys[index])
            except ImageError as error:
                ctx.fail(error)
        pending.encode(encoder, ctx)
        yield from pending.results(keys)


class _Pending:
    """The views of a few images: those found, and those still to be encoded."""

    def __init__(self, spec: FeatureSpec, cache: FeatureCache) -> None:
        self._spec, self._cache = spec, cache
        self._found: dict[int, dict[ViewKey, FeatureMap]] = {}
        self._missing: list[tuple[int, ViewKey, str, NDArray[np.uint8]]] = []

    def look_up(self, index: int, ref: ImageRef, keys: Sequence[ViewKey]) -> None:
        """Take what the cache has, and the pixels of what it lacks.

        Raises:
            ImageError: The file cannot be read.
        """
        sha256 = self._cache.image_digest(ref) or _file_digest(ref, self._cache)
        found: dict[ViewKey, FeatureMap] = {}
        lacking = []
        for key in dict.fromkeys(keys):
            hit = self._cache.get(key.digest(sha256), self._spec)
            if hit is None:
                lacking.append(key)
            else:
                found[key] = hit
        if lacking:
            image = read_image(ref.path)
            self._missing += [(index, key, key.digest(image.sha256), key.cut(image.rgb)) for key in lacking]
        self._found[index] = found

    def encode(self, encoder: Callable[[], Encoder], ctx: JobContext) -> None:
        """Compute and keep what is missing."""
        if not self._missing:
            return
        from counterpart.core.backbone.extractor import extract_arrays

        pixels = [rgb for *_, rgb in self._missing]
        maps = extract_arrays(pixels, self._spec, encoder(), ctx)
        for (index, key, digest, _), feature_map in zip(self._missing, maps, strict=True):
            named = dataclasses.replace(feature_map, image_sha256=digest)
            self._cache.put(named)
            self._found[index][key] = named

    def results(self, keys: Sequence[Sequence[ViewKey]]) -> Iterator[tuple[int, tuple[View, ...]]]:
        """The views of each image in the order asked for."""
        for index, found in self._found.items():
            yield index, tuple(View(key, found[key]) for key in keys[index])


def _file_digest(ref: ImageRef, cache: FeatureCache) -> str:
    mark = fingerprint(ref.path)
    try:
        with open_source(ref.path, whole=False) as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]
    except (ImageError, OSError):
        return read_image(ref.path).sha256  # which says what is wrong
    cache.remember_digest(mark, digest)
    return digest
