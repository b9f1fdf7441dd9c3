"""A photograph ready to be drawn at any magnification."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from desktop.qimage import rgb_to_qimage

__all__ = ["Photo", "build_photo"]

_SMALLEST = 256


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An image and halved copies of it, so that drawing it small is neither slow nor jagged.

    Attributes:
        rgb: (height, width, 3) uint8, the pixels themselves.
        levels: The image at full, half, quarter ... size.
        sha256: Hash of the file's bytes.
    """

    rgb: NDArray[np.uint8]
    levels: tuple[QImage, ...]
    sha256: str = ""

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.rgb.nbytes + sum(level.sizeInBytes() for level in self.levels)

    def draw(self, painter: QPainter, image_rect: QRectF, exposed: QRectF, scale_dev: float) -> None:
        """Draw what is exposed.

        Args:
            painter: In widget coordinates.
            image_rect: Where the whole image lies.
            exposed: What to draw of it.
            scale_dev: Device pixels per image pixel; chooses the level and whether pixels are smoothed or
                shown as squares.
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
        painter.drawImage(target, picture, source)


def build_photo(rgb: NDArray[np.uint8], sha256: str = "") -> Photo:
    """Make the halved copies; meant for a worker thread."""
    levels = [rgb_to_qimage(rgb)]
    small = rgb
    while max(small.shape[:2]) >= 2 * _SMALLEST and min(small.shape[:2]) >= 4:
        size = (max(small.shape[1] // 2, 1), max(small.shape[0] // 2, 1))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
        levels.append(rgb_to_qimage(small))
    return Photo(rgb, tuple(levels), sha256)
