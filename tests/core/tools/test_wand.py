"""The feature wand: minimax levels, tolerances, seeds, edges."""

import dataclasses
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from counterpart.core.tools.edges import EdgeGuide, working_frame
from counterpart.core.tools.wand import LEVELS, Wand, WandParams, bottleneck_levels
from tests.core.synthetic import PATCH, feature_map, palette, picture, two_part_scene

SHAPE = (7, 8)
tolerances = st.floats(0, 1)


def full(region, hw):
    return region.within((0, 0, *hw))


@given(
    hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 5)),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 7)), min_size=1, max_size=3),
)
def test_a_level_is_the_highest_threshold_at_which_a_pixel_hangs_together_with_a_seed(values, seeds):
    got = bottleneck_levels(values, np.array(seeds))
    start = np.zeros(SHAPE, bool)
    start[tuple(np.array(seeds).T)] = True
    values = np.where(start, 255, values)
    expected = np.zeros(SHAPE, int)
    for level in (1, 2, 3, 4, 5, 255):
        pieces, _ = ndimage.label(values >= level)
        reached = np.isin(pieces, pieces[start]) & (pieces > 0)
        expected[reached] = level
    np.testing.assert_array_equal(got, expected)


def test_without_seeds_nothing_is_reached():
    assert not bottleneck_levels(np.full(SHAPE, 9, np.uint8), np.zeros((0, 2), int)).any()


def scene(rows=14, cols=16, factor=1, **more):
    """Features and photograph of a disc of two halves, and the segment of every pixel."""
    segments = two_part_scene(rows, cols, **more)
    colours = palette(4)
    features = feature_map(segments, colours, noise=0.02)
    rgb = np.repeat(np.repeat(picture(segments), factor, 0), factor, 1)
    if factor > 1:
        geometry = dataclasses.replace(features.geometry, image_hw=rgb.shape[:2])
        features = dataclasses.replace(features, geometry=geometry)
    return features, rgb, np.kron(segments, np.ones((PATCH * factor, PATCH * factor), int))


@cache
def prepared(working_size):
    features, rgb, _ = scene()
    return rgb, Wand(rgb, features, params=WandParams(working_size=working_size))


@pytest.mark.parametrize("working_size", [512, 64])
def test_a_click_selects_the_segment_that_it_is_in(working_size):
    features, rgb, segments = scene()
    wand = Wand(rgb, features, params=WandParams(working_size=working_size))
    for xy, segment in (((40, 56), 2), ((80, 56), 3), ((5, 5), 0)):
        region = wand.select(xy).region(0.5, fine=True)
        got, truth = full(region, rgb.shape[:2]), segments == segment
        assert (got & truth).sum() / (got | truth).sum() > 0.97
        assert region.tight().bbox == region.bbox


def test_the_photograph_gives_edges_that_the_token_grid_cannot():
    """The object ends in the middle of a token's cell; its descriptors cannot know."""
    rows, cols = 12, 12
    segments = np.zeros((rows, cols), int)
    segments[3:9, 3:9] = 2
    features = feature_map(segments, palette(4), noise=0.0)
    rgb = np.full((rows * PATCH, cols * PATCH, 3), (40, 90, 40), np.uint8)
    truth = np.zeros(rgb.shape[:2], bool)
    truth[27:69, 27:69] = True  # three pixels inside of the tokens' cells
    rgb[truth] = (220, 60, 60)
    guided = full(Wand(rgb, features).select((48, 48)).region(0.5), truth.shape)
    assert (guided != truth).sum() < 60
    on_tokens = np.kron(segments == 2, np.ones((PATCH, PATCH), bool))
    assert (on_tokens != truth).sum() > 500


