"""The smart boundary: only the band, never locked parts, to the edges of the photograph, the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from counterpart.core.tools.boundary import (
    BoundaryParams,
    _chance,
    _depth,
    _discriminated,
    _touched_pieces,
    _window_mean,
    _without_strays,
    refine_boundary,
)

METHODS = ["local", "grabcut", "guided"]
HW = (70, 90)


def photograph(seed=0, hw=HW):
    """A disc on another ground, with grain, and its mask."""
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    truth = np.hypot(yy - hw[0] / 2, xx - hw[1] / 2) <= min(hw) * 0.3
    grain = np.random.default_rng(seed).integers(-12, 13, (*hw, 3))
    rgb = np.where(truth[..., None], (200, 80, 60), (70, 110, 90)) + grain
    return np.clip(rgb, 0, 255).astype(np.uint8), truth


def applied(labels, edit):
    out = labels.copy()
    if edit is not None:
        top, left, bottom, right = edit.bbox
        out[top:bottom, left:right][edit.mask] = edit.labels[edit.mask]
    return out


def jaccard(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("method", ["local", "grabcut"])
@pytest.mark.parametrize("change", [-4, -2, 2, 4])
def test_an_outline_moves_to_the_edge(method, change):
    rgb, truth = photograph()
    erode, dilate = ndimage.binary_erosion, ndimage.binary_dilation
    off = dilate(truth, iterations=change) if change > 0 else erode(truth, iterations=-change)
    labels = off.astype(np.uint8)
    out = applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(method, band=7))) == 1
    assert jaccard(out, truth) > 0.955
    assert jaccard(out, truth) > jaccard(off, truth) + 0.03


@pytest.mark.parametrize("method", METHODS)
def test_an_outline_on_the_edge_stays(method):
    rgb, truth = photograph()
    labels = truth.astype(np.uint8)
    out = applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(method, band=5))) == 1
    assert jaccard(out, truth) > 0.97


def test_where_colour_tells_nothing_the_outline_stays():
    _, truth = photograph()
    labels = truth.astype(np.uint8)
    for rgb in (np.full((*HW, 3), 90, np.uint8), np.random.default_rng(1).integers(0, 256, (*HW, 3)).astype(np.uint8)):
        out = applied(labels, refine_boundary(rgb, labels, 1)) == 1
        assert jaccard(out, truth) > 0.93


@st.composite
def scenes(draw):
    """Random colours, random parts: nothing that a method could expect."""
    seed, coarse = draw(st.integers(0, 10_000)), draw(st.integers(3, 9))
    rng = np.random.default_rng(seed)
    hw = (draw(st.integers(12, 60)), draw(st.integers(12, 60)))
    blocks = rng.integers(0, 3, (-(-hw[0] // coarse), -(-hw[1] // coarse)))
    labels = np.kron(blocks, np.ones((coarse, coarse), int))[: hw[0], : hw[1]].astype(np.uint8)
    rgb = rng.integers(0, 256, (*hw, 3)).astype(np.uint8)
    return rgb, labels


def check_limits(rgb, labels, params, preserve, locked):
    edit = refine_boundary(rgb, labels, 1, params, locked, preserve=preserve)
    after = applied(labels, edit)
    changed = after != labels
    own = labels == 1
    distance = np.where(own, ndimage.distance_transform_edt(own), ndimage.distance_transform_edt(~own))
    assert (distance[changed] <= params.band + 0.5 + 1e-4).all()
    assert not np.isin(labels[changed], sorted(locked)).any()
    assert not np.isin(after[changed], sorted(locked)).any()
    if 1 in locked:
        assert edit is None
    if preserve:
        assert not (labels[changed] == 2).any()


@pytest.mark.parametrize("method", METHODS)
@given(scenes(), st.sampled_from([1.0, 3.0, 6.0]), st.booleans(), st.frozensets(st.sampled_from([1, 2])))
def test_nothing_outside_the_band_and_nothing_locked_ever_changes(method, scene, band, preserve, locked):
    check_limits(*scene, BoundaryParams(method, band), preserve, locked)


def test_the_random_field_keeps_to_the_band_too_and_to_the_edge():
    rgb, truth = photograph(hw=(44, 50))
    labels = ndimage.binary_dilation(truth, iterations=2).astype(np.uint8)
    params = BoundaryParams("crf", band=4)
    check_limits(rgb, labels, params, preserve=False, locked=frozenset())
    out = applied(labels, refine_boundary(rgb, labels, 1, params)) == 1
    assert jaccard(out, truth) > jaccard(labels == 1, truth)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_input_gives_the_same_result(method):
    rgb, truth = photograph(3)
    labels = ndimage.binary_dilation(truth, iterations=3).astype(np.uint8)
    first, second = (applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(method))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_thin_part_keeps_its_core():
    rgb = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    labels = np.zeros((60, 60), np.uint8)
    labels[30:33, 5:55] = 1
    for method in METHODS:
        out = applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(method, band=10)))
        assert (out[31, 8:52] == 1).all()


def test_no_stray_pieces_and_no_new_holes():
    rng = np.random.default_rng(5)
    rgb = rng.integers(0, 256, (80, 80, 3)).astype(np.uint8)
    labels = np.zeros((80, 80), np.uint8)
    labels[20:60, 20:60] = 1
    out = applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(band=8))) == 1
    pieces, count = ndimage.label(out, np.ones((3, 3)))
    assert all((labels[pieces == index] == 1).any() for index in range(1, count + 1))
    holes, count = ndimage.label(~out)
    assert all((labels[holes == index] == 0).any() for index in range(1, count + 1))


def test_pixels_given_up_go_to_the_neighbour_they_lie_at():
    rgb, truth = photograph()
    labels = np.where(truth, 0, 2).astype(np.uint8)
    labels[ndimage.binary_dilation(truth, iterations=3)] = 1
    out = applied(labels, refine_boundary(rgb, labels, 1, BoundaryParams(band=6)))
    assert (out == 0).sum() == 0
    assert jaccard(out == 1, truth) > 0.97


def test_only_the_window_asked_for_changes():
    rgb, truth = photograph()
    labels = ndimage.binary_dilation(truth, iterations=3).astype(np.uint8)
    edit = refine_boundary(rgb, labels, 1, within=(0, 0, 70, 45))
    assert edit.bbox[3] <= 45
    assert edit.mask.any()


def test_a_large_part_is_worked_on_at_a_reduced_size_with_an_outline_of_full_size():
    rgb, truth = photograph(hw=(900, 1000))
    labels = ndimage.binary_dilation(truth, iterations=8).astype(np.uint8)
    params = BoundaryParams(band=16, working_size=300)
    out = applied(labels, refine_boundary(rgb, labels, 1, params)) == 1
    assert jaccard(out, truth) > 0.985


def test_an_absent_part_the_background_and_a_full_image():
    rgb, _ = photograph()
    assert refine_boundary(rgb, np.zeros(HW, np.uint8), 1) is None
    assert refine_boundary(rgb, np.zeros(HW, np.uint8), 0) is None
    assert refine_boundary(rgb, np.ones(HW, np.uint8), 1) is None
    with pytest.raises(ValueError, match="do not fit"):
        refine_boundary(rgb, np.ones((3, 3), np.uint8), 1)


# By hand


def test_chance_falls_evenly_across_the_band_and_is_even_at_the_outline():
    own = np.zeros((9, 40), bool)
    own[:, 20:] = True
    chance = _chance(own, 4.0)[4]
    # Pixel centres lie 0.5, 1.5, 2.5, … from the outline; beyond four pixels a side is sure.
    depth = np.arange(40) - 19.5
    np.testing.assert_allclose(chance, 0.5 + 0.451 * np.clip(depth / 4, -1, 1), atol=1e-4)
    np.testing.assert_allclose(_chance(own, 0.1)[4], _chance(own, 0.5)[4])


def test_a_thin_piece_is_sure_from_six_tenths_of_its_depth_on():
    own = np.zeros((30, 40), bool)
    own[4:14, 4:14] = True  # five deep
    own[22:27, 2:38] = True  # three deep
    chance = _chance(own, 10.0)
    # 0.6 of five is three, of three 1.8; measured from the outline half a pixel less.
    np.testing.assert_allclose(chance[4:9, 9], 0.5 + 0.451 * np.clip((np.arange(1, 6) - 0.5) / 2.5, 0, 1), atol=1e-3)
    np.testing.assert_allclose(chance[22:25, 20], 0.5 + 0.451 * np.clip((np.arange(1, 4) - 0.5) / 1.3, 0, 1), atol=1e-3)
    np.testing.assert_allclose(chance[16, 9], 0.5 - 0.451 * 2.5 / 10, atol=1e-3)


def test_depth_is_the_distance_to_the_nearest_pixel_that_is_not_set():
    mask = np.zeros((7, 9), bool)
    mask[1:6, 1:8] = True
    mask[3, 4] = False
    np.testing.assert_allclose(_depth(mask), ndimage.distance_transform_edt(mask), rtol=1e-5)
    assert (_depth(np.ones((3, 4), bool)) >= 5).all()


def test_the_mean_of_a_window_reflects_at_the_border():
    values = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    np.testing.assert_allclose(_window_mean(values, 2), ndimage.uniform_filter(values, 5, mode="reflect"), rtol=1e-5)
    both = np.stack([values, 1 - values], axis=-1)
    np.testing.assert_allclose(_window_mean(both, 2)[..., 1], _window_mean(1 - values, 2), rtol=1e-5)


def test_sides_are_told_apart_by_a_regression_on_colour_in_each_window():
    """The same by weighted least squares, window by window."""
    rng = np.random.default_rng(1)
    hw, radius = (12, 14), 2
    truth = np.arange(14) >= 6
    colours = (rng.random((*hw, 3)) * 0.2 + np.where(truth, 0.5, 0.25)[None, :, None]).astype(np.float32)
    chance = np.broadcast_to(np.clip((np.arange(14) - 3) / 8, 0.05, 0.95), hw).astype(np.float32)
    trust = np.where(np.abs(chance - 0.5) >= 0.45, 1, 0.05).astype(np.float32)
    side = np.where(trust >= 1, chance > 0.5, chance)
    margins = ((radius, radius), (radius, radius), (0, 0))
    pad = [np.pad(each, margins[: each.ndim], mode="symmetric") for each in (colours, side, trust)]
    score = np.zeros(hw)
    for y in range(hw[0]):
        for x in range(hw[1]):
            place = np.s_[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            c, s, w = pad[0][place].reshape(-1, 3).astype(float), pad[1][place].ravel(), pad[2][place].ravel()
            w = w / w.sum()
            centre, level = w @ c, w @ s
            covariance = (c - centre).T @ (w * (s - level))
            slope = np.linalg.solve((c - centre).T @ (w[:, None] * (c - centre)) + 1e-3 * np.eye(3), covariance)
            told = np.clip(slope @ covariance / max(w @ (s - level) ** 2, 1e-6), 0, 1)
            value = slope @ (colours[y, x] - centre) - told * (0.5 - level)
            vote = np.clip(value / max(told, 1e-3), -1, 1)
            score[y, x] = told * vote + (1 - told) * (chance[y, x] - 0.5)
    smooth = ndimage.gaussian_filter(score, 1.0, mode="mirror")
    got = _discriminated(colours, chance, trust, radius)
    clear = np.abs(smooth) > 2e-3
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(got[clear], smooth[clear] > 0)


def test_pieces_that_touch_what_was_stay_and_holes_that_were_not_close():
    own = np.zeros((9, 12), bool)
    own[2:7, 2:7] = True
    own[4, 4] = False
    wanted = own.copy()
    wanted[7, 7] = True  # hangs on by a corner
    wanted[1, 10] = True  # lies apart
    wanted[3, 3] = False  # a hole that opens by a corner alone: holes hang together by sides
    wanted[2, 5] = False  # a bay
    expected = wanted.copy()
    expected[1, 10] = False
    expected[3, 3] = True
    np.testing.assert_array_equal(_without_strays(wanted, own), expected)
    everything = np.ones((4, 4), bool)
    wanted = everything.copy()
    wanted[1, 1] = False
    np.testing.assert_array_equal(_without_strays(wanted, everything), wanted)


def test_connected_pieces_that_share_a_pixel():
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    by = np.zeros((4, 4), bool)
    by[0, 0] = by[2, 2] = True
    assert np.argwhere(_touched_pieces(mask, by, 8)).tolist() == [[0, 0], [1, 1]]
    assert np.argwhere(_touched_pieces(mask, by, 4)).tolist() == [[0, 0]]
    assert not _touched_pieces(mask, np.zeros((4, 4), bool), 4).any()


@pytest.mark.parametrize("method", METHODS)
def test_a_photograph_far_from_the_part_does_not_matter_and_what_lies_around_it_does(method):
    """Around a part of 40 pixels, 6 of the band and 16 more are looked at."""
    rgb, _ = photograph(hw=(200, 220))
    labels = np.zeros((200, 220), np.uint8)
    labels[80:120, 90:130] = 1
    changed = rgb.copy()
    outside = np.ones((200, 220), bool)
    outside[58:142, 68:152] = False
    changed[outside] = np.random.default_rng(0).integers(0, 256, (int(outside.sum()), 3))
    params = BoundaryParams(method)
    first, second = (applied(labels, refine_boundary(each, labels, 1, params)) for each in (rgb, changed))
    np.testing.assert_array_equal(first, second)


def test_local_colours_find_a_border_that_colours_of_the_whole_cannot():
    """The part is darker than its surroundings everywhere, but they grow lighter from left to right."""
    rng = np.random.default_rng(2)
    yy, xx = np.mgrid[:100, :200]
    truth = (np.abs(yy - 50) < 20) & (np.abs(xx - 100) < 85)
    level = 40 + xx * 0.8 + np.where(truth, -30, 30)
    rgb = np.clip(level[..., None] + rng.integers(-6, 7, (100, 200, 3)), 0, 255).astype(np.uint8)
    for change in (ndimage.binary_dilation(truth, iterations=3), ndimage.binary_erosion(truth, iterations=3)):
        labels = change.astype(np.uint8)
        out = applied(labels, refine_boundary(rgb, labels, 1)) == 1
        assert jaccard(out, truth) > 0.985


@pytest.mark.parametrize(("working_size", "longest"), [(900, 168), (60, 60), (30, 56)])
def test_large_parts_are_reduced_but_never_below_two_pixels_of_band(working_size, longest, monkeypatch):
    """A part of 120 has 18 around it and 6 more for the band, 168 pixels in all; a third of them leaves 2 of 6."""
    import counterpart.core.tools.boundary as boundary

    sizes = []
    plain = boundary._local_colours

    def watched(rgb, chance, radius):
        sizes.append((max(rgb.shape), radius))
        assert rgb.shape[:2] == chance.shape
        return plain(rgb, chance, radius)

    monkeypatch.setattr(boundary, "_local_colours", watched)
    rgb, _ = photograph(hw=(300, 320))
    labels = np.zeros((300, 320), np.uint8)
    labels[100:160, 90:210] = 1
    refine_boundary(rgb, labels, 1, BoundaryParams(working_size=working_size))
    assert sizes == [(longest, round(1.3 * 6 * longest / 168))]


def test_a_part_takes_from_others_unless_they_are_to_be_preserved():
    rgb, truth = photograph()
    labels = np.full(HW, 2, np.uint8)
    labels[ndimage.binary_erosion(truth, iterations=3)] = 1
    assert jaccard(applied(labels, refine_boundary(rgb, labels, 1)) == 1, truth) > 0.955
    kept = applied(labels, refine_boundary(rgb, labels, 1, preserve=True))
    np.testing.assert_array_equal(kept[labels == 2], 2)
