"""Painting label maps: from part ids to coloured, hatched, outlined screen pixels, with numpy alone.

The overlay is made for the pixels of the screen that must be redrawn, never for the image: a stroke costs its
dirty rectangle, a whole view costs the view, whatever the size of the image. Outlines are found between
screen pixels, so they are equally thin at every magnification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_HATCH_PERIOD = 8
_HATCH_ON = 4
_DASH_PERIOD = 10
_DASH_ON = 6
_HATCH_SHARE = 0.5
_OUTLINE_ALPHA = 0.95
_CASING_ALPHA = 0.6


@dataclass(frozen=True, slots=True)
class PartStyle:
    """How one part is drawn.

    Attributes:
        colour: Red, green, blue, each 0..255.
        visible: Whether it is drawn at all.
        predicted: Whether it is hatched and dashed, as nobody has touched it yet.
    """

    colour: tuple[int, int, int]
    visible: bool = True
    predicted: bool = False


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How a label map is drawn.

    Attributes:
        parts: Style of every part by id; ids without one are drawn grey.
        opacity: Of the fill, in [0, 1].
        fill: Whether parts are filled, or outlines only.
        emphasis: Part that is drawn stronger while the others stand back, 0 for none.
        line: Thickness of outlines, device pixels.
    """

    parts: Mapping[int, PartStyle] = field(default_factory=dict)
    opacity: float = 0.55
    fill: bool = True
    emphasis: int = 0
    line: int = 1


def premultiplied(colour: tuple[int, int, int], alpha: float) -> int:
    """0xAARRGGBB with the colours multiplied by alpha in [0, 1]."""
    a = min(max(round(alpha * 255), 0), 255)
    red, green, blue = (round(value * a / 255) for value in colour)
    return a << 24 | red << 16 | green << 8 | blue


def sample_index(start: int, count: int, origin: float, scale: float, length: int) -> tuple[NDArray[np.intp], int, int]:
    """Image rows (or columns) under consecutive device rows.

    Args:
        start: First device row.
        count: Number of device rows.
        origin: Device position of the image's outer edge.
        scale: Device pixels per image pixel.
        length: Rows of the image.

    Returns:
        Row index for those device rows that show the image, and the half-open range of them within
        `0..count`.
    """
    at = np.floor((start + 0.5 + np.arange(count) - origin) / scale)
    inside = np.flatnonzero((at >= 0) & (at < length))
    if inside.size == 0:
        return np.empty(0, np.intp), 0, 0
    first, last = int(inside[0]), int(inside[-1]) + 1
    return at[first:last].astype(np.intp), first, last


