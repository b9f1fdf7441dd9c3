"""Features of images: read the file, resize, encode, remember. Whatever the cache has is not computed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.plan import MAX_TOKENS
from counterpart.core.backbone.registry import model_info
from counterpart.core.errors import CounterpartError, ImageError, UsageError
from counterpart.core.features.cache import FeatureCache, fingerprint
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.decoding import open_source
from counterpart.core.images.reading import ImageRef, read_image, resize_rgb
from counterpart.core.jobs import JobContext, silent

if TYPE_CHECKING:
    from counterpart.core.backbone.encoder import Encoder


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An image that is decoded and resized, on its way to the encoder."""

    index: int
    sha256: str
    geometry: GridGeometry
    rgb: NDArray[np.uint8]


def extract(
    refs: Sequence[ImageRef],
    spec: FeatureSpec,
    encoder: Encoder | Callable[[], Encoder] | None,
    ctx: JobContext | None = None,
    cache: FeatureCache | None = None,
    batch: int | None = None,
) -> Iterator[tuple[int, FeatureMap]]:
    """Features of image files, in batches.

    An image that cannot be used is recorded with `ctx.fail` and left out; the others are done.

    Args:
        refs: The images.
        spec: What to read; from the same encoder or its plan.
        encoder: The encoder, or a function that loads it: called once, and only if the cache lacks something.
        ctx: Progress and cancellation, between images and between the encoder's blocks.
        cache: Where features are looked up and kept.
        batch: Images that are encoded together at most; by default what fits the device.

    Yields:
        (index into `refs`, features), in the order of the refs within each batch; cached ones as they are met.

    Raises:
        JobCancelledError: Cancelled.
        CounterpartError: The encoder is needed and cannot be loaded, or does not fit the spec.
    """
    ctx = ctx or silent()
    loader = _Loader(encoder)
    pixels = _Pixels(spec)
    waiting: list[_Waiting] = []
    done = 0
    for index, ref in enumerate(refs):
        ctx.step(done, len(refs), f"Features of {ref.name}")
        try:
            found = _cached(ref, spec, cache)
            if found is None:
                waiting.append(pixels.read(index, ref, cache, ctx))
        except ImageError as error:
            ctx.fail(error)
            done += 1
            continue
        if found is not None:
            done += 1
            yield index, found
            continue
        if not loader.loaded:
            ctx.step(done, len(refs), f"Loading {spec.model}")
        if len(waiting) >= (batch or loader.get().batch_size(_mean_tokens(waiting))):
            yield from _flush(waiting, spec, loader, ctx, cache)
            done += len(waiting)
            waiting = []
    if waiting:
        yield from _flush(waiting, spec, loader, ctx, cache)
    ctx.step(len(refs), len(refs), "Features are ready")


def extract_arrays(
    images: Sequence[NDArray[np.uint8]], spec: FeatureSpec, encoder: Encoder, ctx: JobContext | None = None
) -> list[FeatureMap]:
    """Features of images in memory (augmentations, mirrored copies, video frames).

    Args:
        images: (height, width, 3) uint8 RGB arrays of any size.
        spec: What to read.
        encoder: The encoder.
        ctx: Progress and cancellation.

    Returns:
        One map per image, in order; its image digest is that of the pixels.

    Raises:
        UsageError: An image cannot be fed at the size asked for.
        JobCancelledError: Cancelled.
    """
    ctx = ctx or silent()
    pixels = _Pixels(spec)
    waiting = [pixels.prepare(i, _pixel_digest(rgb), rgb) for i, rgb in enumerate(images)]
    out: list[FeatureMap] = []
    while len(out) < len(waiting):
        ctx.step(len(out), len(waiting), "Features")
        count = encoder.batch_size(waiting[len(out)].geometry.tokens)
        out += _encode(waiting[len(out) : len(out) + count], spec, encoder, ctx)
    return out


def extract_set(
    refs: Sequence[ImageRef],
    spec: FeatureSpec,
    encoder: Encoder | Callable[[], Encoder] | None,
    ctx: JobContext | None = None,
    cache: FeatureCache | None = None,
) -> FeatureSet:
    """Make sure that the features of all images exist, and return them as a sequence that does not hold them in memory.

    Args: As for `extract`.

    Returns:
        Features of the images that could be used; `indices` says which of `refs` they are. With no cache on disk, or
        one that cannot be written, the set holds its features itself.

    Raises:
        As `extract`.
    """
    ctx = ctx or silent()
    cache = cache or FeatureCache(None)
    loader = _Loader(encoder)
    held: dict[int, FeatureMap] = {}
    digests: dict[int, str] = {}
    missing = []
    for index, ref in enumerate(refs):
        ctx.check()
        digest = cache.image_digest(ref)
        if digest is not None and cache.folder is not None and cache.has(digest, spec):
            digests[index] = digest
        else:
            missing.append(index)
    for position, feature_map in extract([refs[i] for i in missing], spec, loader.get, ctx, cache):
        index = missing[position]
        digests[index] = feature_map.image_sha256
        if cache.folder is None or not cache.on_disk(feature_map.image_sha256, spec):
            held[index] = feature_map
    order = sorted(digests)

    def recompute(ref: ImageRef, digest: str) -> FeatureMap:
        for _, again in extract([ref], spec, loader.get, ctx, cache):
            if again.image_sha256 == digest:
                return again
        raise ImageError(
            "the image changed or went away while it was worked on", path=ref.path, hint="Start the job again"
        )

    return FeatureSet(
        [refs[i] for i in order],
        [digests[i] for i in order],
        spec,
        cache,
        recompute,
        held={position: held[i] for position, i in enumerate(order) if i in held},
        indices=order,
    )


