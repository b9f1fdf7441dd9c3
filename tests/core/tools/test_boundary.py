"""The smart boundary: only the band, never locked parts, to the edges of the photograph, the same each time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from counterpart.core.tools.boundary import BoundaryParams, refine_boundary

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