def compose_labels(
    labels: NDArray[np.integer],
    style: LabelStyle,
    window: tuple[int, int, int, int],
    origin: tuple[float, float],
    scale: float,
) -> tuple[NDArray[np.uint32], int, int] | None:
    """Draw the part of a label map that lies in a window of device pixels.

    Args:
        labels: (H, W) part ids, 0 is background.
        style: How to draw them.
        window: (left, top, right, bottom) in device pixels of the canvas, half open.
        origin: Device position (x, y) of the image's outer top left corner.
        scale: Device pixels per image pixel.

    Returns:
        Premultiplied 0xAARRGGBB of shape (height, width) and the device position (x, y) of its corner; None
        where the window shows nothing of the image.
    """
    left, top, right, bottom = window
    grow = style.line
    rows, row_lo, _ = sample_index(top - grow, bottom - top + 2 * grow, origin[1], scale, labels.shape[0])
    cols, col_lo, _ = sample_index(left - grow, right - left + 2 * grow, origin[0], scale, labels.shape[1])
    if not (rows.size and cols.size):
        return None
    seen = labels[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    x0, y0 = left - grow + col_lo, top - grow + row_lo
    ids = np.take(np.take(seen, rows - rows[0], axis=0), cols - cols[0], axis=1)
    if not ids.any():
        return np.zeros(ids.shape, np.uint32), x0, y0
    tables = _tables(int(ids.max()), style)
    # The pattern is counted from the image's corner, so that it stays on the image when that is moved.
    phase = x0 - round(origin[0]) + y0 - round(origin[1])
    if tables.predicted.any():
        choice = ids.astype(np.uint32)
        choice += _diagonal(ids.shape, phase, _HATCH_PERIOD, _HATCH_ON) * np.uint32(len(tables.edge))
        out = np.take(tables.fill, choice, mode="clip")  # the quickest way to look up, and none is out of range
    else:
        out = np.take(tables.fill, ids, mode="clip")
    _outline(ids, tables, phase, style.line, out)
    return out, x0, y0


@dataclass(frozen=True, slots=True)
class _Tables:
    """What to paint by part id. `fill` has the ids twice: on hatching stripes, then between them."""

    fill: NDArray[np.uint32]
    edge: NDArray[np.uint32]
    shown: NDArray[np.bool_]
    predicted: NDArray[np.bool_]


def _tables(top: int, style: LabelStyle) -> _Tables:
    size = top + 1
    fill = np.zeros(2 * size, np.uint32)
    edge = np.zeros(size, np.uint32)
    shown = np.zeros(size, np.bool_)
    predicted = np.zeros(size, np.bool_)
    unknown = PartStyle((150, 150, 150))
    for part in range(1, size):
        look = style.parts.get(part, unknown)
        if not look.visible:
            continue
        shown[part] = True
        predicted[part] = look.predicted
        opacity = style.opacity if style.fill else 0.0
        strength = 1.0
        if style.emphasis:
            opacity = min(opacity * 1.25, 1.0) if part == style.emphasis else opacity * 0.45
            strength = 1.0 if part == style.emphasis else 0.5
        fill[part] = premultiplied(look.colour, opacity)
        fill[size + part] = premultiplied(look.colour, opacity * (_HATCH_SHARE if look.predicted else 1.0))
        edge[part] = premultiplied(_bright(look.colour), _OUTLINE_ALPHA * strength)
    return _Tables(fill, edge, shown, predicted)


def _bright(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (round(value + (255 - value) * 0.25) for value in colour)
    return red, green, blue


def _diagonal(shape: tuple[int, int], phase: int, period: int, on: int) -> NDArray[np.uint32]:
    """0 on diagonal stripes and 1 between them, as a view of one line: row y is the line moved by y."""
    height, width = shape
    line = ((np.arange(height + width, dtype=np.int64) + phase) % period >= on).astype(np.uint32)
    return np.lib.stride_tricks.sliding_window_view(line, width)[:height]


def _outline(ids: NDArray[np.integer], tables: _Tables, phase: int, line: int, out: NDArray[np.uint32]) -> None:
    """Draw a coloured line just inside each part and a dark one just outside, dashed where predicted.

    Marks the pixels beside a border, a whole picture at a time, and looks up colours for those alone; there are few.
    """
    marked = np.zeros(ids.shape, np.uint8)  # bytes are combined several times quicker than truth values
    # A border of background is one of a part that is shown, unless some are hidden.
    hidden = not tables.shown[1:].all()
    shown = np.take(tables.shown.view(np.uint8), ids, mode="clip") if hidden else None
    beside = np.zeros(ids.shape, np.uint8) if hidden else marked
    for axis in (0, 1):
        first, second = _cut(axis, None, -1), _cut(axis, 1, None)
        border = (ids[first] != ids[second]).view(np.uint8)
        for own, other, back in ((first, second, False), (second, first, True)):
            to_shown = border if shown is None else border & shown[other]
            for step in range(line):
                # The mark moves away from the border, as far as the part goes on.
                source = _cut(axis, None, -step or None) if back else _cut(axis, step, None)
                target = _cut(axis, step + 1, None) if back else _cut(axis, None, -1 - step)
                same = ids[target] == ids[own][source] if step else None
                marked[target] |= border[source] if same is None else border[source] & same
                if shown is not None:
                    beside[target] |= to_shown[source] if same is None else to_shown[source] & same
    flat, paint = np.ascontiguousarray(ids).reshape(-1), out.reshape(-1)
    at = np.flatnonzero(marked.view(np.bool_))
    own_ids = np.take(flat, at, mode="clip")
    inner = np.take(tables.shown, own_ids, mode="clip")
    dark = at[~inner]
    if hidden:
        dark = dark[np.take(beside.reshape(-1), dark, mode="clip") > 0]
    paint[dark] = np.uint32(premultiplied((0, 0, 0), _CASING_ALPHA))
    at, own_ids = at[inner], own_ids[inner]
    if tables.predicted.any():
        predicted = np.take(tables.predicted, own_ids, mode="clip")
        y, x = np.divmod(at, ids.shape[1])
        solid = ~(predicted & ((x + y + phase) % _DASH_PERIOD >= _DASH_ON))
        at, own_ids = at[solid], own_ids[solid]
    paint[at] = np.take(tables.edge, own_ids, mode="clip")


def _cut(axis: int, start: int | None, stop: int | None) -> tuple[slice, ...]:
    return (slice(start, stop),) if axis == 0 else (slice(None), slice(start, stop))
