"""Small pictures: the parts lie where they are."""

import numpy as np

from counterpart.desktop.images.thumbnails import tint


def test_small_pictures_show_the_parts_where_they_are():
    rgb = np.zeros((20, 30, 3), np.uint8)
    labels = np.zeros((200, 300), np.uint8)
    labels[100:, 150:] = 3
    out = tint(rgb, (labels, {3: (200, 100, 50)}, 0.5))
    assert tuple(out[15, 25]) == (100, 50, 25)
    assert not out[5, 5].any()
    assert not tint(rgb, (labels, {}, 0.5)).any()
