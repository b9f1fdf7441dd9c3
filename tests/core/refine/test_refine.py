"""Refinement of masks: GrabCut, guided filter, CRF, regions."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.errors import JobCancelledError
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import CancelToken, JobContext
from counterpart.core.refine import (
    CrfParams,
    RefineParams,
    dense_crf,
    fill_holes,
    grab_cut,
    guided_filter,
    keep_largest,
    refine_mask,
    remove_specks,
    working_hw,
)
from counterpart.core.refine.masks import enlarge_mask, grid_outline


@pytest.fixture
def scene():
    """A red disc on green, its true mask, and a soft map that is too wide on one side and too narrow on the other."""
    rows, cols = np.ogrid[:90, :120]
    truth = (rows - 45) ** 2 + (cols - 60) ** 2 < 26**2
    rgb = np.where(truth[..., None], [200, 40, 50], [60, 140, 70]) + np.random.default_rng(0).integers(
        -12, 13, (90, 120, 3)
    )
    shifted = np.hypot(rows - 45, cols - 55)
    return rgb.clip(0, 255).astype(np.uint8), truth, (1 / (1 + np.exp((shifted - 26) / 3))).astype(np.float32)


def jaccard(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize(("method", "least"), [("grabcut", 0.98), ("crf", 0.85), ("guided", 0.85), ("none", 0.0)])
def test_refinement_moves_the_border_towards_the_edge(scene, method, least):
    rgb, truth, soft = scene
    mask = refine_mask(rgb, soft, RefineParams(method, radius=8))
    before = jaccard(soft > 0.5, truth)
    assert mask.dtype == bool
    assert jaccard(mask, truth) >= max(least, before)
    if method == "none":
        np.testing.assert_array_equal(mask, soft > 0.5)


@pytest.mark.parametrize("method", ["grabcut", "crf", "guided", "none"])
def test_large_images_are_worked_on_reduced_and_come_back_at_their_size(scene, method):
    rgb, truth, soft = scene
    large = rgb.repeat(4, 0).repeat(4, 1)
    mask = refine_mask(large, soft, RefineParams(method, working_size=120))
    assert mask.shape == (360, 480)
    assert jaccard(mask, truth.repeat(4, 0).repeat(4, 1)) > (0.75 if method == "none" else 0.82)


@pytest.mark.parametrize("method", ["grabcut", "crf", "guided", "none"])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_empty_and_full_masks_stay_as_they_are(scene, method, level):
    rgb = scene[0]
    mask = refine_mask(rgb, np.full(rgb.shape[:2], level, np.float32), RefineParams(method))
    assert (mask == bool(level)).all()


def test_fault_grab_cut_hid_every_exception():
    # The reference wrapped GrabCut in `except Exception`; ours checks what GrabCut cannot do and lets defects be seen.
    rgb = np.zeros((40, 40, 3), np.uint8)
    few = np.zeros((40, 40), np.float32)
    few[3:6, 3:6] = 1
    np.testing.assert_array_equal(grab_cut(rgb, few), few > 0.5)
    np.testing.assert_array_equal(grab_cut(rgb, 1 - few), few < 0.5)
    with pytest.raises(ValueError, match="does not fit"):
        grab_cut(rgb, few[:20])


def test_grab_cut_on_a_single_colour_does_not_erase_the_mask():
    half = np.zeros((40, 40), np.float32)
    half[:, 20:] = 1
    assert grab_cut(np.full((40, 40, 3), 90, np.uint8), half).any()


def test_grab_cut_is_deterministic(scene):
    rgb, _, soft = scene
    np.testing.assert_array_equal(grab_cut(rgb, soft, seed=5), grab_cut(rgb, soft, seed=5))


def test_grab_cut_moves_the_border_inside_of_its_band_only(scene):
    rgb, _, soft = scene
    cut = grab_cut(rgb[:, ::-1].copy(), soft, band=4)
    mask = soft > 0.5
    rows, cols = np.ogrid[:90, :120]
    away = np.abs(np.hypot(rows - 45, cols - 55) - 26) > 6
    np.testing.assert_array_equal(cut[away], mask[away])
    assert (cut != mask).any()


def test_grab_cut_leaves_a_mask_thinner_than_its_band(scene):
    rgb = scene[0]
    line = np.zeros((90, 120))
    line[40:43, 10:100] = 1
    np.testing.assert_array_equal(grab_cut(rgb, line, band=3), line > 0.5)


def test_guided_filter_reproduces_a_constant_and_an_affine_function_of_the_guide(scene):
    rgb = scene[0]
    np.testing.assert_allclose(guided_filter(rgb, np.full(rgb.shape[:2], 0.3), 4), 0.3, atol=1e-4)
    affine = rgb.astype(np.float32) @ np.array([0.2, -0.3, 0.5], np.float32) / 255 + 0.4
    np.testing.assert_allclose(guided_filter(rgb, affine, 4, eps=1e-8), affine, atol=2e-3)


def test_guided_filter_takes_channels_and_a_smaller_map(scene):
    rgb, _, soft = scene
    stacked = np.stack([soft, 1 - soft, soft * 0, soft, soft], axis=-1)
    out = guided_filter(rgb, stacked, 3)
    np.testing.assert_allclose(out[..., 0], guided_filter(rgb, soft, 3), atol=1e-5)
    np.testing.assert_allclose(out[..., 0] + out[..., 1], 1, atol=1e-3)
    assert guided_filter(rgb, soft[::3, ::3], 2).shape == rgb.shape[:2]


def test_crf_gives_probabilities_and_follows_edges_not_specks(scene):
    rgb, truth, _ = scene
    noisy = np.where(truth, 0.7, 0.3) + np.random.default_rng(1).normal(scale=0.25, size=truth.shape)
    energy = -np.log(np.stack([1 - noisy.clip(0.02, 0.98), noisy.clip(0.02, 0.98)], axis=-1))
    marginals = dense_crf(energy, rgb, CrfParams(gaussian_weight=3, bilateral_weight=10))
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, rtol=1e-5)
    assert jaccard(noisy > 0.5, truth) < 0.75
    assert jaccard(marginals[..., 1] > 0.5, truth) > 0.97


def test_crf_without_kernels_is_the_softmax_of_minus_the_energy():
    energy = np.random.default_rng(2).normal(size=(7, 9, 4)).astype(np.float32)
    exp = np.exp(-energy)
    got = dense_crf(energy, np.zeros((7, 9, 3), np.uint8), CrfParams(gaussian_weight=0, bilateral_weight=0))
    np.testing.assert_allclose(got, exp / exp.sum(-1, keepdims=True), rtol=1e-5)


def test_crf_equals_a_direct_sum_over_all_pairs_of_pixels():
    # Small enough for the window to hold the whole image.
    rng = np.random.default_rng(3)
    energy, rgb = rng.normal(size=(6, 8, 3)), rng.integers(0, 60, (6, 8, 3)).astype(np.uint8)
    params = CrfParams(4.0, 3.0, 6.0, 5.0, 13.0, 5)
    np.testing.assert_allclose(dense_crf(energy, rgb, params), direct_mean_field(energy, rgb, params), atol=1e-4)


def direct_mean_field(energy, rgb, params):
    h, w, labels = energy.shape
    xy = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), -1).reshape(-1, 2).astype(float)
    colour = rgb.reshape(-1, 3).astype(float)
    apart = ((xy[:, None] - xy) ** 2).sum(-1)
    kernels = [
        (params.gaussian_weight, np.exp(-apart / (2 * params.gaussian_xy**2))),
        (
            params.bilateral_weight,
            np.exp(-apart / (2 * params.bilateral_xy**2))
            * np.exp(-((colour[:, None] - colour) ** 2).sum(-1) / (2 * params.bilateral_rgb**2)),
        ),
    ]
    unary = -energy.reshape(-1, labels)
    logits = unary
    for _ in range(params.iterations + 1):
        q = np.exp(logits - logits.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        logits = unary.copy()
        for weight, kernel in kernels:
            scale = 1 / np.sqrt(kernel.sum(1))
            logits += weight * scale[:, None] * (kernel @ (scale[:, None] * q))
    return q.reshape(h, w, labels)


def test_crf_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        dense_crf(np.zeros((5, 5, 2)), np.zeros((5, 5, 3), np.uint8), ctx=JobContext(token=token))


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 3)])
@pytest.mark.parametrize("method", ["grabcut", "crf", "guided", "none"])
def test_tiny_images(shape, method):
    rng = np.random.default_rng(0)
    rgb, soft = rng.integers(0, 255, (*shape, 3)).astype(np.uint8), rng.uniform(size=shape)
    assert refine_mask(rgb, soft, RefineParams(method)).shape == shape


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 800))
def test_working_size_keeps_the_longest_side_in_bounds(height, width, longest):
    hw = working_hw((height, width), longest)
    assert 1 <= max(hw) <= max(longest, 1)
    assert hw[0] <= height
    assert hw[1] <= width


def test_regions():
    mask = np.zeros((12, 12), bool)
    mask[1:8, 1:8] = True
    mask[3:5, 3:5] = False  # a hole of four pixels
    mask[10, 10] = mask[11, 11] = True  # a speck of two, joined at a corner
    largest = keep_largest(mask)
    assert not largest[10:, 10:].any()
    assert largest.sum() == 45
    np.testing.assert_array_equal(remove_specks(mask, 3), largest)
    np.testing.assert_array_equal(remove_specks(mask, 2), mask)
    assert fill_holes(mask).sum() == mask.sum() + 4
    np.testing.assert_array_equal(fill_holes(mask, 3), mask)
    ring = np.ones((5, 5), bool)
    ring[2, 2] = ring[0, 2] = ring[1, 2] = False  # open to the border: no hole
    np.testing.assert_array_equal(fill_holes(ring), ring)


def test_regions_of_an_empty_mask_are_empty():
    empty = np.zeros((4, 6), bool)
    for result in (keep_largest(empty), remove_specks(empty, 5), fill_holes(empty)):
        assert not result.any()


def test_of_equally_large_regions_the_first_is_kept_wherever_the_mask_was_cut():
    from counterpart.core.refine.regions import keep_largest

    mask = np.zeros((9, 11), bool)
    mask[3, 2] = mask[4, 0] = True
    whole = keep_largest(mask)
    assert np.argwhere(whole).tolist() == [[3, 2]]
    np.testing.assert_array_equal(keep_largest(mask[3:5, :3]), whole[3:5, :3])


def test_a_hole_that_touches_the_outside_at_a_corner_only_is_a_hole():
    ring = np.array([[0, 0, 0, 0, 0], [0, 0, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    filled = ring.copy()
    filled[2, 2] = True
    np.testing.assert_array_equal(fill_holes(ring), filled)


def test_two_holes_that_touch_at_a_corner_are_two():
    mask = np.ones((6, 6), bool)
    mask[1:3, 1:3] = mask[3, 3] = False
    assert (~fill_holes(mask, max_pixels=1)).sum() == 4


@pytest.mark.parametrize(
    ("image_hw", "expected"),
    [
        ((333, 500), (67, 100)),
        ((332, 500), (66, 100)),
        ((5000, 10), (100, 1)),
        ((60, 100), (60, 100)),
        ((3, 4), (3, 4)),
    ],
)
def test_the_working_size_keeps_the_shape_as_nearly_as_whole_pixels_can(image_hw, expected):
    assert working_hw(image_hw, 100) == expected
    assert working_hw(image_hw[::-1], 100) == expected[::-1]


def test_a_map_larger_than_the_image_is_averaged_not_sampled():
    soft = np.zeros((8, 8), np.float32)
    soft[:4, :4] = 1
    soft[1:3, 1:3] = 0  # three quarters of the first pixel, though not its middle
    mask = refine_mask(np.zeros((2, 2, 3), np.uint8), soft, RefineParams("none"))
    assert mask.tolist() == [[True, False], [False, False]]


def test_a_map_smaller_than_the_image_is_interpolated():
    soft = np.array([[0.0, 1.0]], np.float32)
    mask = refine_mask(np.zeros((1, 6, 3), np.uint8), soft, RefineParams("none"))
    # Centres of pixels at -1/3, 0, 1/3, 2/3, 1, 4/3 of the map's.
    assert mask.tolist() == [[False, False, False, True, True, True]]


@pytest.mark.parametrize(("method", "usual"), [("guided", 8), ("grabcut", 3)])
def test_the_radius_is_the_usual_one_where_none_is_given(scene, method, usual):
    rgb, _, soft = scene
    masks = {radius: refine_mask(rgb, soft, RefineParams(method, radius=radius)) for radius in (None, usual, usual + 2)}
    np.testing.assert_array_equal(masks[None], masks[usual])
    assert (masks[usual + 2] != masks[usual]).any()


@pytest.mark.parametrize(
    ("method", "working_size", "radius"),
    [("guided", 500, 13), ("grabcut", 500, 6), ("guided", 64, 6), ("grabcut", 64, 3)],
)
def test_the_radius_follows_the_distance_of_tokens(method, working_size, radius):
    # Tokens every 16 pixels: 0.8 and 0.4 of that, and of the 8 pixels that are left at half the size.
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (96, 128, 3)).astype(np.uint8)
    geometry = GridGeometry.plan((96, 128), None, 16, 16)
    probability = np.pad(np.full((4, 4), 0.9), ((1, 1), (2, 2)), constant_values=0.1)
    params = RefineParams(method, working_size=working_size)
    soft = geometry.upsample(probability, out_hw=working_hw((96, 128), working_size))
    expected = refine_mask(rgb, soft, dataclasses.replace(params, radius=radius))
    np.testing.assert_array_equal(grid_outline(probability, geometry, rgb, params), expected)
    for other in (radius - 1, radius + 1):
        assert (refine_mask(rgb, soft, dataclasses.replace(params, radius=other)) != expected).any()


def test_a_mask_of_the_image_s_size_is_not_touched_by_enlarging(scene):
    rgb, truth, _ = scene
    np.testing.assert_array_equal(enlarge_mask(truth, rgb), truth)
    half = enlarge_mask(truth[::2, ::2], rgb)
    assert half.shape == truth.shape
    assert jaccard(half, truth) > 0.97


def halves():
    """Red on the left, green on the right, a little grain."""
    rgb = np.zeros((40, 60, 3), np.int64)
    rgb[:, :30, 0] = rgb[:, 30:, 1] = 180
    return (rgb + np.random.default_rng(0).integers(0, 20, rgb.shape)).astype(np.uint8)


@pytest.mark.parametrize(("pixels", "moves"), [(19, False), (20, True)])
def test_grab_cut_needs_twenty_pixels_on_either_side(pixels, moves):
    rgb = halves()[:, ::-1]
    blob = np.zeros((40, 60), bool)
    blob[5:9, 5:9] = True
    rgb[blob] = halves()[:4, :4].reshape(-1, 3)  # 16 red pixels on green
    soft = np.zeros((40, 60))
    soft[5:9, 5:10] = 1  # and four of the green beside them
    soft[5, 5] = pixels - 19
    np.testing.assert_array_equal(grab_cut(rgb[:, :30], soft[:, :30]), (blob if moves else soft > 0.5)[:, :30])
    np.testing.assert_array_equal(grab_cut(rgb[:, :30], 1 - soft[:, :30]), (~blob if moves else soft < 0.5)[:, :30])


def test_grab_cut_leaves_what_is_sure_on_its_side():
    rgb = halves()
    soft = np.where(np.arange(60) < 35, 0.625, 0.375) * np.ones((40, 1))
    soft[10:12, 45:47], soft[10:12, 5:7] = 0.75, 0.25
    red = np.broadcast_to(np.arange(60) < 30, (40, 60))
    np.testing.assert_array_equal(grab_cut(rgb, soft), red)
    expected = red.copy()
    expected[10:12, 45:47], expected[10:12, 5:7] = True, False
    np.testing.assert_array_equal(grab_cut(rgb, soft, sure=0.25), expected)


def test_grab_cut_keeps_to_its_band_exactly():
    rgb = halves()
    soft = np.where(np.arange(60) < 35, 1.0, 0.0) * np.ones((40, 1))  # five columns too far
    for band, last in ((3, 32), (5, 30), (8, 30)):
        np.testing.assert_array_equal(grab_cut(rgb, soft, band=band), np.broadcast_to(np.arange(60) < last, (40, 60)))


def test_on_a_single_colour_the_guided_filter_averages_twice():
    values = np.zeros((15, 15))
    values[7, 7] = 81
    out = guided_filter(np.full((15, 15, 3), 100, np.uint8), values, 1)
    # Means over 3 x 3, and of those again: products of 1, 2, 3, 2, 1.
    once = np.array([1, 2, 3, 2, 1])
    np.testing.assert_allclose(out[5:10, 5:10], np.outer(once, once), atol=1e-2)
    assert abs(out[:5]).max() < 1e-2


@pytest.mark.parametrize(("eps", "share"), [(2 / 3, 0.5), (2 / 9, 0.75)])
def test_the_guided_filter_follows_its_guide_as_far_as_its_variance_outweighs_eps(eps, share):
    # Columns black, black, white in turn: each window of three holds one white, so mean 1/3 and variance 2/9 in each of
    # three equal channels. The slope sums to 3 * 2/9 / (3 * 2/9 + eps).
    white = np.arange(30) % 3 == 2
    rgb = np.broadcast_to(np.where(white, 255, 0)[None, :, None], (12, 30, 3)).astype(np.uint8)
    out = guided_filter(rgb, np.broadcast_to(white, (12, 30)).astype(np.float32), 1, eps=eps)
    expected = share * white + (1 - share) / 3
    np.testing.assert_allclose(out[3:-3, 3:-3], np.broadcast_to(expected, (12, 30))[3:-3, 3:-3], atol=1e-4)


def test_the_crf_s_strengths_are_the_paper_s():
    assert dataclasses.astuple(CrfParams()) == (50, 3, 15, 5, 13, 10)


def test_the_kernels_of_the_crf_end_where_they_say():
    import torch

    from counterpart.core.refine.crf import _Bilateral, _Gaussian

    line = torch.zeros(1, 1, 13)
    line[0, 0, 6] = 1
    near = _Bilateral(torch.zeros(3, 1, 13), 1.0).filtered(line)[0, 0]  # as far as two spreads
    expected = np.exp(-0.5 * np.array([4, 1, 0, 1, 4]))
    np.testing.assert_allclose(near[4:9], expected, rtol=1e-6)
    assert near.sum() == pytest.approx(expected.sum())
    smooth = _Gaussian(line.shape[1:], 1.0).filtered(line)[0, 0]  # as far as three
    expected = np.exp(-0.5 * np.array([9, 4, 1, 0, 1, 4, 9]))
    np.testing.assert_allclose(smooth[3:10], expected, rtol=1e-6)
    assert smooth.sum() == pytest.approx(expected.sum())
    colours = torch.zeros(3, 1, 13)
    colours[1, 0, 7] = 2  # apart by two in colour and one in place: exp(-(4 + 1) / 2)
    assert float(_Bilateral(colours, 1.0).filtered(line)[0, 0, 7]) == pytest.approx(np.exp(-2.5))


def test_crf_of_a_single_label_is_certain_and_sizes_must_agree():
    assert dense_crf(np.zeros((2, 3, 1)), np.zeros((2, 3, 3), np.uint8)).tolist() == np.ones((2, 3, 1)).tolist()
    for energy in (np.zeros((2, 3)), np.zeros((3, 3, 2))):
        with pytest.raises(ValueError, match="do not fit"):
            dense_crf(energy, np.zeros((2, 3, 3), np.uint8))


def test_a_single_speck_is_a_speck_and_a_full_mask_has_no_hole():
    speck = np.zeros((5, 5), bool)
    speck[2, 2] = True
    assert not remove_specks(speck, 2).any()
    np.testing.assert_array_equal(remove_specks(speck, 1), speck)
    np.testing.assert_array_equal(keep_largest(speck), speck)
    assert fill_holes(np.ones((3, 3), bool)).all()
    assert fill_holes(~speck).all()
    for row, column in ((0, 2), (4, 2), (2, 0), (2, 4)):  # open to each side in turn
        notch = np.ones((5, 5), bool)
        notch[row, column] = False
        np.testing.assert_array_equal(fill_holes(notch), notch)


def test_the_band_of_grab_cut_reaches_its_radius_to_either_side():
    from counterpart.core.refine.grabcut import _band

    mask = np.zeros((21, 21), bool)
    mask[6:15, 6:15] = True
    inner, outer = _band(mask, 2)
    assert np.flatnonzero(inner[10]).tolist() == list(range(8, 13))
    assert np.flatnonzero(outer[10]).tolist() == list(range(4, 17))
    np.testing.assert_array_equal(inner, inner[::-1, ::-1])
    assert _band(np.ones((9, 9), bool), 2)[0].all()  # the image's border is no border of the mask


def test_a_guide_is_averaged_down_to_the_size_of_a_small_map():
    # Cells of three columns, one of them white: the first in even cells, the middle one in odd. All have one mean.
    guide = np.zeros((12, 24, 3), np.uint8)
    guide[:, 0::6] = guide[:, 4::6] = 255
    values = np.tile(np.arange(8) % 2, (4, 1)).astype(np.float32)
    flat = np.full_like(guide, 85)
    np.testing.assert_allclose(guided_filter(guide, values, 1), guided_filter(flat, values, 1), atol=1e-3)
