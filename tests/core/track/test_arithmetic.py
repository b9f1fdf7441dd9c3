"""The numbers of tracking, worked out by hand on frames whose every token is told from every other."""

import itertools
import math

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import JobContext, silent
from counterpart.core.refine import guided_filter
from counterpart.core.track import MaskTracker, PointTracker, TrackParams
from counterpart.core.track.flow import Basis, Flow, Look
from counterpart.core.track.masks import cell_geometry
from counterpart.core.track.points import hill_tops

CELL = 8
ROWS, COLS = 6, 7
HW = (ROWS * CELL, COLS * CELL)
SPEC = FeatureSpec("made", "0" * 64, (Tap(0, "token"),), CELL, None, None, storage="float32")
GEOMETRY = GridGeometry.plan(HW, None, CELL, CELL)
EXACT = TrackParams(top_k=1, context=0, radius=0, dims=0, cells=1, edges=False)
"""Every token takes the labels of the token that is most like it, among the annotated frames."""


def features(values, geometry=GEOMETRY):
    width = values.shape[-1]
    return FeatureMap(SPEC, "0" * 64, geometry, (values.astype(np.float32),), (np.zeros(width, np.float32),), None)


def told_apart(_rgb):
    """An encoder that gives every token an axis of its own, the same in every frame."""
    return features(np.eye(ROWS * COLS).reshape(ROWS, COLS, -1))


def frames(count, hw=HW):
    return [np.zeros((*hw, 3), np.uint8) for _ in range(count)]


def rectangle(top, left, bottom, right, label=1):
    labels = np.zeros(HW, np.uint8)
    labels[top:bottom, left:right] = label
    return labels


def bilinear(top, left, bottom, right):
    """Where a rectangle of whole tokens has more than half of what is brought to pixels: its corners are rounded."""

    def along(low, high, tokens):
        centres = np.arange(tokens) * CELL + 3.5
        return np.interp(np.arange(tokens * CELL), centres, (centres > low) & (centres < high))

    return along(top, bottom, ROWS)[:, None] * along(left, right, COLS) > 0.5


# The space that is compared in --------------------------------------------------


def test_descriptors_are_compared_in_the_principal_components_of_the_annotated_frames():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, ROWS, COLS, 5)) * [3, 1, 2, 0.5, 0.1] + [1, 2, 0, 0, 4]
    maps = [features(each) for each in values]
    basis = Basis.fit(maps, TrackParams(dims=2))
    unit = values.reshape(-1, 5) / np.linalg.norm(values.reshape(-1, 5), axis=1, keepdims=True)
    np.testing.assert_allclose(basis.mean, unit.mean(axis=0), atol=1e-6)
    _, _, axes = np.linalg.svd(unit - unit.mean(axis=0))
    np.testing.assert_allclose(np.abs(axes[:2] @ basis.axes), np.eye(2), atol=1e-4)
    projected = (unit[: ROWS * COLS] - unit.mean(axis=0)) @ basis.axes
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    found = basis.project(maps[0], None).numpy()
    assert found.shape == (ROWS, COLS, 2)
    np.testing.assert_allclose(found.reshape(-1, 2), projected, atol=1e-5)


def test_without_dimensions_descriptors_are_only_normalised():
    values = np.random.default_rng(0).normal(size=(ROWS, COLS, 3)) + 5
    basis = Basis.fit([features(values)], TrackParams(dims=0))
    assert basis.axes is None
    np.testing.assert_array_equal(basis.mean, np.zeros(3))
    expected = values / np.linalg.norm(values, axis=-1, keepdims=True)
    np.testing.assert_allclose(basis.project(features(values), None).numpy(), expected, atol=1e-6)


def test_a_flow_looks_at_its_anchors_and_the_last_few_frames():
    """One token per frame: labels are means over all that is looked at, all of it being equally like."""
    import torch

    def look(*labels):
        return Look(torch.ones(1, 1, 1), torch.tensor(labels).view(1, 1, -1))

    flow = Flow(TrackParams(context=2, top_k=9), (0, 0), [look(1.0, 0.0)])
    flow.recent.append(look(0.0, 1.0))
    assert flow.step(torch.ones(1, 1, 1)).flatten().tolist() == pytest.approx([0.5, 0.5])
    assert flow.step(torch.ones(1, 1, 1)).flatten().tolist() == pytest.approx([0.5, 0.5])
    flow.recent.append(look(0.0, 1.0))  # what was there first is out by now
    assert len(flow.recent) == 2
    assert flow.step(torch.ones(1, 1, 1)).flatten().tolist() == pytest.approx([0.5, 0.5])
    assert flow.step(torch.ones(1, 1, 1)).flatten().tolist() == pytest.approx([0.5, 0.5])


