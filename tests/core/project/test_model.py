"""Values check themselves and cannot be changed."""

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.project.model import LabelMap, PartLabel, mask_bbox
from counterpart.core.project.palette import PALETTE, colour_at, colour_hex, next_colour, parse_colour
from counterpart.core.project.points import KeypointSet, MatchSet, Origin, Skeleton

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


def ciede2000(one, other):
    """Colour difference of two CIELAB colours (Sharma, Wu, Dalal 2005)."""
    light, chroma = (one[0] + other[0]) / 2, (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    a, b = np.array([one[1], other[1]]) * stretch, np.array([one[2], other[2]])
    chromas, hues = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    turn = (hues[1] - hues[0] + 180) % 360 - 180
    hue = (hues[0] + turn / 2) % 360
    chroma = chromas.mean()
    cosine = [np.cos(np.radians(factor * hue - shift)) for factor, shift in ((1, 30), (2, 0), (3, -6), (4, 63))]
    weight = 1 - 0.17 * cosine[0] + 0.24 * cosine[1] + 0.32 * cosine[2] - 0.2 * cosine[3]
    lightness = (other[0] - one[0]) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    strength = (chromas[1] - chromas[0]) / (1 + 0.045 * chroma)
    tint = 2 * np.sqrt(chromas.prod()) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    bend = np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    bend *= -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return np.sqrt(lightness**2 + strength**2 + tint**2 + bend * strength * tint)


def test_the_colour_difference_is_that_of_the_published_pairs():
    for one, other, known in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ):
        assert ciede2000(one, other) == pytest.approx(known, abs=2e-4)


@pytest.mark.parametrize("sight", DICHROMACIES)
@pytest.mark.parametrize("ground", [40, 128, 215])
def test_the_first_colours_are_told_apart_where_parts_lie_side_by_side(sight, ground):
    opacity = 0.55  # as overlays begin
    laid = opacity * np.array(PALETTE[:7]) + (1 - opacity) * ground
    seen = lab(laid, DICHROMACIES[sight])
    for count, least in ((4, 17.0), (6, 10.0), (7, 9.0)):
        pairs = [(a, b) for a in range(count) for b in range(a)]
        assert min(ciede2000(seen[a], seen[b]) for a, b in pairs) > least


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
