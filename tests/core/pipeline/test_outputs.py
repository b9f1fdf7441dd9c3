"""Names of outputs, and overlays to look at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from counterpart.core.errors import OutputError
from counterpart.core.images.reading import ImageRef
from counterpart.core.pipeline.outputs import check_writable, output_paths
from counterpart.core.pipeline.parts.overlays import label_borders, overlay


def refs(*names: str) -> list[ImageRef]:
    return [ImageRef(Path(name), name) for name in names]


def test_outputs_mirror_the_relative_path():
    paths = output_paths(refs("a/cat.jpg", "b/cat.jpg", "dog.png"), Path("out"), ".png")
    assert paths == [Path("out/a/cat.png"), Path("out/b/cat.png"), Path("out/dog.png")]


def test_equal_stems_do_not_overwrite_each_other():
    """The reference code writes both results to one file."""
    paths = output_paths(refs("cat.jpg", "Cat.png", "dog.jpg"), Path("out"), ".png")
    assert paths == [Path("out/cat.jpg.png"), Path("out/Cat.png.png"), Path("out/dog.png")]


def test_a_file_in_the_way_and_a_folder_without_permission_are_found_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file, not a folder"):
        check_writable(tmp_path / "file")
    check_writable(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(OutputError, match="permission"):
            check_writable(tmp_path / "locked")


def test_borders_lie_inside_parts_and_not_at_the_image_edge():
    labels = np.zeros((6, 8), dtype=np.uint8)
    labels[:, :4] = 1
    labels[:, 4:6] = 2
    borders = label_borders(labels)
    assert borders.sum(axis=0).tolist() == [0, 0, 0, 6, 6, 6, 0, 0]


def test_an_overlay_tints_parts_and_keeps_the_size():
    rgb = np.full((40, 60, 3), 100, dtype=np.uint8)
    labels = np.zeros((40, 60), dtype=np.uint16)
    labels[10:30, 10:30] = 7
    picture = overlay(rgb, labels, {7: (200, 0, 0)})
    assert picture.shape == rgb.shape
    assert picture[20, 20].tolist() == [150, 50, 50]
    assert picture[10, 15].tolist() == [200, 0, 0]
    assert picture[0, 0].tolist() == [72, 72, 72]


def test_an_overlay_without_any_part():
    rgb = np.full((4, 4, 3), 100, dtype=np.uint8)
    assert overlay(rgb, np.zeros((4, 4), dtype=np.uint8), {}).max() == 72