def test_a_flow_leaves_the_number_of_threads_as_it_was():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        Flow(TrackParams(), (0, 0), [Look(torch.ones(1, 1, 1), torch.ones(1, 1, 1))]).step(torch.ones(1, 1, 1))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("row", "col"), [(0, 3), (3, 0)])
@pytest.mark.parametrize(("radius", "reached"), [(0.49, True), (0.34, False)])
def test_a_radius_is_a_share_of_the_shorter_side(radius, reached, row, col):
    """Shorter side 48, tokens 8 wide: 0.49 is 2.94 tokens, about 3; 0.34 is 2.04, about 2. The object moves by 3."""

    def encode(rgb):
        values = np.full((ROWS, COLS, 2), [0.0, 1.0])
        values[rgb[4::CELL, 4::CELL, 0] > 0] = [1.0, 0.0]
        return features(values)

    shown = frames(2)
    top, left = row * CELL, col * CELL
    shown[0][:CELL, :CELL] = shown[1][top : top + CELL, left : left + CELL] = 255
    params = TrackParams(top_k=1, context=0, radius=radius, dims=0, cells=1, edges=False)
    _, found = MaskTracker(shown, {0: rectangle(0, 0, CELL, CELL)}, params, encode, silent())
    assert found.labels[top + 4, left + 4] == reached


# Deciding --------------------------------------------------


def test_tokens_that_stay_the_same_keep_their_labels():
    given = rectangle(8, 16, 32, 40)
    for found in MaskTracker(frames(3), {0: given}, EXACT, told_apart, silent()):
        expected = given if found.frame == 0 else bilinear(8, 16, 32, 40)
        np.testing.assert_array_equal(found.labels, expected)
        assert found.confidence == 1


def test_confidence_is_the_expected_overlap_to_a_power_that_was_measured():
    """One row of tokens: three whole, one with 6 of 8 columns, one with 2 of 8; four are decided for the part.

    Intersection 3 + 0.75, union 4 + 0.25.
    """
    given = rectangle(8, 8, 16, 38)  # columns 8 to 31 are whole, 32 to 37 are 6 of 8
    given[24:32, 8:10] = 1  # 2 of 8 of another token
    _, found = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert found.confidence == pytest.approx((3.75 / 4.25) ** 0.57, rel=1e-4)


def test_confidence_is_the_mean_over_the_labels_seen():
    given = rectangle(8, 8, 16, 22)  # a whole token, and 6 of 8: 1.75 of 2
    given[24:32, 8:24] = 2  # two whole ones
    given[40, 8:12] = 3  # four pixels: never decided, and less than a token in all
    _, found = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert found.confidence == pytest.approx(np.mean([1.75 / 2, 1.0]) ** 0.57, rel=1e-4)


def test_a_label_that_is_nowhere_decided_counts_against_the_confidence_where_there_is_much_of_it():
    given = rectangle(0, 0, 8, 16)
    given[24:32:3, :24] = 2  # three rows of eight in each of three tokens: 1.125 tokens in all
    _, found = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert found.confidence == pytest.approx(0.5**0.57, rel=1e-4)


def test_a_label_that_is_nowhere_decided_and_has_no_more_than_a_token_says_nothing():
    given = rectangle(0, 0, 8, 16)
    given[24:28, :16] = 2  # half of two tokens
    _, found = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert found.confidence == 1


def test_a_frame_of_nothing_but_background_is_sure():
    _, found = MaskTracker(frames(2), {0: rectangle(0, 0, 0, 0)}, EXACT, told_apart, silent())
    assert found.confidence == 1
    assert not found.labels.any()


EQUAL = TrackParams(top_k=1, context=0, radius=0, dims=0, cells=1, edges=False, equalise=True)


