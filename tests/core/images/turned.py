"""Pictures as cameras store them that were turned."""

import numpy as np


def stored_as(upright: np.ndarray, orientation: int) -> np.ndarray:
    """(height, width, channels) pixels that Exif's orientation turns into the given ones."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
