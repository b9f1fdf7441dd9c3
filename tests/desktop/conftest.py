"""What the tests of the window share."""

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, hw: tuple[int, int] = (90, 120)) -> np.ndarray:
    """A synthetic photograph: a bright blob on a dark, noisy ground, elsewhere for every seed."""
    rng = np.random.default_rng(seed)
    height, width = hw
    yy, xx = np.mgrid[:height, :width]
    cy, cx = rng.uniform(0.35, 0.65, 2) * (height, width)
    blob = ((yy - cy) / (0.25 * height)) ** 2 + ((xx - cx) / (0.25 * width)) ** 2 < 1
    rgb = rng.integers(20, 60, (height, width, 3)).astype(np.uint8)
    rgb[blob] = rng.integers(150, 250, 3)
    return rgb


@pytest.fixture
def image_folder(tmp_path):
    """Five images of different sizes; natural order is not that of ASCII."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (1, 2, 3, 10, 20):
        hw = (90, 120) if number % 2 else (100, 80)
        Image.fromarray(picture(number, hw)).save(folder / f"img{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _theme(request):
    """Tests that show widgets see the theme that people see."""
    if "qtbot" not in request.fixturenames:
        return
    from desktop.theme import apply_theme

    apply_theme(request.getfixturevalue("qapp"), "dark")