@pytest.mark.parametrize(("pixels", "shown"), [(1, False), (2, True)])
def test_equalised_scores_show_what_reaches_a_fiftieth_of_a_token(pixels, shown):
    """1 of 64 pixels is 0.016, 2 are 0.031; stretched to 1, the label outdoes the background where it has most."""
    given = rectangle(0, 0, 8, 8, label=2)
    given[28, 28 : 28 + pixels] = 1
    _, found = MaskTracker(frames(2), {0: given}, EQUAL, told_apart, silent())
    assert (found.labels[27:29, 27:29] == 1).all() == shown


def test_scores_that_are_not_equalised_are_compared_as_they_are():
    given = rectangle(8, 8, 16, 11)  # 3 of 8: background has more
    given[32:40, 8:13] = 2  # 5 of 8
    _, plain = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert not (plain.labels[8:16, 8:16] == 1).any()
    assert (plain.labels[35:37, 11:13] == 2).all()
    _, equal = MaskTracker(frames(2), {0: given}, EQUAL, told_apart, silent())
    assert (equal.labels[11:13, 11:13] == 1).all()


@pytest.mark.parametrize("cells", [1, 2, 3])
@pytest.mark.parametrize("cell", [CELL, 4])
def test_borders_follow_the_photograph_by_a_guided_filter_of_about_a_token(cells, cell):
    """Where a token is wider than 4.7 pixels, at the size at which it is 4.7 wide; radius 1.1 tokens; epsilon 1e-4."""
    hw = (ROWS * cell, COLS * cell)
    geometry = GridGeometry.plan(hw, None, cell, cell)
    rgb = np.random.default_rng(4).integers(0, 255, (*hw, 3), np.uint8)
    given = np.zeros(hw, np.uint8)
    given[cell : 3 * cell + 2, cell + 1 : 4 * cell] = 1
    given[3 * cell : 5 * cell - 1, 2 * cell : 6 * cell] = 2
    params = TrackParams(top_k=1, context=0, radius=0, dims=0, cells=cells)
    encode = lambda _: features(np.eye(ROWS * COLS).reshape(ROWS, COLS, -1), geometry)  # noqa: E731
    _, found = MaskTracker([rgb, rgb], {0: given}, params, encode, silent())
    shrink = max(cell / 4.7, 1)
    out_hw = round(hw[0] / shrink), round(hw[1] / shrink)
    radius = round(1.1 * cell / shrink)
    fine = cell_geometry(geometry, cells)
    scores = [
        guided_filter(rgb, fine.upsample(fine.pool(given == label), out_hw=out_hw), radius, 1e-4) for label in (1, 2)
    ]
    expected = np.argmax([1 - scores[0] - scores[1], *scores], axis=0)
    assert (found.labels == expected).mean() > 0.999


def turning(rgb):
    """Every token an axis of its own, turned from frame to frame so that each is most like the frame before or after.

    After the second frame (1) and before the last (5) it turns by 25 degrees, by 20 between the others.
    """
    angle = math.radians([0, 0, 25, 45, 65, 90][rgb[0, 0, 0]])
    axes = np.eye(ROWS * COLS).reshape(ROWS, COLS, -1)
    return features(np.concatenate([math.cos(angle) * axes, math.sin(angle) * axes], axis=-1))


@pytest.mark.parametrize("both_ways", [True, False])
def test_between_two_annotated_frames_the_nearer_one_has_the_say(both_ways):
    """All of frame 1 is part 1, all of frame 5 is part 2: t frames after it the scores are 1 - t / 4 and t / 4."""
    first, last = rectangle(0, 0, *HW), rectangle(0, 0, *HW, label=2)
    shown = [np.full((*HW, 3), t, np.uint8) for t in range(6)]
    params = TrackParams(top_k=1, context=1, radius=0, dims=0, cells=1, edges=False, both_ways=both_ways)
    _, *found = MaskTracker(shown, {1: first, 5: last}, params, turning, silent())
    if not both_ways:
        assert [np.unique(one.labels).tolist() for one in found] == [[1], [1], [1], [1], [2]]
        return
    assert np.unique(found[1].labels).tolist() == [1]
    assert np.unique(found[3].labels).tolist() == [2]
    # One of the two is decided everywhere and right by 3 in 4, the other nowhere though there is much of it.
    for one in (found[1], found[3]):
        assert one.confidence == pytest.approx((0.75 / 2) ** 0.57, rel=1e-3)
    assert found[2].confidence == pytest.approx(0.25**0.57, rel=1e-3)