@given(tolerances, tolerances, st.floats(-5, 130), st.floats(-5, 120), st.sampled_from([512, 50]))
def test_a_larger_tolerance_selects_at_least_as_much_and_always_the_place_clicked(a, b, x, y, working_size):
    rgb, wand = prepared(working_size)
    selection = wand.select((x, y))
    smaller, larger = sorted((a, b))
    inner, outer = selection.region(smaller), selection.region(larger)
    assert not full(inner, rgb.shape[:2])[~full(outer, rgb.shape[:2])].any()
    assert (selection.preview(smaller) <= selection.preview(larger)).all()
    column, row = np.clip(np.floor([x + 0.5, y + 0.5]).astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
    for fine in (False, True):
        assert full(selection.region(smaller, fine=fine), rgb.shape[:2])[row, column]
    at = np.clip([x, y], 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
    row_work, column_work = selection.frame.nearest_token(at)
    assert selection.preview(smaller)[row_work, column_work]
    assert selection.similarity(larger) <= selection.similarity(smaller)


def test_at_full_tolerance_everything_is_selected():
    features, rgb, _ = scene()
    assert Wand(rgb, features).select((40, 56)).region(1.0).mask.all()
    assert Wand(rgb, features).select((40, 56)).region(1.0).bbox == (0, 0, *rgb.shape[:2])


@given(tolerances)
def test_a_selection_hangs_together(tolerance):
    selection = prepared(512)[1].select((40, 56))
    assert ndimage.label(selection.preview(tolerance))[1] == 1


def test_seeds_add_to_each_other():
    features, rgb, segments = scene()
    wand = Wand(rgb, features)
    both = full(wand.select([(40, 56), (80, 56)]).region(0.5), segments.shape)
    truth = segments >= 2
    assert (both & truth).sum() / (both | truth).sum() > 0.97


def test_a_place_against_keeps_what_looks_like_it_out_at_every_tolerance():
    features, rgb, segments = scene()
    wand = Wand(rgb, features)
    everything = wand.select((40, 56)).region(1.0)
    assert full(everything, segments.shape)[56, 80]
    for fine in (False, True):
        kept = full(wand.select((40, 56), against=(80, 56)).region(1.0, fine=fine), segments.shape)
        assert kept[segments == 2].mean() > 0.97
        assert kept[segments == 3].mean() < 0.03


def test_without_features_colour_decides():
    _, rgb, segments = scene()
    wand = Wand(rgb)
    got = full(wand.select((40, 56)).region(0.2), segments.shape)
    truth = segments == 2
    assert (got & truth).sum() / (got | truth).sum() > 0.99


def test_two_regions_of_one_look_are_not_joined_across_something_else():
    segments = np.zeros((12, 20), int)
    segments[4:8, 3:7] = 2
    segments[4:8, 13:17] = 2
    features, rgb = feature_map(segments, palette(4), noise=0.0), picture(segments)
    got = full(Wand(rgb, features).select((40, 48)).region(0.4), rgb.shape[:2])
    assert got[48, 40]
    assert not got[:, 90:].any()


def test_the_border_at_full_size_is_decided_by_the_photograph_and_only_the_border():
    features, rgb, segments = scene(factor=4)
    rng = np.random.default_rng(0)
    rgb = np.clip(rgb.astype(int) + rng.integers(-8, 9, rgb.shape), 0, 255).astype(np.uint8)
    selection = Wand(rgb, features, params=WandParams(working_size=64, radius=3)).select((160, 224))
    coarse, fine = (full(selection.region(0.4, fine=f), segments.shape) for f in (False, True))
    truth = segments == 2
    assert (fine != truth).sum() < (coarse != truth).sum() / 2
    pitch = 512 / 64
    border = ndimage.binary_dilation(coarse, iterations=1) & ndimage.binary_dilation(~coarse, iterations=1)
    far = ndimage.distance_transform_cdt(~border, "chessboard") > 1.5 * pitch + 2
    np.testing.assert_array_equal(fine[far], coarse[far])


def test_steps_are_places_where_the_region_rests():
    features, rgb, segments = scene()
    selection = Wand(rgb, features).select((40, 56))
    steps = selection.steps()
    assert steps == sorted(steps)
    best = min(abs(selection.region(step).area - (segments == 2).sum()) for step in steps)
    assert best < 0.03 * (segments == 2).sum()
    assert selection.suggested(0.9) == min(steps, key=lambda step: abs(step - 0.9))


@pytest.mark.parametrize("hw", [(1, 1), (1, 40), (5, 3), (33, 2)])
def test_works_on_the_smallest_images(hw):
    rgb = np.zeros((*hw, 3), np.uint8)
    selection = Wand(rgb, params=WandParams(working_size=16)).select((0, 0))
    assert selection.region(0.3, fine=True).mask.all()
    assert selection.region(0.3).bbox == (0, 0, *hw)
    assert 0 <= selection.suggested() <= 1


def test_refuses_features_of_another_image_and_no_seed():
    features, rgb, _ = scene()
    with pytest.raises(ValueError, match="features of an image"):
        Wand(rgb[:-1], features)
    with pytest.raises(ValueError, match="needs a seed"):
        Wand(rgb, features).select([])


def test_a_level_of_every_tolerance():
    features, rgb, _ = scene()
    selection = Wand(rgb, features).select((40, 56))
    assert (selection.level(0), selection.level(1), selection.level(-3), selection.level(7)) == (LEVELS, 1, LEVELS, 1)
    assert selection.similarity(0) == pytest.approx(1)


# Edges


def test_a_guide_keeps_what_is_constant_and_sharpens_at_edges():
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:, 40:] = 255
    guide = EdgeGuide(rgb)
    np.testing.assert_allclose(guide.apply(guide.fit(np.full((60, 80), 0.7))), 0.7, atol=1e-4)
    ramp = np.broadcast_to(np.clip((np.arange(80) - 32) / 16, 0, 1), (60, 80))
    sharp = guide.apply(guide.fit(ramp))
    assert (sharp[:, 41] - sharp[:, 38]).min() > 2 * (ramp[:, 41] - ramp[:, 38]).max()


def test_a_guide_at_the_image_size_gives_the_same_values_in_any_window():
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 256, (50, 70, 3)).astype(np.uint8)
    guide = EdgeGuide(rgb, longest=512)
    models = guide.fit(rng.random((50, 70)))
    whole = guide.apply(models)
    np.testing.assert_allclose(models.at_pixels(rgb, (10, 20, 30, 65)), whole[10:30, 20:65], atol=1e-4)


