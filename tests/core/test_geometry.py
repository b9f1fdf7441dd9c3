"""The owner of coordinate maths: frames round-trip, maps land where their tokens are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.errors import UsageError
from counterpart.core.geometry import GridGeometry, fit_size, parse_size, rescaled_map, rescaled_xy

geometries = st.builds(
    GridGeometry.plan,
    st.tuples(st.integers(16, 900), st.integers(16, 900)),
    st.one_of(st.integers(32, 600), st.tuples(st.integers(16, 300), st.integers(16, 300)), st.none()),
    st.just(16),
    st.sampled_from([1, 2, 4, 8, 16]),
)


@given(geometries, st.tuples(st.floats(-5, 900), st.floats(-5, 900)))
def test_grid_and_image_round_trip(geometry: GridGeometry, xy: tuple[float, float]) -> None:
    assert geometry.grid_to_image(geometry.image_to_grid(xy)) == pytest.approx(np.array(xy), abs=1e-6)
    assert geometry.input_to_image(geometry.image_to_input(xy)) == pytest.approx(np.array(xy), abs=1e-6)


@given(geometries)
def test_every_token_is_its_own_nearest_token(geometry: GridGeometry) -> None:
    rows, cols = geometry.grid_hw
    expected = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
    assert np.array_equal(geometry.nearest_token(geometry.token_centres()), expected)


@given(geometries)
def test_grid_follows_the_papers_formula_and_stays_inside_the_input(geometry: GridGeometry) -> None:
    for side, cells, covered in zip(geometry.input_hw, geometry.grid_hw, geometry.covered_hw, strict=True):
        assert cells == (side - geometry.patch) // geometry.stride + 1
        assert side - geometry.stride < covered <= side


@given(
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.integers(14, 700),
    st.sampled_from([1, 2, 7, 14]),
)
def test_longest_side_leaves_no_remainder(image_hw: tuple[int, int], size: int, stride: int) -> None:
    height, width = fit_size(image_hw, size, 14, stride)
    assert (height - 14) % stride == 0
    assert (width - 14) % stride == 0
    assert abs(max(height, width) - max(size, 14)) <= stride


def test_token_centres_of_a_known_grid() -> None:
    geometry = GridGeometry.plan((64, 96), None, 8, 4)
    assert geometry.grid_hw == (15, 23)
    assert geometry.grid_to_image((0, 0)) == pytest.approx([3.5, 3.5])
    assert geometry.grid_to_image((2, 5)) == pytest.approx([23.5, 11.5])


def test_resized_results_are_not_half_a_pixel_off() -> None:
    """The reference code scales coordinates without regard to pixel centres."""
    geometry = GridGeometry.plan((448, 448), 224, 8, 8)
    # Token 0 covers input pixels 0..7, which are image pixels 0..15, centred at 7.5.
    assert geometry.grid_to_image((0, 0)) == pytest.approx([7.5, 7.5])


@given(geometries)
def test_upsampling_reproduces_a_linear_ramp_between_the_outer_centres(geometry: GridGeometry) -> None:
    centres = geometry.token_centres()
    up = geometry.upsample(centres)
    height, width = geometry.image_hw
    rows, cols = geometry.grid_hw
    y, x = min(height // 2, height - 1), min(width // 2, width - 1)
    expected = np.clip([x, y], centres[0, 0], centres[-1, -1])
    if rows > 1 and cols > 1:
        assert up[y, x] == pytest.approx(expected, abs=2e-3 * max(height, width))


def test_upsampling_a_window_equals_cutting_the_whole() -> None:
    geometry = GridGeometry.plan((50, 70), 48, 8, 4)
    grid_map = np.random.default_rng(0).normal(size=(*geometry.grid_hw, 3)).astype(np.float32)
    whole = geometry.upsample(grid_map)
    assert np.allclose(geometry.upsample(grid_map, (10, 20, 30, 55)), whole[10:30, 20:55], atol=1e-5)


def test_sampling_agrees_with_upsampling_at_pixels() -> None:
    geometry = GridGeometry.plan((50, 70), 48, 8, 4)
    grid_map = np.random.default_rng(1).normal(size=geometry.grid_hw).astype(np.float32)
    whole = geometry.upsample(grid_map)
    xy = np.array([[0, 0], [69, 49], [31, 17]])
    assert geometry.sample(grid_map, xy) == pytest.approx(whole[xy[:, 1], xy[:, 0]], abs=1e-5)


@given(geometries)
def test_pooling_a_constant_gives_the_constant(geometry: GridGeometry) -> None:
    assert np.allclose(geometry.pool(np.full(geometry.image_hw, 3, dtype=np.uint8)), 3.0)


def test_pooling_measures_the_share_of_a_cell() -> None:
    geometry = GridGeometry.plan((16, 16), None, 8, 8)
    half = np.zeros((16, 16), dtype=bool)
    half[:, :4] = True
    assert np.allclose(geometry.pool(half), [[0.5, 0.0], [0.5, 0.0]])
    shares = geometry.pool_labels(half.astype(np.uint8), 2)
    assert np.allclose(shares.sum(axis=-1), 1.0)


def test_nearest_upsampling_keeps_labels() -> None:
    geometry = GridGeometry.plan((16, 16), None, 8, 8)
    labels = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    assert np.array_equal(geometry.upsample_nearest(labels), np.kron(labels, np.ones((8, 8), dtype=np.uint8)))


def test_geometry_survives_a_round_trip_through_metadata() -> None:
    geometry = GridGeometry.plan((123, 457), 224, 14, 7)
    assert GridGeometry.from_dict(geometry.as_dict()) == geometry


def test_a_stride_that_does_not_divide_the_patch_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="1, 2, 4, 8"):
        GridGeometry.plan((100, 100), 64, 8, 3)


@pytest.mark.parametrize("image_hw", [(1, 1), (300, 20_000), (20_000, 300)])
def test_extreme_shapes_still_have_a_grid(image_hw: tuple[int, int]) -> None:
    geometry = GridGeometry.plan(image_hw, 448, 14, 14)
    assert geometry.tokens >= 1
    assert geometry.upsample(np.ones(geometry.grid_hw), out_hw=(4, 5)).shape == (4, 5)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("448", 448),
        ("320x224", (224, 320)),
        (" 320X224 ", (224, 320)),
        ("1", 1),
        ("1x2", (2, 1)),
        ("None", None),
        ("own", None),
    ],
)
def test_sizes_as_typed(text: str, size: object) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "0", "-5", "0x7", "7x0", "12xabc", "big"])
def test_nonsense_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("image_hw", "stride", "expected"),
    [
        ((301, 448), 7, (301, 448)),  # 14 + 41 * 7: patches cover it as it is
        ((300, 448), 14, (294, 448)),  # 14 + 20 * 14 = 294 is nearer than 308
        ((302, 448), 14, (308, 448)),
        ((301, 448), 14, (294, 448)),  # halfway: an even number of steps
        ((315, 448), 14, (322, 448)),  # halfway too: (315 - 14) / 14 = 21.5
        ((604, 896), 14, (308, 448)),  # scaled by a half first
        ((10, 448), 14, (14, 448)),  # never smaller than a patch
    ],
)
def test_each_side_goes_to_the_nearest_size_that_patches_cover(image_hw, stride, expected) -> None:
    assert fit_size(image_hw, 448, 14, stride) == expected
    assert fit_size(image_hw[::-1], 448, 14, stride) == expected[::-1]


def test_the_pixel_at_a_token_s_centre_is_the_nearest_one() -> None:
    # Scaled from 15 to 16 pixels: edges 4 and 12 of the input are 3.75 and 11.25 of the image, centres 3.25 and 10.75.
    geometry = GridGeometry.plan((15, 15), (16, 16), 8, 8)
    rows, cols = np.mgrid[:15, :15]
    assert geometry.pool_nearest(rows).tolist() == [[3, 3], [11, 11]]
    assert geometry.pool_nearest(cols).tolist() == [[3, 11], [3, 11]]


def test_an_image_smaller_than_a_patch_needs_a_size() -> None:
    for image_hw in ((7, 100), (100, 7)):
        with pytest.raises(UsageError, match="smaller than one patch of 8"):
            fit_size(image_hw, None, 8, 8)
    assert fit_size((8, 9), None, 8, 8) == (8, 9)


def test_a_stride_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="stride 0 does not divide"):
        GridGeometry.plan((100, 100), 64, 8, 0)


def test_tokens_are_counted_and_their_distance_is_in_image_pixels() -> None:
    assert GridGeometry.plan((64, 96), None, 8, 4).tokens == 15 * 23
    geometry = GridGeometry.plan((448, 896), (224, 224), 8, 8)
    assert geometry.token_pitch_xy.tolist() == [32, 16]


def test_subdivided_cells_lie_evenly_in_those_of_their_tokens() -> None:
    geometry = GridGeometry.plan((64, 96), None, 16, 8)
    finer = geometry.subdivided(2)
    assert (finer.stride, finer.patch, finer.grid_hw) == (4, 12, (14, 22))
    # Token (0, 0) is centred at 7.5, 8 pixels wide: its halves at 5.5 and 9.5.
    assert finer.token_centres()[:2, :2].tolist() == [[[5.5, 5.5], [9.5, 5.5]], [[5.5, 9.5], [9.5, 9.5]]]
    assert geometry.subdivided(1) == geometry
    assert geometry.subdivided(8).stride == 1
    for parts in (0, 3, 16):
        with pytest.raises(UsageError, match=f"cannot be cut into {parts}"):
            geometry.subdivided(parts)


def test_places_off_the_image_belong_to_the_outermost_token() -> None:
    geometry = GridGeometry.plan((64, 96), None, 8, 8)
    assert geometry.nearest_token([[-50, -50], [500, 500], [-50, 500]]).tolist() == [[0, 0], [7, 11], [7, 0]]


def test_upsampling_to_another_size_samples_at_the_centres_of_its_pixels() -> None:
    geometry = GridGeometry.plan((40, 60), None, 8, 4)
    centres = geometry.token_centres()
    # A pixel of a quarter of the size is 4 wide, the first from -0.5 to 3.5; the outer tokens hold the border.
    whole = geometry.upsample(centres, out_hw=(10, 15))
    assert whole[0, :, 0] == pytest.approx(np.clip(np.arange(15) * 4 + 1.5, 3.5, 55.5))
    assert whole[:, 0, 1] == pytest.approx(np.clip(np.arange(10) * 4 + 1.5, 3.5, 35.5))
    # Rows 10 to 30 in 5 pixels of 4, columns 20 to 50 in 6 of 5.
    window = geometry.upsample(centres, (10, 20, 30, 50), (5, 6))
    assert window[0, :, 0] == pytest.approx(22 + 5 * np.arange(6))
    assert window[:, 0, 1] == pytest.approx(11.5 + 4 * np.arange(5))


@pytest.mark.parametrize("zoom", [4, 16])
def test_nearest_upsampling_to_another_size_keeps_labels_in_place(zoom) -> None:
    geometry = GridGeometry.plan((24, 32), None, 8, 8)
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    up = geometry.upsample_nearest(labels, (3 * zoom, 4 * zoom))
    assert np.array_equal(up, np.kron(labels, np.ones((zoom, zoom), np.uint8)))


def test_pooling_takes_the_stride_around_each_centre() -> None:
    geometry = GridGeometry.plan((16, 20), None, 8, 4)
    rows, cols = np.mgrid[:16, :20]
    # Centres at 3.5, 7.5, …; the cell of the first holds pixels 2 to 5.
    assert geometry.pool(rows)[:, 0].tolist() == [3.5, 7.5, 11.5]
    assert geometry.pool(cols)[0].tolist() == [3.5, 7.5, 11.5, 15.5]
    assert geometry.pool(rows**2)[0, 0] == (4 + 9 + 16 + 25) / 4
    assert np.array_equal(geometry.pool(np.dstack([rows, cols]))[..., 1], geometry.pool(cols))
    with pytest.raises(ValueError, match="does not fit"):
        geometry.pool(rows.T)


def test_pooling_weighs_a_pixel_by_how_much_of_it_is_in_the_cell() -> None:
    # Three pixels for two cells: 0 and half of 1, the other half and 2.
    geometry = GridGeometry.plan((3, 3), (4, 4), 2, 2)
    values = np.array([0, 3, 9])
    assert geometry.pool(np.tile(values, (3, 1))) == pytest.approx(np.array([[1, 7], [1, 7]]))
    assert geometry.pool(np.tile(values, (3, 1)).T) == pytest.approx(np.array([[1, 1], [7, 7]]))


def test_cells_that_reach_past_the_image_count_what_is_inside_or_the_nearest_pixel() -> None:
    rows = np.arange(6)[:, None] * np.ones((1, 4))
    partly = GridGeometry((6, 4), (6, 4), 4, 4, (2, 1))  # rows 4 to 8
    assert partly.pool(rows).tolist() == [[1.5], [4.5]]
    outside = GridGeometry((4, 4), (4, 4), 4, 4, (2, 1))
    assert outside.pool(rows[:4]).tolist() == [[1.5], [3]]
    assert outside.pool(np.ones((4, 4), bool)).tolist() == [[1], [1]]
    line = GridGeometry((1, 8), (4, 8), 4, 4, (1, 2))
    assert line.pool(np.arange(8)[None]).tolist() == [[1.5, 5.5]]


def test_shares_are_in_the_order_of_the_labels() -> None:
    geometry = GridGeometry.plan((8, 16), None, 8, 8)
    labels = np.zeros((8, 16), np.uint8)
    labels[:2, :8], labels[:, 8:] = 1, 2
    assert geometry.pool_labels(labels, 3).tolist() == [[[0.75, 0.25, 0], [0, 0, 1]]]


@pytest.mark.parametrize(
    ("first", "count", "box"),
    [
        ((0, 0), (1, 1), (-0.5, -0.5, 7.5, 7.5)),
        ((2, 3), (2, 4), (23.5, 15.5, 55.5, 31.5)),
        ((7, 10), (3, 5), (79.5, 55.5, 95.5, 63.5)),  # clipped
        ((-1, -2), (2, 3), (-0.5, -0.5, 7.5, 7.5)),
    ],
)
def test_the_box_of_some_cells(first, count, box) -> None:
    assert GridGeometry.plan((64, 96), None, 8, 8).cells_box_xy(first, count) == box


def test_sampling_is_bilinear_between_four_tokens() -> None:
    geometry = GridGeometry.plan((24, 24), None, 8, 8)  # centres at 3.5, 11.5, 19.5
    values = np.array([[0, 10, 40], [20, 30, 60], [5, 6, 7]], np.float32)
    xy = [[7.5, 3.5], [3.5, 9.5], [9.5, 5.5], [13.5, 11.5], [11.5, 17.5], [100, -50], [-50, 100], [19.5, 19.5]]
    # Half way from 0 to 10; three quarters to 20; 7.5 above and 27.5 below, a quarter down; …
    expected = [5, 15, 12.5, 37.5, 12, 40, 5, 7]
    assert geometry.sample(values, xy).tolist() == expected
    both = geometry.sample(np.dstack([values, -values]), np.reshape(xy, (2, 4, 2)))
    assert both[..., 0].tolist() == np.reshape(expected, (2, 4)).tolist()
    assert both[..., 1].tolist() == (-np.reshape(expected, (2, 4))).tolist()


def test_places_and_labels_keep_to_the_edges_when_an_image_is_scaled():
    assert rescaled_xy([[-0.5, -0.5], [3.5, 1.5], [0, 0]], (2, 4), (6, 8)).tolist() == [
        [-0.5, -0.5],
        [7.5, 5.5],
        [0.5, 1],
    ]
    assert rescaled_xy((1.0, np.nan), (2, 4), (4, 8)).tolist()[0] == 2.5
    labels = np.array([[1, 2], [3, 4]], np.uint16)
    assert rescaled_map(labels, (4, 4)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert rescaled_map(labels, (4, 4)).dtype == np.uint16
    assert rescaled_map(np.arange(9).reshape(1, 9), (1, 3)).tolist() == [[1, 4, 7]]
    assert rescaled_map(labels, (1, 1)).shape == (1, 1)