def test_before_the_first_annotated_frame_only_what_comes_after_counts():
    given = rectangle(8, 16, 32, 40)
    for found in MaskTracker(frames(3), {2: given}, EXACT, told_apart, silent()):
        expected = given if found.frame == 2 else bilinear(8, 16, 32, 40)
        np.testing.assert_array_equal(found.labels, expected)
        assert found.confidence == 1


def test_progress_counts_three_passes_over_frames_that_are_gone_through_twice():
    """Of a frame's work 0.75 is done by the first pass, 0.1 by the way back, 0.15 by the last."""
    seen = []
    ctx = JobContext(seen.append, min_interval_s=0)
    list(MaskTracker(frames(3), {2: rectangle(8, 16, 32, 40)}, EXACT, told_apart, ctx))
    assert [step.done for step in seen[:-1]] == [750, 1500, 1600, 1700, 1850, 2000, 3000]
    assert {step.total for step in seen[:-1]} == {3000}
    assert seen[0].text == "Frame 1 of 3"


@pytest.mark.parametrize("highest", [255, 256, 65_535])
def test_labels_reach_what_two_bytes_hold(highest):
    given = rectangle(8, 8, 24, 24).astype(np.int64) * highest
    first, found = MaskTracker(frames(2), {0: given}, EXACT, told_apart, silent())
    assert first.labels.dtype == found.labels.dtype == (np.uint8 if highest < 256 else np.uint16)
    assert np.unique(found.labels).tolist() == [0, highest]


@pytest.mark.parametrize("wrong", [-1, 65_536])
def test_labels_beyond_are_refused(wrong):
    with pytest.raises(UsageError, match="cannot both be labels"):
        list(MaskTracker(frames(2), {0: rectangle(8, 8, 24, 24).astype(np.int64) * wrong}, EXACT, told_apart, silent()))


@pytest.mark.parametrize("cells", [2, 3])
def test_a_cell_is_its_share_of_the_tokens_own_square(cells):
    """Tokens 8 apart that see 16 pixels: each token's own square is the 8 in the middle."""
    geometry = GridGeometry.plan((40, 48), None, 16, 8)
    fine = cell_geometry(geometry, cells)
    rows, cols = geometry.grid_hw
    centres = geometry.token_centres().reshape(rows, cols, 2)
    found = fine.token_centres().reshape(rows, cells, cols, cells, 2)
    assert fine.grid_hw == (rows * cells, cols * cells)
    for i, j in itertools.product(range(cells), repeat=2):
        offset = (np.array([j, i]) - (cells - 1) / 2) * 8 / cells
        np.testing.assert_allclose(found[:, i, :, j], centres + offset, atol=1e-9)


# Points --------------------------------------------------


def hill(rc, sigma=1.0, shape=(9, 11)):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-0.5 * ((rows - rc[0]) ** 2 + (cols - rc[1]) ** 2) / sigma**2)


@pytest.mark.parametrize("rc", [(4.0, 5.0), (4.3, 5.4), (0.2, 0.0), (8.0, 10.0), (3.6, 9.7)])
def test_the_top_of_a_hill_is_the_mean_of_what_stands_out_within_two_tokens(rc):
    values = hill(rc).astype(np.float32)
    top, height = hill_tops(values[..., None])
    r, c = np.unravel_index(values.argmax(), values.shape)
    assert height[0] == values[r, c]
    total, mean = 0.0, np.zeros(2)
    for row, col in itertools.product(range(r - 2, r + 3), range(c - 2, c + 3)):
        if 0 <= row < 9 and 0 <= col < 11:
            weight = max(values[row, col] - 0.3 * values[r, c], 0)
            total, mean = total + weight, mean + weight * np.array([row, col])
    np.testing.assert_allclose(top[0], mean / total, atol=1e-5)


def test_a_flat_channel_has_no_top():
    rc, height = hill_tops(np.stack([np.zeros((4, 5)), hill((1, 2), shape=(4, 5))], axis=-1).astype(np.float32))
    assert np.isnan(rc[0]).all()
    assert rc[1].tolist() == pytest.approx([1, 2], abs=0.05)
    assert height.tolist() == [0, 1]