class _Loader:
    """Gets the encoder once, when it is needed."""

    def __init__(self, source: Encoder | Callable[[], Encoder] | None) -> None:
        self._source = source

    @property
    def loaded(self) -> bool:
        """Whether getting it costs nothing."""
        return self._source is not None and not callable(self._source)

    def get(self) -> Encoder:
        """The encoder.

        Raises:
            CounterpartError: There is none, or loading it failed.
        """
        if self._source is None:
            raise CounterpartError("features are missing and there is no model to compute them with")
        if callable(self._source):
            self._source = self._source()
        return self._source


class _Pixels:
    """Brings images to the network's input size."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._patch = model_info(spec.model).patch

    def read(self, index: int, ref: ImageRef, cache: FeatureCache | None, ctx: JobContext) -> _Waiting:
        """Decode and resize an image file; what of it is left out is warned about.

        Raises:
            ImageError: It cannot be read, or not fed at the size asked for.
        """
        mark = fingerprint(ref.path)
        image = read_image(ref.path)
        ref.check_size(image.hw)
        if image.note:
            ctx.warn(f"{ref.name}: {image.note}")
        if cache is not None:
            cache.remember_digest(mark, image.sha256)
        try:
            return self.prepare(index, image.sha256, image.rgb)
        except UsageError as error:
            raise ImageError(error.what, path=ref.path, hint=error.hint) from None

    def prepare(self, index: int, sha256: str, rgb: NDArray[np.uint8]) -> _Waiting:
        """Resize a decoded image.

        Raises:
            UsageError: At the size asked for it is smaller than a patch or has too many tokens.
        """
        hw = (rgb.shape[0], rgb.shape[1])
        geometry = GridGeometry.plan(hw, self._spec.size, self._patch, self._spec.stride)
        if geometry.tokens > MAX_TOKENS:
            height, width = geometry.input_hw
            raise UsageError(
                f"{geometry.tokens:,} tokens ({width} x {height} pixels at stride {geometry.stride}) are too many; "
                f"the limit is {MAX_TOKENS:,}",
                hint="Give a smaller --size or a larger --stride",
            )
        return _Waiting(index, sha256, geometry, resize_rgb(rgb, geometry.input_hw))


def _cached(ref: ImageRef, spec: FeatureSpec, cache: FeatureCache | None) -> FeatureMap | None:
    if cache is None:
        return None
    digest = cache.image_digest(ref)
    if digest is None:
        mark, digest = fingerprint(ref.path), _file_digest(ref.path)
        if digest is None:
            return None  # the reader says what is wrong
        cache.remember_digest(mark, digest)
    found = cache.get(digest, spec)
    if found is not None:
        ref.check_size(found.geometry.image_hw)
    return found


def _file_digest(path: Path) -> str | None:
    try:
        with open_source(path, whole=False) as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]
    except (ImageError, OSError):
        return None


def _mean_tokens(waiting: Sequence[_Waiting]) -> int:
    return sum(item.geometry.tokens for item in waiting) // len(waiting)


def _flush(
    waiting: Sequence[_Waiting],
    spec: FeatureSpec,
    loader: _Loader,
    ctx: JobContext,
    cache: FeatureCache | None,
) -> Iterator[tuple[int, FeatureMap]]:
    for item, feature_map in zip(waiting, _encode(waiting, spec, loader.get(), ctx), strict=True):
        if cache is not None:
            cache.put(feature_map)
            if cache.trouble is not None:
                ctx.warn(cache.trouble)
        yield item.index, feature_map


def _encode(waiting: Sequence[_Waiting], spec: FeatureSpec, encoder: Encoder, ctx: JobContext) -> list[FeatureMap]:
    raws = encoder.encode([item.rgb for item in waiting], spec, ctx)
    return [
        FeatureMap(spec, item.sha256, item.geometry, raw.maps, raw.cls, raw.attention)
        for item, raw in zip(waiting, raws, strict=True)
    ]


def _pixel_digest(rgb: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(rgb.shape).encode())
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()
