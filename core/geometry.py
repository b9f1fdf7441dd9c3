"""The one owner of coordinate maths: image pixels <-> network-input pixels <-> token grid.

Frames
    image   original pixels, after EXIF orientation; `xy`, pixel centres at integers, x to the right, y down
    input   pixels of the resized image that the network sees; same convention
    grid    token indices `rc` (row, column), real-valued between tokens

A resize maps pixel *edges* to pixel edges, so centres map as `(x + 0.5) * scale - 0.5`. Token (r, c) of an
encoder with patch size p and stride s is centred at `p / 2 - 0.5 + index * s` input pixels. Nothing else in
the program converts between frames. Depends on numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counterpart.core.errors import UsageError

_Scalar = TypeVar("_Scalar", bound=np.generic)
Size = int | tuple[int, int] | None
"""Network input size: longest side in pixels, exact (height, width), or None for the image's own size."""


def parse_size(text: str) -> Size:
    """Read a size as typed by a person: `448`, `224x320` (width x height) or `none`.

    Raises:
        UsageError: Not one of those.
    """
    word = text.strip().lower()
    if word in {"none", "own"}:
        return None
    try:
        if "x" in word:
            width, height = (int(part) for part in word.split("x"))
            size: int | tuple[int, int] = (height, width)
        else:
            size = int(word)
    except ValueError:
        raise UsageError(f"'{text}' is not a size", hint="Use 448, 320x224 (width x height) or none") from None
    if (size if isinstance(size, int) else min(size)) < 1:
        raise UsageError(f"'{text}' is not a size", hint="Sizes are positive")
    return size


def fit_size(image_hw: tuple[int, int], size: Size, patch: int, stride: int) -> tuple[int, int]:
    """Input size (height, width) for an image.

    With a longest side, each side is rounded to the nearest size that the strided patches cover completely,
    so that no border is cut off; the two axes may then scale differently by at most half a stride. An exact
    size and `None` are taken as they are: pixels past the last full patch are not seen by the network.

    Args:
        image_hw: Original height and width in pixels.
        size: See `Size`.
        patch: Patch size of the encoder, pixels.
        stride: Stride of the patches, pixels.

    Returns:
        Height and width in pixels, each at least `patch`, except for `None` where a smaller image raises.

    Raises:
        UsageError: The image at its own size is smaller than one patch.
    """
    height, width = image_hw
    if not isinstance(size, int):
        target: tuple[int, int] = image_hw if size is None else size
        if min(target) < patch:
            raise UsageError(
                f"an input of {target[1]} x {target[0]} pixels is smaller than one patch of {patch}",
                hint="Give a larger --size",
            )
        return int(target[0]), int(target[1])
    scale = size / max(height, width)

    def fit(side: int) -> int:
        steps = round((side * scale - patch) / stride)
        return patch + max(steps, 0) * stride

    return fit(height), fit(width)


