"""Feature maps whose segments are known: every token is the descriptor of its segment plus noise."""

from collections.abc import Sequence

import numpy as np

from counterpart.core.features.similarity import similarity_blocks
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry

TAP = Tap(0, "token")
PATCH = 8
WIDTH = 32


def palette(count, seed=7):
    """(count, WIDTH) descriptors, orthogonal to each other."""
    square = np.random.default_rng(seed).normal(size=(WIDTH, WIDTH))
    return np.linalg.qr(square)[0][:count].astype(np.float32)


def feature_map(segments, colours, *, noise=0.1, salient=(), seed=0, cls=None, attention=True, name="image"):
    """Features of an image of 8 × 8 pixel cells.

    Args:
        segments: (rows, columns) int, the segment of every token.
        colours: (segments, D) descriptors.
        noise: Standard deviation added to each component.
        salient: Segments that the class token attends to.
        cls: Class descriptor; the mean of all tokens by default.
        attention: Whether the encoder has class attention at all.
    """
    segments = np.asarray(segments)
    rng = np.random.default_rng(seed)
    tokens = colours[segments] + rng.normal(scale=noise, size=(*segments.shape, colours.shape[1]))
    rows, cols = segments.shape
    geometry = GridGeometry.plan((rows * PATCH, cols * PATCH), None, PATCH, PATCH)
    looked_at = np.isin(segments, list(salient)) * 0.01 + 0.001
    spec = FeatureSpec("synthetic", "0", (TAP,), PATCH, None, 0 if attention else None, storage="float32")
    return FeatureMap(
        spec,
        f"{name}-{seed}",
        geometry,
        (tokens.astype(np.float32),),
        (tokens.mean(axis=(0, 1)).astype(np.float32) if cls is None else np.asarray(cls, np.float32),),
        np.stack([looked_at, looked_at]).astype(np.float32) if attention else None,
    )


def given_map(values, image_hw=None, attention=None):
    """Features of an image whose (rows, columns, D) descriptors are given; stored in half precision."""
    rows, cols, width = values.shape
    spec = FeatureSpec("made", "0" * 64, (Tap(9, "token"),), PATCH, None, None)
    hw = image_hw or (rows * 8, cols * 8)
    geometry = GridGeometry(hw, (rows * 8, cols * 8), 8, 8, (rows, cols))
    return FeatureMap(spec, "0" * 64, geometry, (values.astype(np.float16),), (np.zeros(width, np.float32),), attention)


def disc(rows=14, cols=16, centre=(6.5, 7.5), radius=4.0):
    """(rows, cols) bool disc."""
    r, c = np.ogrid[:rows, :cols]
    return (r - centre[0]) ** 2 + (c - centre[1]) ** 2 <= radius**2


def two_part_scene(rows=14, cols=16, centre=(6.5, 7.5), radius=4.0, ground=0):
    """(rows, cols) int: background `ground` (0 or 1), a disc of a left half 2 and a right half 3."""
    segments = np.full((rows, cols), ground)
    inside = disc(rows, cols, centre, radius)
    left = np.broadcast_to(np.arange(cols) < centre[1], inside.shape)
    segments[inside & left] = 2
    segments[inside & ~left] = 3
    return segments


def scene_set(count=5, *, noise=0.1, salient=(2, 3)):
    """Feature maps of discs of two halves on two kinds of ground, and the segments behind them."""
    colours = palette(4)
    centres = [(6.5, 7.5), (5.0, 6.0), (7.0, 9.0), (6.0, 8.5), (7.5, 6.5), (5.5, 9.5), (6.5, 5.5)]
    segments = [two_part_scene(centre=centres[i % len(centres)], ground=i % 2) for i in range(count)]
    maps = [feature_map(s, colours, noise=noise, salient=salient, seed=i) for i, s in enumerate(segments)]
    return maps, segments


def picture(segments, colours=None):
    """(H, W, 3) uint8 image of the segments, one flat colour each plus a little grain."""
    colours = np.array([[40, 90, 40], [60, 60, 140], [220, 60, 60], [230, 200, 60]]) if colours is None else colours
    big = np.repeat(np.repeat(np.asarray(colours)[np.asarray(segments)], PATCH, 0), PATCH, 1).astype(np.int64)
    grain = np.random.default_rng(0).integers(-6, 7, size=big.shape)
    return np.clip(big + grain, 0, 255).astype(np.uint8)


class CountingSequence(Sequence):
    """A lazy sequence that records what was read, as the cache-backed one is read."""

    def __init__(self, items):
        self.items, self.reads = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.reads += 1
        return self.items[index]


def similarity_matrix(a, b, hierarchy=2):
    """All similarities of two (rows, columns, D) maps at once: float32 (tokens of a, tokens of b)."""
    blocks = [block.numpy() for _, block in similarity_blocks(a, b, hierarchy)]
    return np.concatenate([np.zeros((0, b.shape[0] * b.shape[1]), np.float32), *blocks])