def test_the_guide_agrees_with_the_plain_guided_filter_inside():
    from counterpart.core.refine import guided_filter

    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    values = rng.random((60, 70)).astype(np.float32)
    guide = EdgeGuide(rgb, radius=4, eps=1e-3)
    np.testing.assert_allclose(guide.apply(guide.fit(values)), guided_filter(rgb, values, 4, 1e-3), atol=2e-3)


@pytest.mark.parametrize("hw", [(3000, 4000), (100, 80), (1, 5000)])
def test_the_working_frame_maps_pixels_as_resizing_does(hw):
    frame = working_frame(hw, 500)
    assert max(frame.grid_hw) <= 500
    corner = frame.grid_to_image((-0.5, -0.5))
    np.testing.assert_allclose(corner, [-0.5, -0.5])
    opposite = frame.grid_to_image(np.array(frame.grid_hw) - 0.5)
    np.testing.assert_allclose(opposite, [hw[1] - 0.5, hw[0] - 0.5])


# Levels and steps by hand


def lightness(grey):
    """CIE L* of an sRGB grey."""
    colours = np.repeat(np.array(grey, np.float32).reshape(1, -1, 1) / 255, 3, axis=2)
    return cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0, :, 0].reshape(np.shape(grey)).astype(float)


def strips(greys, widths, height=9):
    """A photograph of upright strips of grey, and the column in the middle of each."""
    row = np.repeat(np.array(greys, np.uint8), widths)
    ends = np.cumsum(widths)
    return np.repeat(np.repeat(row[None, :, None], height, 0), 3, 2), ends - np.array(widths) // 2 - 1


