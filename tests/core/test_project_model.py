"""Values check themselves and cannot be changed."""

import numpy as np
import pytest

from core.errors import UsageError
from core.project.model import (
    KeypointSet,
    LabelMap,
    MatchSet,
    Origin,
    PartLabel,
    Skeleton,
    colour_hex,
    mask_bbox,
    parse_colour,
)
from core.project.palette import PALETTE, colour_at, next_colour

DICHROMACIES = {  # Machado et al. 2009, severity 1, on linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colours, matrix):
    """CIELAB of colours as somebody sees them."""
    values = np.asarray(colours) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(matrix).T, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = seen @ to_xyz.T / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("sight", DICHROMACIES)
def test_the_palette_can_be_told_apart_with_any_kind_of_sight(sight):
    seen = lab(PALETTE, DICHROMACIES[sight])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 1e3 * np.eye(len(PALETTE))
    assert len(PALETTE) >= 20
    assert apart[:20, :20].min() > 15.5
    assert apart.min() > 13.5


def test_colours_go_on_past_the_palette_without_repeating():
    many = [colour_at(index) for index in range(100)]
    assert len(set(many)) == 100
    assert next_colour(set(PALETTE[:3])) == PALETTE[3]
    assert next_colour(set(PALETTE)) not in PALETTE


def test_colours_are_read_and_written():
    assert parse_colour(colour_hex((1, 128, 255))) == (1, 128, 255)
    for text in ("#12345", "red", "#12345g", ""):
        with pytest.raises(UsageError):
            parse_colour(text)


def test_arrays_of_values_cannot_be_written_and_do_not_follow_their_source():
    source = np.array([[1.0, 2.0]])
    points = KeypointSet.make(source)
    source[0, 0] = 9
    assert points.xy[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        points.xy[0, 0] = 5
    labels = np.zeros((3, 3), np.int64)
    label_map = LabelMap(labels)
    labels[0, 0] = 1
    assert label_map.labels.dtype == np.uint8
    assert label_map.areas() == {}


def test_a_point_without_a_place_is_absent():
    points = KeypointSet.make([[np.nan, 1], [2, 3]], visibility=[2, 1])
    assert points.visibility.tolist() == [0, 1]
    assert points.present.tolist() == [False, True]
    assert KeypointSet.make([[np.nan, 1], [2, 3]], origin=Origin.TRANSFERRED).origin.tolist() == [1, 1]


def test_arrays_of_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="visibility"):
        KeypointSet.make([[1, 2]], visibility=[1, 2])
    with pytest.raises(ValueError, match="0, 1 or 2"):
        KeypointSet.make([[1, 2]], visibility=[3])
    with pytest.raises(ValueError, match="xy_b"):
        MatchSet.make(1, 2, [[1, 2]], [])
    with pytest.raises(ValueError, match="label map"):
        LabelMap(np.zeros((2, 2)))


def test_empty_sets_are_fine():
    assert len(KeypointSet.make([])) == 0
    assert len(MatchSet.make(1, 2, [], [])) == 0
    assert LabelMap(np.zeros((0, 0), np.uint8)).areas() == {}
    assert mask_bbox(np.zeros((0, 5), np.bool_)) is None


def test_skeletons_check_themselves():
    with pytest.raises(UsageError, match="'a' occurs twice"):
        Skeleton(("a", "b", "a"))
    with pytest.raises(UsageError, match="has no name"):
        Skeleton(("a", " "))
    with pytest.raises(UsageError, match="edge"):
        Skeleton(("a", "b"), edges=((0, 2),))
    with pytest.raises(UsageError, match="ids"):
        Skeleton(("a", "b"), point_ids=(1, 1))
    assert Skeleton(("l", "m", "r"), mirror_pairs=((0, 2),)).mirror_order().tolist() == [2, 1, 0]


def test_points_are_reordered_with_their_keypoints():
    points = KeypointSet.make([[1, 1], [2, 2], [3, 3]], visibility=[1, 2, 2])
    moved = points.reordered([2, None, 0])
    assert moved.xy[[0, 2]].tolist() == [[3, 3], [1, 1]]
    assert moved.visibility.tolist() == [2, 0, 1]


def test_parts_check_themselves():
    for number in (0, -1, 65_536):
        with pytest.raises(UsageError, match="id"):
            PartLabel(number, "x", (0, 0, 0))


def test_the_box_of_a_mask_is_half_open():
    mask = np.zeros((10, 12), np.bool_)
    mask[3, 4] = mask[7, 9] = True
    assert mask_bbox(mask) == (3, 4, 8, 10)
