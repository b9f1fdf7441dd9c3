"""Arrays to Qt images and back.

The only user of qimage2ndarray, whose releases are rare: replace it here if need be.
"""

from __future__ import annotations

import cv2
import numpy as np
import qimage2ndarray
from numpy.typing import NDArray
from PySide6.QtGui import QImage


def rgb_to_qimage(rgb: NDArray[np.uint8]) -> QImage:
    """(height, width, 3) uint8 -> an opaque image of its own memory, in the format that Qt draws fastest."""
    image = QImage(rgb.shape[1], rgb.shape[0], QImage.Format.Format_RGB32)
    if rgb.size:
        # Ten times quicker than array2qimage, which writes one channel after the other.
        cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA, dst=bgrx_view(image))
    return image


def argb_to_qimage(argb: NDArray[np.uint32]) -> QImage:
    """(height, width) uint32 of premultiplied 0xAARRGGBB -> an image of its own memory."""
    height, width = argb.shape
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    view = qimage2ndarray.raw_view(image)
    view[...] = argb
    return image


def bgrx_view(image: QImage) -> NDArray[np.uint8]:
    """(height, width, 4) uint8 of a 32-bit image, blue first, sharing its memory."""
    view: NDArray[np.uint8] = qimage2ndarray.raw_view(image).view(np.uint8).reshape(image.height(), image.width(), 4)
    return view


def qimage_to_rgb(image: QImage) -> NDArray[np.uint8]:
    """Any image -> (height, width, 3) uint8, without its transparency."""
    converted = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.ascontiguousarray(qimage2ndarray.rgb_view(converted))
