"""The mate of a place: exact on features that are moved, smooth between tokens, honest about the way back."""

import numpy as np
import pytest

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.matching.pairs import MatchParams
from counterpart.core.matching.single_points import match_places

PLAIN = MatchParams(hierarchy=0)
HW = (160, 200)


def features(values):
    geometry = GridGeometry.plan(HW, 160, 16, 8)
    spec = FeatureSpec("fake", "0" * 64, (Tap(9, "key"),), 8, 160, 11)
    rows, cols = geometry.grid_hw
    return FeatureMap(spec, "0" * 64, geometry, (values[:rows, :cols].astype(np.float16),), (values[0, 0],), None)


def smooth(shift_rc=(0.0, 0.0)):
    """Descriptors that change smoothly over the grid, moved by some tokens."""
    rows, cols = np.meshgrid(np.arange(40.0), np.arange(40.0), indexing="ij")
    rows, cols = rows - shift_rc[0], cols - shift_rc[1]
    waves = [
        f(scale * axis) for axis in (rows, cols, rows + cols) for scale in (0.11, 0.23, 0.41) for f in (np.sin, np.cos)
    ]
    return np.stack(waves, axis=-1)


def test_a_place_is_its_own_mate():
    image = features(smooth())
    places = [(40.0, 52.0), (101.5, 77.25), (150.0, 120.0)]
    found = match_places(image, image, places, PLAIN)
    pitch = image.geometry.token_pitch_xy[0]
    assert found.xy_b == pytest.approx(np.array(places), abs=0.3 * pitch)
    assert (found.score > 0.97).all()
    assert found.xy_a == pytest.approx(np.array(places))


@pytest.mark.parametrize("shift", [(2, 3), (1.5, -2.25)])
def test_a_moved_image_moves_the_mate_by_parts_of_a_token(shift):
    a, b = features(smooth()), features(smooth(shift))
    pitch_xy = a.geometry.token_pitch_xy
    places = np.array([(90.0, 80.0), (101.0, 77.0)])
    found = match_places(a, b, places, PLAIN)
    assert found.xy_b == pytest.approx(places + np.array(shift)[::-1] * pitch_xy, abs=0.3 * pitch_xy[0])


def test_the_way_back_is_short_from_a_place_of_its_own_and_long_from_a_stripe():
    unique = features(smooth())
    stripes = features(np.repeat(smooth()[:, :1], 40, axis=1))
    place = [(100.0, 80.0)]
    sharp = match_places(unique, unique, place, PLAIN).cycle_error[0]
    vague = match_places(stripes, stripes, place, PLAIN).cycle_error[0]
    assert sharp < 40 < vague


def test_places_at_the_very_edge_have_mates_too():
    image = features(smooth())
    found = match_places(image, image, [(-0.5, -0.5), (199.0, 159.0)], MatchParams(hierarchy=1))
    assert np.isfinite(found.xy_b).all()
    assert len(match_places(image, image, np.zeros((0, 2)), PLAIN)) == 0


def one_hot(rows=3, cols=5):
    """Tokens of 8 pixels that are like themselves alone: similarity 1 to itself, 0 to every other."""
    values = np.eye(rows * cols, dtype=np.float32).reshape(rows, cols, -1)
    geometry = GridGeometry.plan((8 * rows, 8 * cols), None, 8, 8)
    spec = FeatureSpec("fake", "0" * 64, (Tap(9, "key"),), 8, None, None)
    return FeatureMap(spec, "0" * 64, geometry, (values,), (values[0, 0],), None)


@pytest.mark.parametrize(
    ("xy", "mate", "score", "error"),
    [
        # A quarter from token (1, 1) to (1, 2): three quarters like the first. The parabola through 0, 0.75, 0.25 has
        # its top at 0.1 of a token; the way back ends at the token's centre, 2 pixels away.
        ((13.5, 11.5), (12.3, 11.5), 0.75, 2),
        ((9.5, 11.5), (10.7, 11.5), 0.75, 2),
        ((11.5, 13.5), (11.5, 12.3), 0.75, 2),
        ((11.5, 11.5), (11.5, 11.5), 1, 0),
        ((15.5, 11.5), (15.5, 11.5), 0.5, 4),  # halfway: 0, 0.5, 0.5 has its top halfway too
        ((13.5, 3.5), (12.3, 3.5), 0.75, 2),  # at the border there is no parabola across it
        ((37.5, 13.5), (35.5, 12.3), 0.75, np.hypot(2, 2)),  # beyond the last centre the last token counts
        ((-50, -50), (3.5, 3.5), 1, 53.5 * 2**0.5),
    ],
)
def test_the_mate_between_tokens_lies_at_the_top_of_a_parabola(xy, mate, score, error):
    image = one_hot()
    found = match_places(image, image, [xy], PLAIN)
    assert found.xy_b[0] == pytest.approx(mate, abs=1e-5)
    assert found.score[0] == pytest.approx(score, abs=1e-6)
    assert found.cycle_error[0] == pytest.approx(error, abs=1e-5)


def test_no_places_have_no_mates():
    image = one_hot()
    found = match_places(image, image, [], PLAIN)
    assert found.xy_a.shape == found.xy_b.shape == (0, 2)
    assert found.score.shape == found.cycle_error.shape == (0,)
