"""Views of the feature space: principal components over 50 images from the cache on disk, t-SNE of 5,000 points.

Run `python -m tests.bench explore`; needs no installed weights. CPU seconds of one thread, and a share of reading the
same features alone as the baseline. Live layers: one more layer from the same cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

IMAGES, ROWS, COLS, WIDTH, POINTS = 50, 32, 32, 384, 5_000


def smooth(seed: int) -> np.ndarray:
    """(rows, columns, WIDTH) float16 descriptors that vary as those of images do."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(0).normal(size=(12, WIDTH))
    coarse = rng.normal(size=(ROWS // 4, COLS // 4, 12)) @ basis
    values = np.repeat(np.repeat(coarse, 4, 0), 4, 1) + 0.5 * rng.normal(size=(ROWS, COLS, WIDTH))
    return values.astype(np.float16)


def filled_cache(folder: Path, images: int):
    """A cache on disk with features of two layers of every image, and what reads them."""
    from counterpart.core.features.cache import FeatureCache
    from counterpart.core.features.taps import Tap
    from counterpart.core.features.values import FeatureMap, FeatureSpec
    from counterpart.core.geometry import GridGeometry

    taps = (Tap(5, "token"), Tap(11, "token"))
    spec = FeatureSpec("random", "0" * 64, taps, 14, 448, None)
    geometry = GridGeometry.plan((448, 448), 448, 14, 14)
    cache = FeatureCache(folder)
    for index in range(images):
        maps = tuple(smooth(2 * index + layer) for layer in range(2))
        cache.put(FeatureMap(spec, f"{index:064x}", geometry, maps, (np.zeros(WIDTH, np.float32),) * 2, None))
    cold = FeatureCache(folder)  # nothing of it is in memory
    return taps, [
        lambda index=index, tap=tap: cold.get(f"{index:064x}", spec.single(tap))
        for tap in taps
        for index in range(images)
    ]


class Lazy:
    """A set of features that reads one image at a time."""

    def __init__(self, readers: list[Callable]) -> None:
        self.readers = readers

    def __len__(self) -> int:
        return len(self.readers)

    def __getitem__(self, index: int):
        return self.readers[index]()


def timed(run: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds and what came out."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def coloured(maps: Lazy, tap) -> list[np.ndarray]:
    """Every image of a set by the set's principal components."""
    from counterpart.core.features.pca import fit_pca
    from counterpart.core.jobs import silent

    model = fit_pca(maps, tap, silent())
    return [model.colours(maps[index]) for index in range(len(maps))]


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    images, points = (3, 60) if options.quick else (IMAGES, POINTS)

    from counterpart.core.features.tsne import TsneParams, embed_tsne
    from counterpart.core.jobs import JobContext

    with tempfile.TemporaryDirectory() as folder:
        taps, readers = filled_cache(Path(folder), images)
        first, second = Lazy(readers[:images]), Lazy(readers[images:])
        reading, _ = timed(lambda: [first[index] for index in range(images)])
        fresh = Lazy(filled_cache(Path(folder), images)[1][images:])
        colours, _ = timed(lambda: coloured(fresh, taps[1]))
        again, _ = timed(lambda: coloured(second, taps[1]))
    print(f"reading {images} images' features from disk      {reading:6.2f} s CPU")
    print(f"components and colours of {images} images          {colours:6.2f} s CPU, {colours / reading:.1f} x reading")
    print(f"another layer                              {again:6.2f} s CPU")

    steps: list[float] = []
    several = [explore_map(index) for index in range(5)]
    params = TsneParams(every=1, limit=points)
    context = JobContext(lambda progress: steps.append(time.monotonic()))
    spent, found = timed(lambda: embed_tsne(several, None, params, context))
    gaps = np.diff(steps)
    print(
        f"t-SNE of {len(found.xy)} points, perplexity {found.perplexity:.0f}        {spent:6.1f} s CPU, "
        f"longest time without progress {gaps.max():.1f} s"
    )


def explore_map(seed: int):
    """Features of one image in memory."""
    from counterpart.core.features.taps import Tap
    from counterpart.core.features.values import FeatureMap, FeatureSpec
    from counterpart.core.geometry import GridGeometry

    spec = FeatureSpec("random", "0" * 64, (Tap(11, "token"),), 14, 448, None)
    geometry = GridGeometry.plan((448, 448), 448, 14, 14)
    return FeatureMap(spec, f"{seed:064x}", geometry, (smooth(seed),), (np.zeros(WIDTH, np.float32),), None)


if __name__ == "__main__":
    main()