@dataclass(frozen=True, slots=True)
class GridGeometry:
    """Where the tokens of one image lie.

    Attributes:
        image_hw: Height and width of the original image, pixels.
        input_hw: Height and width that the image was resized to for the network, pixels.
        patch: Patch size, pixels. For convolutional encoders, the size of the window a cell stands for.
        stride: Distance of neighbouring tokens, input pixels.
        grid_hw: Rows and columns of tokens: `(input - patch) // stride + 1`.
    """

    image_hw: tuple[int, int]
    input_hw: tuple[int, int]
    patch: int
    stride: int
    grid_hw: tuple[int, int]

    @classmethod
    def plan(cls, image_hw: tuple[int, int], size: Size, patch: int, stride: int) -> GridGeometry:
        """Geometry for an image fed at `size`. `stride` must divide `patch`.

        Raises:
            UsageError: The stride does not divide the patch, or the input is smaller than a patch.
        """
        if stride < 1 or patch % stride:
            divisors = ", ".join(str(d) for d in range(1, patch + 1) if patch % d == 0)
            raise UsageError(f"stride {stride} does not divide the patch size {patch}", hint=f"Use one of {divisors}")
        input_hw = fit_size(image_hw, size, patch, stride)
        rows, cols = ((side - patch) // stride + 1 for side in input_hw)
        return cls((image_hw[0], image_hw[1]), input_hw, patch, stride, (rows, cols))

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return self.grid_hw[0] * self.grid_hw[1]

    @property
    def covered_hw(self) -> tuple[int, int]:
        """Height and width of the part of the input that the network sees; the remainder is cut off."""
        rows, cols = self.grid_hw
        return self.patch + (rows - 1) * self.stride, self.patch + (cols - 1) * self.stride

    @property
    def scale_xy(self) -> NDArray[np.float64]:
        """(2,) input pixels per image pixel, x then y."""
        return np.array([self.input_hw[1] / self.image_hw[1], self.input_hw[0] / self.image_hw[0]], dtype=np.float64)

    @property
    def token_pitch_xy(self) -> NDArray[np.float64]:
        """(2,) distance of neighbouring tokens in image pixels, x then y."""
        return self.stride / self.scale_xy

    def subdivided(self, parts: int) -> GridGeometry:
        """Geometry of the same grid with every token's cell cut into `parts` x `parts` equal ones.

        The cells keep their places: cell (r, c) of the result lies in that of token (r // parts, c // parts).

        Raises:
            UsageError: `parts` does not divide the stride.
        """
        if parts < 1 or self.stride % parts:
            raise UsageError(
                f"a stride of {self.stride} cannot be cut into {parts}", hint="Use a divisor of the stride"
            )
        stride = self.stride // parts
        rows, cols = self.grid_hw
        # The first cell's centre moves towards the border by half of what the stride shrinks.
        return GridGeometry(
            self.image_hw, self.input_hw, self.patch - (self.stride - stride), stride, (rows * parts, cols * parts)
        )

    # Points ------------------------------------------------------------

    def image_to_input(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) image xy -> (..., 2) input xy."""
        return (np.asarray(xy, dtype=np.float64) + 0.5) * self.scale_xy - 0.5

    def input_to_image(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) input xy -> (..., 2) image xy."""
        return (np.asarray(xy, dtype=np.float64) + 0.5) / self.scale_xy - 0.5

    def grid_to_image(self, rc: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) real-valued token (row, column) -> (..., 2) image xy of that place."""
        rc = np.asarray(rc, dtype=np.float64)
        return self.input_to_image(self.patch / 2 - 0.5 + rc[..., ::-1] * self.stride)

    def image_to_grid(self, xy: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) image xy -> (..., 2) real-valued token (row, column), not clamped to the grid."""
        return ((self.image_to_input(xy) - (self.patch / 2 - 0.5)) / self.stride)[..., ::-1]

    def nearest_token(self, xy: ArrayLike) -> NDArray[np.int64]:
        """(..., 2) image xy -> (..., 2) row and column of the nearest token, clamped to the grid."""
        limit = np.array(self.grid_hw) - 1
        return np.clip(np.rint(self.image_to_grid(xy)), 0, limit).astype(np.int64)

    def token_centres(self) -> NDArray[np.float64]:
        """(rows, columns, 2) image xy of every token's centre."""
        rows, cols = self.grid_hw
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
        return self.grid_to_image(grid)

    # Maps ------------------------------------------------------------

    def upsample(
        self,
        grid_map: NDArray[np.floating],
        window: tuple[int, int, int, int] | None = None,
        out_hw: tuple[int, int] | None = None,
    ) -> NDArray[np.float32]:
        """Bilinear samples of a token map at image pixels; the border value holds outside the outer centres.

        Args:
            grid_map: (rows, columns) or (rows, columns, C) real values.
            window: Part of the image to fill as (top, left, bottom, right) pixels, half open; the whole
                image by default.
            out_hw: Size of the result when the window is to be drawn smaller or larger than it is (a
                thumbnail, a preview); by default one sample per image pixel.

        Returns:
            float32 (height, width) or (height, width, C).
        """
        values = np.asarray(grid_map, dtype=np.float32)
        top, left, bottom, right = window or (0, 0, *self.image_hw)
        out_h, out_w = out_hw or (bottom - top, right - left)
        ys = (np.arange(out_h) + 0.5) * ((bottom - top) / out_h) - 0.5 + top
        xs = (np.arange(out_w) + 0.5) * ((right - left) / out_w) - 0.5 + left
        rows = self.image_to_grid(np.stack([np.zeros_like(ys), ys], axis=-1))[:, 0]
        cols = self.image_to_grid(np.stack([xs, np.zeros_like(xs)], axis=-1))[:, 1]
        return _lerp(_lerp(values, rows, axis=0), cols, axis=1)

    def upsample_nearest(
        self, grid_map: NDArray[np.generic], out_hw: tuple[int, int] | None = None
    ) -> NDArray[np.generic]:
        """Value of the nearest token at every image pixel: (rows, columns, ...) -> (height, width, ...).

        With `out_hw`, at the pixel centres of a picture of the whole image of that height and width.
        """
        height, width = self.image_hw
        out_h, out_w = out_hw or self.image_hw
        ys = (np.arange(out_h) + 0.5) * (height / out_h) - 0.5
        xs = (np.arange(out_w) + 0.5) * (width / out_w) - 0.5
        rows = self.nearest_token(np.stack([np.zeros_like(ys), ys], axis=-1))[:, 0]
        cols = self.nearest_token(np.stack([xs, np.zeros_like(xs)], axis=-1))[:, 1]
        return np.asarray(grid_map)[rows][:, cols]

    def pool(self, image_map: NDArray[np.generic]) -> NDArray[np.float32]:
        """Mean of an image-sized map over each token's cell (one stride wide, centred on the token).

        Args:
            image_map: (height, width) or (height, width, C), any real or boolean dtype.

        Returns:
            float32 (rows, columns) or (rows, columns, C).
        """
        values = np.asarray(image_map)
        if values.shape[:2] != self.image_hw:
            raise ValueError(f"map of {values.shape[:2]} does not fit an image of {self.image_hw}")
        rows, cols = self.grid_hw
        y_edges = self.grid_to_image(np.stack([np.arange(rows + 1) - 0.5, np.zeros(rows + 1)], axis=-1))[:, 1]
        x_edges = self.grid_to_image(np.stack([np.zeros(cols + 1), np.arange(cols + 1) - 0.5], axis=-1))[:, 0]
        return _box_mean(_box_mean(values, y_edges, axis=0), x_edges, axis=1).astype(np.float32)

    def pool_labels(self, labels: NDArray[np.integer], num_labels: int) -> NDArray[np.float32]:
        """Share of each label in each token's cell.

        Args:
            labels: (height, width) integers in [0, num_labels).
            num_labels: How many labels there are.

        Returns:
            float32 (rows, columns, num_labels).
        """
        one_hot = [self.pool(labels == index) for index in range(num_labels)]
        return np.stack(one_hot, axis=-1)

    def pool_nearest(self, image_map: NDArray[np.generic]) -> NDArray[np.generic]:
        """Value of the pixel at every token's centre: (height, width, ...) -> (rows, columns, ...)."""
        at = np.rint(self.token_centres()).astype(np.int64)  # within the image, as every centre is
        out: NDArray[np.generic] = np.asarray(image_map)[at[..., 1], at[..., 0]]
        return out

    def cells_box_xy(self, first_rc: tuple[int, int], count_rc: tuple[int, int]) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) image xy of the block of tokens' cells that begins at `first_rc`, clipped to the image."""
        first = np.asarray(first_rc, dtype=np.float64) - 0.5
        corners = self.grid_to_image(np.stack([first, first + np.asarray(count_rc)]))
        height, width = self.image_hw
        (x0, y0), (x1, y1) = np.clip(corners, -0.5, [width - 0.5, height - 0.5])
        return float(x0), float(y0), float(x1), float(y1)

    def sample(self, grid_map: NDArray[np.floating], xy: ArrayLike) -> NDArray[np.float32]:
        """Bilinear values of a token map at image points: (..., 2) xy -> (..., C) or (...) float32."""
        values = np.asarray(grid_map, dtype=np.float32)
        rc = self.image_to_grid(xy)
        rows, cols = self.grid_hw
        r = np.clip(rc[..., 0], 0, rows - 1)
        c = np.clip(rc[..., 1], 0, cols - 1)
        r0, c0 = np.floor(r).astype(np.int64), np.floor(c).astype(np.int64)
        r1, c1 = np.minimum(r0 + 1, rows - 1), np.minimum(c0 + 1, cols - 1)
        extra = (1,) * (values.ndim - 2)
        fr = (r - r0).astype(np.float32).reshape(*r.shape, *extra)
        fc = (c - c0).astype(np.float32).reshape(*c.shape, *extra)
        upper = values[r0, c0] * (1 - fc) + values[r0, c1] * fc
        lower = values[r1, c0] * (1 - fc) + values[r1, c1] * fc
        return np.asarray(upper * (1 - fr) + lower * fr, dtype=np.float32)

    def as_dict(self) -> dict[str, object]:
        """Plain values for a file's metadata."""
        return {
            "image_hw": list(self.image_hw),
            "input_hw": list(self.input_hw),
            "patch": self.patch,
            "stride": self.stride,
            "grid_hw": list(self.grid_hw),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GridGeometry:
        """Inverse of `as_dict`."""

        def pair(name: str) -> tuple[int, int]:
            first, second = data[name]
            return int(first), int(second)

        return cls(pair("image_hw"), pair("input_hw"), int(data["patch"]), int(data["stride"]), pair("grid_hw"))


def rescaled_xy(xy: ArrayLike, old_hw: tuple[int, int], new_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Where (..., 2) places of an image are once it has another size, (height, width): edges stay on edges."""
    scale = np.array([new_hw[1] / old_hw[1], new_hw[0] / old_hw[0]])
    return np.asarray((np.asarray(xy, np.float64) + 0.5) * scale - 0.5)


def rescaled_map(image_map: NDArray[_Scalar], new_hw: tuple[int, int]) -> NDArray[_Scalar]:
    """A (height, width) map of labels at another size; each new pixel has what lay under its centre."""
    rows, cols = (
        ((np.arange(new) + 0.5) * (old / new)).astype(np.int64).clip(0, old - 1)
        for new, old in zip(new_hw, image_map.shape, strict=True)
    )
    return np.asarray(image_map[rows][:, cols])


def _lerp(values: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis at real-valued indices, clamped to the ends."""
    last = values.shape[axis] - 1
    at = np.clip(at, 0, last)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, last)
    shape = [1] * values.ndim
    shape[axis] = len(at)
    weight = (at - low).astype(np.float32).reshape(shape)
    lower = np.take(values, low, axis=axis)
    lower += (np.take(values, high, axis=axis) - lower) * weight
    return lower


def _box_mean(values: NDArray[np.generic], edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Mean between consecutive real-valued pixel-centre coordinates along one axis, via a cumulative sum.

    A cell that lies outside the image altogether (a strip narrower than half a token) takes the nearest
    pixel.
    """
    length = values.shape[axis]
    cumulative = np.concatenate(
        [
            np.zeros_like(np.take(values, [0], axis=axis), dtype=np.float64),
            np.cumsum(values, axis=axis, dtype=np.float64),
        ],
        axis=axis,
    )
    # Pixel i covers [i, i + 1) once centres are moved from integers to halves.
    bounds = np.clip(edges + 0.5, 0, length)
    lo, hi = bounds[:-1], bounds[1:]
    empty = hi - lo < 1e-6
    lo = np.where(empty, np.clip(lo, 0, length - 1), lo)
    hi = np.where(empty, lo + 1, hi)

    def integral(at: NDArray[np.float64]) -> NDArray[np.float64]:
        base = np.minimum(np.floor(at).astype(np.int64), length - 1)
        shape = [1] * values.ndim
        shape[axis] = len(at)
        part = (at - base).reshape(shape)
        start = np.take(cumulative, base, axis=axis)
        return np.asarray(start + (np.take(cumulative, base + 1, axis=axis) - start) * part)

    shape = [1] * values.ndim
    shape[axis] = len(lo)
    return np.asarray((integral(hi) - integral(lo)) / (hi - lo).reshape(shape))