def places(*xy):
    return np.array(xy, float), np.full(len(xy), 2)


def test_points_of_tokens_that_stay_the_same_stay_with_a_full_score():
    centres = GEOMETRY.token_centres().reshape(ROWS, COLS, 2)
    given = places(centres[2, 3], centres[3, 4])
    for found in PointTracker(frames(4), {0: given}, EXACT, told_apart, silent()):
        np.testing.assert_allclose(found.xy, given[0], atol=1e-3)
        np.testing.assert_allclose(found.score, 1, atol=1e-3)


def test_a_point_that_is_not_there_is_scored_nothing():
    xy, visibility = places((20, 20), (30, 30))
    visibility[1] = 0
    first, second = PointTracker(frames(2), {0: (xy, visibility)}, EXACT, told_apart, silent())
    for found in (first, second):
        assert np.isnan(found.xy[1]).all()
        assert found.score[1] == 0
        assert found.score[0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_score_of_a_point_is_the_share_of_its_hill_that_arrived(axis):
    """Of a hill of width one token, read within two tokens, the middle line arrives: 1 of 1 + 2 e^-1/2 + 2 e^-2.

    Frames after the first have lost all other rows, or columns: tokens there are like the corner's.
    """

    def encode(rgb):
        values = np.eye(ROWS * COLS).reshape(ROWS, COLS, -1)
        if rgb[0, 0, 0]:
            lost = np.arange(values.shape[axis]) != 3
            values[(slice(None),) * axis + (lost,)] = values[0, 0]
        return features(values)

    centre = GEOMETRY.token_centres().reshape(ROWS, COLS, 2)[3, 3]
    shown = frames(2)
    shown[1][:] = 255
    _, found = PointTracker(shown, {0: places(centre)}, EXACT, encode, silent())
    assert found.xy[0].tolist() == pytest.approx(centre.tolist(), abs=1e-3)
    far = math.exp(
        -0.5 * (3**2 + 3**2)
    )  # what the corner, at 3 tokens each way, had of the hill, fills the other lines
    line = sum(math.exp(-0.5 * c * c) for c in range(-2, 3))
    assert found.score[0] == pytest.approx((line + 20 * far) / (line * line), rel=1e-3)


@pytest.mark.parametrize("beside", [(0, 3), (0, -3), (3, 0), (-3, 0)])
def test_a_hill_further_off_than_two_tokens_does_not_move_the_top(beside):
    values = hill((4, 5)) + 0.9 * hill((4 + 1.5 * beside[0], 5 + 1.5 * beside[1]), sigma=0.5)
    top, _ = hill_tops(values.astype(np.float32)[..., None])
    np.testing.assert_allclose(top[0], (4, 5), atol=0.02)


@pytest.mark.parametrize(("height", "found"), [(0.04, False), (0.06, True)])
def test_a_point_whose_hill_is_lower_than_a_twentieth_is_lost(height, found):
    """Tokens that are like two of the first frame take the mean of their labels, by softmax: one of it at the hill."""
    odds = math.log(height / (1 - height)) * 0.1  # difference of the cosines whose softmax gives so much
    values = np.eye(ROWS * COLS + 1)[: ROWS * COLS].reshape(ROWS, COLS, -1)
    low = values.copy()
    # Of the second frame's tokens none is like the hill but one, which is likewise like the corner.
    low[:] = values[0, 0]
    a, b = 0.5 + odds / 2, 0.5 - odds / 2
    low[3, 3] = a * values[3, 3] + b * values[0, 0]
    low[3, 3, -1] = math.sqrt(1 - a * a - b * b)
    shown = frames(2)
    shown[1][:] = 255
    encode = lambda rgb: features(low if rgb[0, 0, 0] else values)  # noqa: E731
    params = TrackParams(top_k=2, context=0, radius=0, dims=0, cells=1)
    centre = GEOMETRY.token_centres().reshape(ROWS, COLS, 2)[3, 3]
    _, second = PointTracker(shown, {0: places(centre)}, params, encode, silent())
    assert np.isfinite(second.xy).all() == found
    assert (second.score > 0).all() == found