def test_a_level_is_how_similar_a_colour_is_between_the_least_in_the_image_and_one():
    greys = (230, 190, 125, 170, 20)
    rgb, columns = strips(greys, (9, 9, 9, 9, 9))
    selection = Wand(rgb).select((columns[0], 4))
    similar = 1 - np.abs(lightness(greys) - lightness(230)) / 100
    least = similar[4]
    at_least = np.minimum.accumulate(similar)  # behind the third strip nothing is reached sooner than it
    np.testing.assert_array_equal(
        selection.levels[4, columns], np.rint((at_least - least) / (1 - least) * 254).astype(int) + 1
    )
    for level, similarity in zip(selection.levels[4, columns], at_least, strict=True):
        tolerance = (255 - level) / 254
        assert selection.level(tolerance) == level
        assert selection.similarity(tolerance) == pytest.approx(similarity, abs=0.5 / 254)
        assert (
            full(selection.region(tolerance), rgb.shape[:2])[4, columns].tolist() == (at_least >= similarity).tolist()
        )
    np.testing.assert_array_equal(selection.preview(0.3), selection.levels >= 255 - round(0.3 * 254))


def test_further_seeds_do_not_move_the_scale():
    rgb, columns = strips((230, 190, 120, 20), (9, 9, 9, 9))
    wand = Wand(rgb)
    one, two = wand.select((columns[0], 4)), wand.select([(columns[0], 4), (columns[2], 4)])
    assert two.similarity(1) == pytest.approx(one.similarity(1))
    similar = 1 - np.abs(lightness((230, 190, 120, 20)) - lightness(120)) / 100
    least = 1 - (lightness(230) - lightness(20)) / 100
    # The last strip is reached from the second seed, and resembles it more.
    expected = np.rint((similar[3] - least) / (1 - least) * 254) + 1
    assert abs(int(two.levels[4, columns[3]]) - expected) <= 1
    assert two.levels[4, columns[2]] == 255


def test_what_looks_as_much_like_a_place_against_as_like_a_seed_stays():
    rgb, columns = strips((200, 120, 60), (9, 9, 9))
    selection = Wand(rgb).select((columns[0], 4), against=(columns[0] + 1, 4))
    assert (selection.levels > 0).all()
    selection = Wand(rgb).select((columns[0], 4), against=[(columns[2], 4)])
    nearer = np.abs(lightness(120) - lightness(200)) < np.abs(lightness(120) - lightness(60))
    assert selection.levels[4, columns].astype(bool).tolist() == [True, bool(nearer), False]


@pytest.mark.parametrize("colour", [0.3, 0.5, 0.0])
def test_colour_counts_for_its_share_beside_descriptors(colour):
    segments = np.zeros((12, 16), int)
    segments[:, 8:] = 1
    features = feature_map(segments, palette(2), noise=0.0)
    rgb = np.full((96, 128, 3), 120, np.uint8)
    params = WandParams() if colour == 0.3 else WandParams(colour=colour)
    selection = Wand(rgb, features, params=params).select((20, 48))
    # One colour everywhere; descriptors to the right are orthogonal to that of the seed.
    assert selection.similarity(1) == pytest.approx(colour, abs=0.01)
    assert selection.levels[48, 120] == 1
    assert selection.levels[48, 20] == 255


def test_the_colour_of_a_place_is_the_median_of_five_by_five_pixels():
    rgb, _ = strips((200, 60), (20, 20), height=20)
    grain = rgb.copy()
    grain[4:16:4, 2:38:4] = 255  # single pixels, which calming removes
    at = Wand(grain).select((10, 10)).levels
    np.testing.assert_array_equal(at[5:15, 5:18], 255)
    edge = Wand(rgb).select((18, 10))  # of its five columns four are light
    assert edge.levels[10, 5] == 255
    dark = Wand(rgb).select((21, 10))  # four are dark
    assert dark.levels[10, 35] == 255


