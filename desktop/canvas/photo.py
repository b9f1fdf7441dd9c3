"""A photograph ready to be drawn at any magnification, and brightened for viewing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QImage, QPainter

from counterpart.core.images.brightness import Look, Samples, seen_range
from counterpart.desktop.widgets.qimage import bgrx_view, rgb_to_qimage

_SMALLEST = 256
_PLAIN = Look()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An image and halved copies of it, so that drawing it small is neither slow nor jagged.

    Attributes:
        rgb: (height, width, 3) uint8, the pixels themselves.
        levels: The image at full, half, quarter ... size.
        sha256: Hash of the file's bytes.
        samples: What has more than 8 bits, for viewing alone.
        deep_levels: Its codes at the sizes of `levels`.
        note: What of the file is not shown; empty where all of it is.
    """

    rgb: NDArray[np.uint8]
    levels: tuple[QImage, ...]
    sha256: str = ""
    samples: Samples | None = None
    deep_levels: tuple[NDArray[np.uint16], ...] = ()
    note: str = ""

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        deep = sum(level.nbytes for level in self.deep_levels)
        return self.rgb.nbytes + sum(level.sizeInBytes() for level in self.levels) + deep

    @property
    def shown_range(self) -> tuple[float, float]:
        """Values shown black and white by themselves."""
        return (self.samples.low, self.samples.high) if self.samples is not None else (0.0, 255.0)

    def seen_range(self, left: int, top: int, right: int, bottom: int) -> tuple[float, float]:
        """The range that almost all values of a half-open rectangle of pixels lie in."""
        if self.samples is None:
            return seen_range(self.rgb[top:bottom, left:right])
        low, high = seen_range(self.samples.codes[top:bottom, left:right])
        return self.samples.offset + self.samples.step * low, self.samples.offset + self.samples.step * high

    def draw(
        self, painter: QPainter, image_rect: QRectF, exposed: QRectF, scale_dev: float, look: Look = _PLAIN
    ) -> None:
        """Draw what is exposed.

        Args:
            painter: In widget coordinates.
            image_rect: Where the whole image lies.
            exposed: What to draw of it.
            scale_dev: Device pixels per image pixel; chooses the level and whether pixels are smoothed or
                shown as squares.
            look: Brightness and the like, worked out for the pixels that are drawn.
        """
        target = exposed.intersected(image_rect)
        if target.isEmpty():
            return
        level = 0
        while level + 1 < len(self.levels) and scale_dev * 2**level < 0.75:
            level += 1
        picture = self.levels[level]
        to_x = picture.width() / image_rect.width()
        to_y = picture.height() / image_rect.height()
        source = QRectF(
            (target.x() - image_rect.x()) * to_x,
            (target.y() - image_rect.y()) * to_y,
            target.width() * to_x,
            target.height() * to_y,
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale_dev < 2)
        if not look.neutral:
            # One pixel more on each side, for smoothing to look at.
            corner = (math.floor(source.left()) - 1, math.floor(source.top()) - 1)
            far = (math.ceil(source.right()) + 1, math.ceil(source.bottom()) + 1)
            crop = QRect(*corner, far[0] - corner[0], far[1] - corner[1]).intersected(picture.rect())
            picture = self._looked_at(level, crop, look)
            source.translate(-crop.x(), -crop.y())
        painter.drawImage(target, picture, source)

    def _looked_at(self, level: int, crop: QRect, look: Look) -> QImage:
        """A rectangle of a level, brightened."""
        place = np.s_[crop.top() : crop.bottom() + 1, crop.left() : crop.right() + 1]
        if self.samples is not None:
            shown = self.samples.table(look)[self.deep_levels[level][place]]
            return rgb_to_qimage(shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=-1))
        image = QImage(crop.size(), QImage.Format.Format_RGB32)
        bgrx_view(image)[...] = cv2.LUT(np.ascontiguousarray(bgrx_view(self.levels[level])[place]), look.table8())
        return image


def build_photo(rgb: NDArray[np.uint8], sha256: str = "", samples: Samples | None = None, note: str = "") -> Photo:
    """Make the halved copies; meant for a worker thread."""
    levels = [rgb_to_qimage(rgb)]
    deep = [samples.codes] if samples is not None else []
    small = rgb
    while max(small.shape[:2]) >= 2 * _SMALLEST and min(small.shape[:2]) >= 4:
        size = (max(small.shape[1] // 2, 1), max(small.shape[0] // 2, 1))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
        levels.append(rgb_to_qimage(small))
        if deep:
            deep.append(np.asarray(cv2.resize(deep[-1], size, interpolation=cv2.INTER_AREA), np.uint16))
    return Photo(rgb, tuple(levels), sha256, samples, tuple(deep), note)