def test_steps_are_the_middle_of_plateaus_that_differ_by_half_in_area():
    """Each strip is twice as wide as the one before; within eight levels of a step nothing is added or lost."""
    greys, widths = (250, 220, 190, 160, 130, 90, 50, 0), (3, 3, 6, 12, 24, 48, 96, 192)
    rgb, columns = strips(greys, widths, height=5)
    selection = Wand(rgb, params=WandParams(working_size=999)).select((columns[0], 2))
    levels = selection.levels[2, columns].astype(int)
    # From a strip's level on it is no longer selected; the first resting level is nine above. The last strip has level
    # 1, and all strips together more than eight tenths of the image.
    expected = sorted((255 - (level + 9)) / 254 for level in levels[1:])
    found = selection.steps(count=7)
    assert found == pytest.approx(expected)
    assert selection.steps() == selection.steps(6)
    assert len(selection.steps()) == 6
    assert set(selection.steps(3)) == set(sorted(expected)[-3:])
    assert selection.suggested() == min(selection.steps(), key=lambda step: abs(step - 0.3))


def test_where_nothing_rests_the_tolerance_used_last_is_suggested():
    selection = Wand(np.full((9, 9, 3), 80, np.uint8)).select((4, 4))
    assert selection.steps() == []
    assert (selection.suggested(), selection.suggested(0.7)) == (0.3, 0.7)


@pytest.mark.parametrize("working_size", [50, 64, 33])
@pytest.mark.parametrize("seed", [(40, 56), (0, 0), (127, 111), (3, 77)])
def test_a_region_is_all_that_the_enlarged_levels_hold(working_size, seed):
    features, rgb, _ = scene()
    selection = Wand(rgb, features, params=WandParams(working_size=working_size)).select(seed)
    levels = cv2.resize(selection.levels, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    levels[seed[1], seed[0]] = 255
    for tolerance in (0, 0.1, 0.3, 0.5, 0.8, 1):
        expected = levels >= selection.level(tolerance)
        np.testing.assert_array_equal(full(selection.region(tolerance), rgb.shape[:2]), expected)


def test_at_full_size_similarity_is_that_of_the_photograph_itself():
    """The strip along the border is decided by colour against the seed's, at each pixel of the large photograph."""
    greys = (200, 150, 60)
    rgb, _ = strips(greys, (301, 202, 297), height=40)
    selection = Wand(rgb, params=WandParams(working_size=80)).select((100, 20))
    similar = 1 - np.abs(lightness(greys) - lightness(200)) / 100
    for tolerance, columns in (
        ((1 - similar[1]) / (1 - similar[2]) / 2, 301),
        ((1 - similar[1]) / (1 - similar[2]) * 1.3, 503),
    ):
        fine = full(selection.region(tolerance, fine=True), rgb.shape[:2])
        assert (fine.all(axis=0) == (np.arange(800) < columns)).all()


def test_the_colour_of_a_place_is_a_median_of_five_by_five_pixels_as_far_as_the_image_reaches():
    wand = Wand(np.random.default_rng(0).integers(0, 256, (12, 15, 3)).astype(np.uint8))
    for row, column in ((6, 7), (0, 0), (1, 13), (11, 14)):
        around = [(r, c) for r in range(row - 2, row + 3) for c in range(column - 2, column + 3)]
        inside = [wand._lab[r, c] for r, c in around if 0 <= r < 12 and 0 <= c < 15]
        np.testing.assert_allclose(wand._colour_at(row, column), np.median(inside, axis=0), atol=1e-4)


@pytest.mark.parametrize("window", [(0, 0, 112, 128), (20, 30, 50, 90), (100, 0, 112, 20)])
@pytest.mark.parametrize("with_features", [True, False])
def test_similarity_at_pixels_is_that_of_the_working_size_where_both_are_one(window, with_features):
    features, rgb, _ = scene()
    found = Wand(rgb, features if with_features else None)._similarity(np.array([[40.0, 56], [80, 56]]))
    top, left, bottom, right = window
    np.testing.assert_allclose(found.at_pixels(rgb, window), found.values[top:bottom, left:right], atol=1e-4)
