"""The formulas of transfer, each written out again for one view, token or hypothesis at a time."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.jobs import silent
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer import (
    Calibration,
    Target,
    TemplateBank,
    TransferParams,
    ViewKey,
    box_window,
    template_window,
    transfer,
)
from counterpart.core.transfer.bank import OFFSETS, Moments, PreparedTemplate, Template, Whitening, sample_tokens
from counterpart.core.transfer.calibration import MIN_OUTCOMES
from counterpart.core.transfer.checking import MistakeOdds, PointChecks, check_points
from counterpart.core.transfer.decode import CUES, disc_sums
from counterpart.core.transfer.heatmaps import TargetMaps, compete, similarity_maps, softmax_maps
from counterpart.core.transfer.placing import ExpectedPlaces, expected_places
from counterpart.core.transfer.prediction import KeypointPrediction, weigh
from counterpart.core.transfer.prior import facing_vote, hough_vote
from counterpart.core.transfer.sides import side_agreement
from counterpart.core.transfer.views import View
from tests.core.transfer_scenes import CELL, SKELETON, TAP, TWIN, features, target, template

PARAMS = TransferParams(tap=TAP)
PITCH = np.array([8.0, 8.0])


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def random_tokens(rows, cols, dim=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, cols, dim)).astype(np.float32) + 0.3


def at(tokens, r, c):
    """Bilinear value of a (rows, columns, D) map, clamped at its border."""
    rows, cols = tokens.shape[:2]
    r, c = min(max(r, 0), rows - 1), min(max(c, 0), cols - 1)
    total = np.zeros(tokens.shape[2])
    for row, col in itertools.product(range(rows), range(cols)):
        total += max(1 - abs(r - row), 0) * max(1 - abs(c - col), 0) * tokens[row, col]
    return total


def small_template(seed=0, visible=(True, True, True), mirrored=True, grid=(5, 6)):
    """Three keypoints, the second and third of which are twins."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(4, 36, (3, 2))
    tokens = random_tokens(*grid, seed=seed)
    both = (
        View(ViewKey(), features(tokens)),
        View(ViewKey(mirrored=True), features(random_tokens(*grid, seed=seed + 50))),
    )
    return Template(both if mirrored else both[:1], xy, np.array(visible))


SWAP = np.array([0, 2, 1])


# Windows --------------------------------------------------


@pytest.mark.parametrize(
    ("box", "window"),
    [
        # A margin of 0.15 of the longer side, 15 pixels, from pixel edges outwards to whole pixels.
        ((99.5, 49.5, 100, 60), (85, 35, 215, 125)),
        ((99.7, 49.3, 100, 60), (85, 34, 216, 125)),
        ((99.5, 49.5, 60, 100), (85, 35, 175, 165)),
        ((4.5, 9.5, 100, 60), (0, 0, 120, 85)),  # clipped at the left and upper edge
        ((319.5, 129.5, 100, 80), (305, 115, 400, 200)),
        # A window is at least 0.15 of the image's longer side, 60 pixels: 20 * 1.3 = 26 grows by 17 on each side.
        ((99.5, 99.5, 20, 10), (80, 80, 140, 130)),
        # Hardly in the image, and hardly outside.
        ((399.4, 99.5, 100, 60), (384, 85, 400, 175)),
        ((399.5, 99.5, 100, 60), None),
        ((-100.4, 99.5, 100, 60), (0, 85, 16, 175)),
        ((-100.5, 99.5, 100, 60), None),
        ((99.5, 199.5, 100, 60), None),
        ((99.5, -60.5, 100, 60), None),
        ((99.5, -60.4, 100, 60), (85, 0, 215, 16)),
        ((-0.5, -0.5, 400, 200), None),  # all of it
        ((14.5, 14.5, 370, 170), None),
        ((99.5, -0.5, 200, 200), (70, 0, 330, 200)),
    ],
)
def test_the_window_of_a_box(box, window):
    assert box_window(box, (200, 400)) == window


def test_a_margin_may_be_given_and_an_image_of_a_pixel_has_no_window():
    assert box_window((99.5, 49.5, 100, 60), (200, 400), 0.0) == (100, 50, 200, 110)
    assert box_window((-0.5, -0.5, 1, 1), (1, 40)) is None
    assert box_window((9.5, -0.5, 10, 2), (2, 40)) == (8, 0, 22, 2)
    assert box_window((-0.5, 9.5, 2, 10), (40, 2)) == (0, 8, 2, 22)


def test_points_span_a_window_with_a_margin_of_a_quarter():
    xy = np.array([(100.0, 60.0), (180.0, 80.0), (120.0, 110.0), (0.0, 0.0)])
    seen = np.array([True, True, True, False])
    # From pixel edge to pixel edge 81 wide, 51 high: 20.25 on every side.
    assert template_window(xy, seen, None, (300, 400)) == (79, 39, 202, 132)
    assert template_window(xy, seen, (99.5, 49.5, 100, 60), (200, 400)) == (85, 35, 215, 125)
    assert template_window(xy, seen & [True, True, False, False], None, (300, 400)) is None


# Templates --------------------------------------------------


def test_tokens_between_tokens_are_bilinear_and_clamped_at_the_border():
    tokens = random_tokens(4, 5)
    rc = np.random.default_rng(1).uniform(-1.5, 5.5, (40, 2))
    expected = [at(tokens, *each) for each in rc]
    np.testing.assert_allclose(sample_tokens(tokens, rc), expected, atol=1e-5)


def test_moments_are_sums_over_tokens():
    plain, mirrored = random_tokens(3, 4), random_tokens(3, 4, seed=1)
    found = Moments.of([plain, mirrored])
    flat = [*plain.reshape(-1, 5), *mirrored.reshape(-1, 5)]
    assert found.count == 24
    np.testing.assert_allclose(found.total, np.sum(flat, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.square, np.sum([np.outer(t, t) for t in flat], axis=0), rtol=1e-4)
    change = [plain[r, c] - mirrored[r, 3 - c] for r, c in np.ndindex(3, 4)]
    np.testing.assert_allclose(found.noise, np.sum([np.outer(d, d) for d in change], axis=0), rtol=1e-4, atol=1e-4)
    assert not Moments.of([plain]).noise.any()
    assert not Moments.of([plain, random_tokens(4, 3)]).noise.any()
    twice = Moments.join([found, Moments.of([plain])])
    assert twice.count == 36
    for name in ("total", "square", "noise"):
        both = getattr(found, name) + getattr(Moments.of([plain]), name)
        np.testing.assert_allclose(getattr(twice, name), both)


@pytest.mark.parametrize("noise_share", [0.0, 0.3])
def test_whitening_undoes_the_covariance_it_was_fitted_on(noise_share):
    """Of the tokens and, scaled to the same trace, of the differences; shrunk by so many mean variances."""
    plain, mirrored = random_tokens(6, 7), random_tokens(6, 7, seed=1)
    whiten = Whitening.fit(Moments.of([plain, mirrored]), 0.5, noise_share)
    flat = np.concatenate([plain.reshape(-1, 5), mirrored.reshape(-1, 5)]).astype(np.float64)
    covariance = np.cov(flat.T, bias=True)
    change = (plain - mirrored[:, ::-1]).reshape(-1, 5).astype(np.float64)
    noise = change.T @ change
    mixed = (1 - noise_share) * covariance + noise_share * noise * np.trace(covariance) / np.trace(noise)
    mixed += 0.5 * np.trace(covariance) / 5 * np.eye(5)
    np.testing.assert_allclose(whiten.matrix @ whiten.matrix.T, np.linalg.inv(mixed), rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(whiten.mean, flat.mean(axis=0), atol=1e-5)
    expected = unit((plain - whiten.mean) @ whiten.matrix)
    np.testing.assert_allclose(whiten(plain), expected, atol=1e-5)


def test_without_mirrored_views_only_the_tokens_covariance_counts():
    moments = Moments.of([random_tokens(6, 7)])
    np.testing.assert_array_equal(Whitening.fit(moments, 0.5, 0.3).matrix, Whitening.fit(moments, 0.5, 0.0).matrix)


@pytest.mark.parametrize("visible", [(True, True, True), (True, False, True)])
def test_a_template_keeps_what_its_points_look_like_and_how_they_lie(visible):
    source = small_template(visible=visible)
    found = PreparedTemplate.of(source, SWAP, PARAMS)
    for number, view in enumerate(source.views):
        order = SWAP if number else np.arange(3)
        seen = np.array(visible)[order]
        np.testing.assert_array_equal(found.visible[number], seen)
        xy = source.xy[order] * ([-1, 1] if number else [1, 1])
        low, high = xy[seen].min(axis=0), xy[seen].max(axis=0)
        layout = (xy - (low + high) / 2) / (high - low).max()
        np.testing.assert_allclose(found.layouts[number][seen], layout[seen], atol=1e-9)
        tokens = unit(view.features.maps[0])
        for k in np.flatnonzero(seen):
            r, c = view.to_grid(source.xy[order[k]])
            around = [at(tokens, r + dr, c + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1)]
            np.testing.assert_allclose(found.samples[number, k], around, atol=1e-5)
    plain = PreparedTemplate.of(source, SWAP, dataclasses.replace(PARAMS, mirror_templates=False))
    assert len(plain.visible) == 1


def test_a_template_needs_a_view_and_as_many_points_as_flags():
    source = small_template()
    for change in ({"views": ()}, {"visible": np.ones(2, bool)}, {"xy": np.zeros((3, 3))}):
        with pytest.raises(ValueError, match="a template of"):
            dataclasses.replace(source, **change)


def test_a_template_serves_by_its_first_view_and_that_mirrored():
    source = small_template()
    more = dataclasses.replace(source, views=(*source.views, source.views[0]))
    assert len(PreparedTemplate.of(more, SWAP, PARAMS).visible) == 2


def test_a_single_point_has_the_size_of_a_pixel():
    source = small_template(visible=(False, True, False))
    assert PreparedTemplate.of(source, SWAP, PARAMS).layouts[0, 1].tolist() == [0, 0]
    near = dataclasses.replace(
        source, xy=np.array([(0, 0), (10.0, 10.0), (10.5, 10.0)]), visible=np.array([False, True, True])
    )
    np.testing.assert_allclose(PreparedTemplate.of(near, SWAP, PARAMS).layouts[0, 1:], [(-0.25, 0), (0.25, 0)])


def mixed_bank(**changes):
    """Templates of two, one and two views; the first point is hidden in one, the others in another."""
    sources = [
        small_template(0, (False, True, True)),
        small_template(1, mirrored=False),
        small_template(2, (True, False, False)),
    ]
    params = dataclasses.replace(PARAMS, **changes)
    return TemplateBank(sources, SWAP, params), sources


def test_a_bank_knows_its_views():
    bank, _ = mixed_bank()
    assert len(bank) == 5
    assert bank.templates == 3
    assert bank.partner.tolist() == [1, 0, 2, 4, 3]
    assert bank.known.all()
    none = TemplateBank([small_template(0, (True, False, False))], SWAP, PARAMS)
    assert none.known.tolist() == [True, False, False]


def test_distances_are_means_over_the_layouts_that_have_both_points():
    bank, sources = mixed_bank()
    for a, b in itertools.product(range(3), repeat=2):
        found = [
            np.linalg.norm(layout[a] - layout[b])
            for layout, seen in zip(bank.layouts, bank.visible, strict=True)
            if seen[a] and seen[b]
        ]
        assert bank.apart[a, b] == pytest.approx(np.mean(found), abs=1e-9)
    apart = TemplateBank([sources[2], small_template(0, (False, True, True))], SWAP, PARAMS).apart
    assert np.isinf(apart[0, 1:]).all()
    assert np.isfinite(apart[1:, 1:]).all()


@pytest.mark.parametrize("weights", [None, np.array([0.5, 0.1, 0.2, 0.0, 0.7])])
def test_prototypes_are_weighted_means_of_what_views_show(weights):
    bank, _ = mixed_bank()
    found = bank.prototypes(weights)
    for k, o in itertools.product(range(3), range(9)):
        total = sum(
            (1 if weights is None else weights[v]) * bank.visible[v, k] * bank.descriptors[v, k, o] for v in range(5)
        )
        np.testing.assert_allclose(found[k, o], unit(total), atol=1e-5)


# Similarity --------------------------------------------------


@pytest.mark.parametrize("binned", [0.0, 0.65, 1.0])
def test_binned_and_plain_similarity_are_averaged(binned):
    tokens, prototypes = random_tokens(4, 5), random_tokens(3, 9, seed=1)
    found = similarity_maps(tokens, prototypes, binned)
    for k, r, c in np.ndindex(3, 4, 5):
        around = np.mean(
            [
                prototypes[k, o] @ tokens[min(max(r + dr, 0), 3), min(max(c + dc, 0), 4)]
                for o, (dr, dc) in enumerate(itertools.product((-1, 0, 1), repeat=2))
            ]
        )
        plain = prototypes[k, 4] @ tokens[r, c]
        assert found[k, r, c] == pytest.approx(binned * around + (1 - binned) * plain, abs=1e-4)


def test_offsets_go_row_by_row_about_their_middle():
    assert OFFSETS.tolist() == [list(each) for each in itertools.product((-1, 0, 1), repeat=2)]


def window_view(window, mirrored, grid, seed):
    return View(ViewKey(window, mirrored), features(random_tokens(*grid, seed=seed)))


@pytest.mark.parametrize("weights", [None, np.array([0.5, 0.1, 0.2, 0.0, 0.7])])
@pytest.mark.parametrize("mirror_target", [True, False])
def test_maps_are_means_over_the_views_of_a_target_where_the_first_one_looks(weights, mirror_target):
    bank, _ = mixed_bank(mirror_target=mirror_target)
    params = dataclasses.replace(PARAMS, mirror_target=mirror_target)
    looked = [
        window_view((8, 16, 8 + 6 * CELL, 16 + 5 * CELL), False, (5, 6), 11),
        window_view((8, 16, 8 + 6 * CELL, 16 + 5 * CELL), True, (5, 6), 12),
        window_view(None, False, (8, 9), 13),
    ]
    maps = TargetMaps(looked, bank, params)
    found = maps(weights)
    used = [view for view in looked if mirror_target or not view.key.mirrored]
    expected = np.zeros((3, 5, 6))
    for view in used:
        turned = weights if weights is None or not view.key.mirrored else weights[bank.partner]
        own = similarity_maps(bank.prepare(view.tokens(TAP)), bank.prototypes(turned), params.binned)
        own = own[SWAP] if view.key.mirrored else own
        for r, c in np.ndindex(5, 6):
            place = view.to_grid(looked[0].to_image(np.array([r, c])))
            expected[:, r, c] += at(np.moveaxis(own, 0, -1), *place) / len(used)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_target_that_is_only_seen_mirrored_is_looked_at_all_the_same():
    bank, _ = mixed_bank()
    only = window_view(None, True, (5, 6), 3)
    params = dataclasses.replace(PARAMS, mirror_target=False)
    assert TargetMaps([only], bank, params).frame is only


def test_competition_is_among_known_keypoints_and_for_a_lone_one_there_is_none():
    maps = np.random.default_rng(0).random((4, 2, 3)).astype(np.float32)
    known = np.array([True, False, True, True])
    found = compete(maps, known, 0.35)
    for k, r, c in np.ndindex(4, 2, 3):
        others = [maps[j, r, c] for j in range(4) if known[j] and j != k]
        if known[k]:
            assert found[k, r, c] == pytest.approx(maps[k, r, c] - 0.35 * max(others), abs=1e-6)
    lone = np.array([True, False, False, False])
    np.testing.assert_array_equal(compete(maps, lone, 0.35), maps)
    np.testing.assert_array_equal(compete(maps, known, 0.0), maps)
    two = compete(maps[:2], np.array([True, True]), 0.5)
    np.testing.assert_allclose(two[0], maps[0] - 0.5 * maps[1], atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_a_softmax_is_over_the_whole_grid_of_a_keypoint(temperature):
    maps = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = np.exp(maps / temperature)
    expected /= expected.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(softmax_maps(maps, temperature), expected, rtol=1e-4)
    np.testing.assert_allclose(
        softmax_maps(maps), np.exp(maps) / np.exp(maps).sum(axis=(1, 2), keepdims=True), rtol=1e-4
    )


# The vote --------------------------------------------------


def vote_by_hand(chances, pitch, bank, params, chosen):
    """Every layout at every size and place: the best of these, then a mixture of their Gaussians."""
    count, rows, cols = chances.shape
    unit_size = 0.6 * max(cols * pitch[0], rows * pitch[1])
    placed = []
    for v, scale, r, c in itertools.product(chosen, params.scales, range(rows), range(cols)):
        size = scale * unit_size
        shift = bank.layouts[v] * size / pitch
        own = np.zeros(count)
        for k in np.flatnonzero(bank.visible[v]):
            row, col = r + int(np.rint(shift[k, 1])), c + int(np.rint(shift[k, 0]))
            if 0 <= row < rows and 0 <= col < cols:
                own[k] = math.sqrt(chances[k, row, col])
        placed.append((own.sum(), v, size, np.add(shift, (c, r)), own))
    placed = sorted(placed, key=lambda each: -each[0])[: params.hypotheses]
    say = np.ones((count, count))
    if np.isfinite(params.locality):
        say = 0.2 + 3 * np.exp(-((bank.apart / params.locality) ** 2))
    prior = np.zeros((count, rows, cols))
    for k in range(count):
        heard = [sum(own[j] * say[j, k] for j in range(count) if j != k) for *_, own in placed]
        for (_, v, size, xy, _), score in zip(placed, heard, strict=True):
            if bank.visible[v, k]:
                sigma = params.spread * size / pitch
                away_r, away_c = (np.arange(rows) - xy[k, 1]) / sigma[1], (np.arange(cols) - xy[k, 0]) / sigma[0]
                bell = np.exp(-0.5 * (away_r[:, None] ** 2 + away_c**2)) / sigma.prod()
                prior[k] += math.exp(score) * bell
        prior[k] /= prior[k].sum()
    shares = np.exp([score for score, *_ in placed])
    shares /= shares.sum()
    size = sum(share * each[2] for share, each in zip(shares, placed, strict=True))
    strength = placed[0][0] / bank.visible[placed[0][1]].sum()
    facing = np.zeros(len(bank))
    for share, (_, v, *_) in zip(shares, placed, strict=True):
        facing[v] += share
    return prior, size, strength, facing


@pytest.mark.parametrize("locality", [0.4, np.inf])
@pytest.mark.parametrize(
    ("hypotheses", "max_layouts", "chosen"), [(10**9, 48, range(5)), (40, 48, range(5)), (60, 3, (0, 2, 4))]
)
def test_the_vote_is_that_of_every_layout_at_every_place(locality, hypotheses, max_layouts, chosen):
    bank, _ = mixed_bank()
    params = dataclasses.replace(
        PARAMS, hypotheses=hypotheses, max_layouts=max_layouts, locality=locality, scales=(0.5, 1.0), spread=0.2
    )
    chances = softmax_maps(np.random.default_rng(5).normal(size=(3, 4, 6)) * 2)
    pitch = np.array([8.0, 6.0])
    prior, size, strength, facing = vote_by_hand(chances, pitch, bank, params, chosen)
    found = hough_vote(chances, pitch, bank, params)
    np.testing.assert_allclose(found.prior, prior, rtol=2e-3, atol=1e-6)
    assert found.size == pytest.approx(size, rel=1e-4)
    assert found.strength == pytest.approx(strength, rel=1e-4)
    np.testing.assert_allclose(facing_vote(chances, pitch, bank, params), facing, atol=1e-5)


# Where the other points say --------------------------------------------------


def places_by_hand(xy, visible, bank, size, v, k):
    """Least squares of a similarity transform, four times, points that fit badly counting less."""
    others = np.flatnonzero(bank.visible[v] & visible & (np.arange(len(xy)) != k))
    source, weights = bank.layouts[v], np.ones(len(others))
    residual = np.zeros(len(others))
    for _ in range(4):
        rows, wanted = [], []
        for j, w in zip(others, np.sqrt(weights), strict=True):
            x, y = source[j]
            rows += [[w * x, -w * y, w, 0], [w * y, w * x, 0, w]]
            wanted += [w * xy[j, 0], w * xy[j, 1]]
        a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
        laid = source @ np.array([[a, b], [-b, a]]) + [dx, dy]
        residual = np.linalg.norm(xy[others] - laid[others], axis=1) / size
        weights = 1 / (1 + (residual / 0.1) ** 2)
    misfit = math.sqrt((weights * residual**2).sum() / weights.sum())
    quality = math.exp(-0.5 * (misfit / 0.06) ** 2) * weights.sum()
    return laid[k], quality, size * math.hypot(misfit, 0.06)


def test_a_layout_is_laid_over_the_other_points_by_robust_least_squares():
    bank = TemplateBank([template(seed=1), template(seed=2, hidden=(4,))], TWIN, PARAMS)
    rng = np.random.default_rng(0)
    xy = template(seed=3).xy + rng.normal(0, 4, (8, 2))
    xy[6] += 40
    visible = np.arange(8) != 2
    found = expected_places(xy, visible, bank, 90.0)
    for v, k in itertools.product(range(len(bank)), range(8)):
        place, quality, spread = places_by_hand(xy, visible, bank, 90.0, v, k)
        np.testing.assert_allclose(found.xy[v, k], place, atol=1e-4)
        assert found.spread[v, k] == pytest.approx(spread, rel=1e-6)
        assert found.weight[v, k] == pytest.approx(quality if bank.visible[v, k] else 0, rel=1e-6, abs=1e-12)


def test_a_layout_turned_moved_and_enlarged_fits_exactly():
    bank = TemplateBank([template(seed=1)], TWIN, PARAMS)
    turn = np.array([[math.cos(0.7), math.sin(0.7)], [-math.sin(0.7), math.cos(0.7)]])
    xy = template(seed=1).xy @ turn * 1.7 + [30, -20]
    found = expected_places(xy, np.ones(8, bool), bank, 100.0)
    np.testing.assert_allclose(found.xy[0], xy, atol=1e-6)
    np.testing.assert_allclose(found.weight[0], 7)  # all seven others
    np.testing.assert_allclose(found.spread[0], 6.0)


def test_one_other_point_says_nothing_and_two_do():
    bank = TemplateBank([template(seed=1, mirrored=False)], TWIN, PARAMS)
    xy = template(seed=1).xy
    two = expected_places(xy, np.arange(8) < 2, bank, 90.0).weight[0]
    assert (two[:2] == 0).all()
    np.testing.assert_allclose(two[2:], 2)
    assert not expected_places(xy, np.arange(8) < 1, bank, 90.0).weight.any()


GUESSES = ExpectedPlaces(
    np.array([[(10.0, 20.0), (30.0, 8.0)], [(14.0, 17.0), (5.0, 5.0)]]),
    np.array([[2.0, 0.0], [1.0, 0.0]]),
    np.array([[4.0, 4.0], [6.0, 4.0]]),
)


def test_the_chance_of_a_place_is_a_discs_share_of_each_guess():
    found = GUESSES.chance(np.array([(12.0, 20.0), (0.0, 0.0)]), 3.0)

    def share(away, spread):
        return (1 - math.exp(-0.5 * (3 / spread) ** 2)) * math.exp(-0.5 * (away / spread) ** 2)

    expected = (2 * share(2, 4) + share(math.hypot(2, 3), 6)) / 3
    assert found[0] == pytest.approx(expected)
    assert np.isnan(found[1])


def test_guesses_are_a_mixture_on_the_grid_and_uniform_where_there_is_none():
    frame = window_view(None, False, (4, 5), 0)
    found = GUESSES.maps(frame)
    expected = np.zeros((4, 5))
    for r, c in np.ndindex(4, 5):
        x, y = c * CELL + 3.5, r * CELL + 3.5
        for (gx, gy), weight, spread in (((10, 20), 2, 4), ((14, 17), 1, 6)):
            expected[r, c] += weight / spread**2 * math.exp(-0.5 * ((x - gx) ** 2 + (y - gy) ** 2) / spread**2)
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(found[1], 1 / 20)


# Weighing --------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_evidence_is_similarity_then_the_layouts_vote(count):
    """Competition from two templates on; two rounds in which views that the vote agrees with count for more."""
    bank = TemplateBank([template(seed=s) for s in range(count)], TWIN, PARAMS)
    wanted, _ = target(nose=(9, 8), seed=5)
    params = dataclasses.replace(PARAMS, prior_weight=0.7)
    found = weigh(bank, wanted, params)
    maps = TargetMaps(wanted.views, bank, params)
    strength = 0.35 if count > 1 else 0.0
    appearance = softmax_maps(compete(maps(), bank.known, strength), 0.04)
    for _ in range(2):
        share = facing_vote(appearance, PITCH, bank, params)
        appearance = softmax_maps(compete(maps(0.5 / len(bank) + 0.5 * share), bank.known, strength), 0.04)
    vote = hough_vote(appearance, PITCH, bank, params)
    np.testing.assert_allclose(found.appearance, appearance, rtol=1e-4, atol=1e-9)
    posterior = appearance.astype(np.float64) * (vote.prior + 1e-3 / 480) ** 0.7
    posterior /= posterior.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.posterior, posterior, rtol=1e-3, atol=1e-7)
    assert found.size == pytest.approx(vote.size)
    np.testing.assert_allclose(found.radius_rc, 0.1 * vote.size / PITCH)


def test_the_tolerance_is_a_share_of_the_box_of_the_vote_or_of_six_tenths_of_the_image():
    bank = TemplateBank([template(seed=1)], TWIN, PARAMS)
    wanted, _ = target(seed=5)
    boxed = weigh(bank, Target(wanted.views, (200.0, 150.0, 40.0, 96.0)), PARAMS)
    assert boxed.size == 96
    np.testing.assert_allclose(boxed.radius_rc, [1.2, 1.2])
    plain = weigh(bank, wanted, dataclasses.replace(PARAMS, prior=False))
    assert plain.vote is None
    assert plain.size == pytest.approx(0.6 * 24 * CELL)
    np.testing.assert_array_equal(plain.posterior, plain.appearance)


def test_cues_of_a_prediction_and_its_score():
    calibration = Calibration(tuple(0.1 * n for n in range(len(CUES))), -0.4)
    templates = [template(seed=1), template(seed=2, hidden=(5, 6))]
    bank = TemplateBank(templates, TWIN, PARAMS)
    wanted, _ = target(nose=(9, 8), seed=5)
    boxed = Target(wanted.views, (0.0, 0.0, 120.0, 96.0))
    (found,) = transfer(templates, [boxed], SKELETON, PARAMS, silent(), calibration=calibration)
    evidence = weigh(bank, boxed, PARAMS)
    cue = dict(zip(CUES, found.cues.T, strict=True))
    np.testing.assert_allclose(found.score, 1 / (1 + np.exp(-(found.cues @ calibration.weights - 0.4))), rtol=1e-5)
    sums = disc_sums(evidence.posterior, evidence.radius_rc)
    mass = np.clip(sums.reshape(8, -1).max(axis=1), 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(cue["mass"], np.log(mass / (1 - mass)), rtol=1e-3)
    np.testing.assert_allclose(np.exp(cue["templates"]), [2, 2, 2, 2, 2, 1, 1, 2])
    np.testing.assert_allclose(cue["vote"], evidence.vote.strength)
    assert (cue["box"] == 1).all()
    places = expected_places(found.xy, bank.known, bank, 120.0).chance(found.xy, 12.0)
    np.testing.assert_allclose(cue["layout"], np.log(places / (1 - places)), rtol=1e-3)
    near = np.exp(-((bank.apart / 0.4) ** 2))
    np.fill_diagonal(near, 0)
    np.testing.assert_allclose(cue["neighbours"], near @ cue["mass"] / near.sum(axis=1), rtol=1e-4)
    rc = wanted.views[0].to_grid(found.xy)
    around = disc_sums(evidence.appearance, evidence.radius_rc)
    nearest = np.rint(rc).astype(int)
    own = np.clip([around[k, r, c] for k, (r, c) in enumerate(nearest)], 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(cue["appearance"], np.log(own / (1 - own)), rtol=1e-3, atol=1e-3)
    for a, b in ((1, 2), (3, 4), (5, 6)):
        p = [[at(evidence.posterior[k][..., None], *rc[j])[0] for j in (a, b)] for k in (a, b)]
        crossed, straight = p[0][1] * p[1][0], p[0][0] * p[1][1]
        assert found.swap[a] == pytest.approx(crossed / (crossed + straight), rel=1e-2, abs=1e-6)


def test_sides_seem_swapped_where_most_twins_do():
    def prediction(*swap):
        count = len(swap)
        return KeypointPrediction(
            np.zeros((count, 2)),
            np.full(count, 2, np.uint8),
            np.ones(count, np.float32),
            np.array(swap, np.float32),
            np.zeros((count, 8)),
        )

    assert prediction(0, 0, 0.6, 0.6).swapped_sides
    assert not prediction(0, 0, 0.5, 0.5).swapped_sides
    assert not prediction(0.9, 0.1, 0.2, 0.3).swapped_sides
    assert not prediction(0, 0).swapped_sides
    absent = dataclasses.replace(prediction(0.9, 0.9, 0.1), visibility=np.array([0, 0, 2], np.uint8))
    assert not absent.swapped_sides
    assert dataclasses.replace(prediction(0.9, 0.9), visibility=np.array([1, 1], np.uint8)).swapped_sides
    assert absent.doubtful.tolist() == [False] * 3


@pytest.mark.parametrize(("below", "visibility"), [(0.49, 2), (0.51, 1)])
def test_a_point_is_doubtful_below_the_threshold(below, visibility):
    even = Calibration((0.0,) * len(CUES), 0.0)
    params = dataclasses.replace(PARAMS, doubtful_below=below)
    (found,) = transfer([template(seed=1)], [target(seed=5)[0]], SKELETON, params, silent(), calibration=even)
    assert (found.score == 0.5).all()
    assert (found.visibility == visibility).all()


# Calibration --------------------------------------------------


def outcomes(count=400, seed=0):
    rng = np.random.default_rng(seed)
    cues = rng.normal(size=(count, len(CUES))) * np.arange(1, 9) / 4
    return cues, rng.random(count) < 1 / (1 + np.exp(-(cues[:, 0] - 0.3)))


@pytest.mark.parametrize("penalty", [1.0, 50.0])
@pytest.mark.parametrize("near", [None, Calibration((0.5,) * 8, 1.0)])
def test_a_fit_is_where_the_penalised_likelihood_is_greatest(penalty, near):
    """There the sum of cue times error equals the pull back, in units of each cue's variance; the bias is free."""
    cues, right = outcomes()
    found = Calibration.fit(cues, right, near=near, penalty=penalty, source="here")
    error = right - found.chance(cues)
    start = np.zeros(8) if near is None else np.array(near.weights)
    pull = penalty * cues.var(axis=0) * (np.array(found.weights) - start)
    np.testing.assert_allclose(cues.T @ error, pull, atol=1e-4)
    assert error.sum() == pytest.approx(0 if near is None else penalty * (found.bias - 1.0), abs=1e-4)
    assert found.source == "here"


def test_a_penalty_counts_one_unless_another_is_given():
    cues, right = outcomes()
    assert Calibration.fit(cues, right) == Calibration.fit(cues, right, penalty=1.0)


def test_a_fit_on_nothing_is_what_it_was_to_stay_near():
    near = Calibration((0.5,) * 8, 1.0)
    found = Calibration.fit(np.zeros((0, 8)), np.zeros(0, bool), near=near)
    np.testing.assert_allclose([*found.weights, found.bias], [*near.weights, near.bias])


def test_a_chance_is_the_logistic_of_the_weighted_cues():
    calibration = Calibration((1.0, -2.0, 0, 0, 0, 0, 0, 0.5), 0.25)
    cues = np.array([[1, 2, 3, 4, 5, 6, 7, 8.0], [90.0, 0, 0, 0, 0, 0, 0, 0], [-90.0, 0, 0, 0, 0, 0, 0, 0]])
    expected = [1 / (1 + math.exp(-1.25)), 1 / (1 + math.exp(-30)), 1 / (1 + math.exp(30))]
    np.testing.assert_allclose(calibration.chance(cues), expected)


def test_two_hundred_outcomes_are_enough_for_a_calibration_of_ones_own():
    assert MIN_OUTCOMES == 200
    cues, right = outcomes(200)
    found = Calibration.refit([cues[:50], cues[50:]], [right[:50], right[50:]])
    assert found == Calibration.fit(
        cues, right, near=Calibration.built_in(), penalty=20.0, source="confirmed points of the project"
    )


# Checking --------------------------------------------------

ODDS = MistakeOdds(slip=(1.0, -5.0), swap=(-2.0, 0.5, -1.0), usual=-3.0)


def checks(surprise, agreement, exchange, twin, there=None):
    shape = np.shape(surprise)
    suggestion = np.zeros((*shape, 2))
    if there is not None:
        suggestion[~np.array(there)] = np.nan
    return PointChecks(
        suggestion, *(np.array(each, float) for each in (surprise, agreement, exchange)), np.array(twin), ODDS
    )


def test_odds_of_a_mistake_and_the_doubt_they_make():
    found = checks([[2, 7, 1, 0]], [[0, 0.5, 0.5, 0]], [[0, 4, 4, 0]], [[-1, 2, 1, -1]], [[True, True, True, False]])
    np.testing.assert_allclose(found.slip_odds, [[-3, 2, -4, -np.inf]])
    np.testing.assert_allclose(found.swap_odds, [[-np.inf, 0, 0, -np.inf]])
    expected = [
        math.log(1 + math.exp(-3) / math.exp(-3)),
        math.log(1 + (math.exp(2) + 1) / math.exp(-3)),
        math.log(1 + (math.exp(-4) + 1) / math.exp(-3)),
        0,
    ]
    np.testing.assert_allclose(found.doubt[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("surprise", "exchange", "swapped"),
    [
        ((0, 0), 4, True),  # 1 against slips of -5
        ((5.5, 0), 4, True),  # 1 against 0.5 of the one
        ((6.5, 0), 4, False),  # 1 against 1.5
        ((0, 6.5), 4, False),  # 1 against 1.5 of the other
        ((0, 0), -3.9, True),  # -2.95 is more than usual
        ((0, 0), -4.1, False),
    ],
)
def test_two_points_are_swapped_where_that_is_likelier_than_a_slip_of_either_and_than_usual(
    surprise, exchange, swapped
):
    found = checks([surprise], [[0, 0]], [[exchange, exchange]], [[1, 0]])
    assert found.swapped.tolist() == [[swapped] * 2]
    assert len(found.entries()) == (1 if swapped else 2)


def test_entries_come_by_falling_doubt_and_a_swap_is_one():
    found = checks(
        [[4, 0, 0, 3], [9, 5, 5, 5]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 6, 6, 0], [0, -9, -9, 0]],
        [[-1, 2, 1, -1], [-1, 2, 1, -1]],
        [[True] * 4, [True, True, True, False]],
    )
    entries = found.entries()
    assert entries[0] == ((1, 0),)
    assert entries[1] == ((0, 1), (0, 2))
    assert entries[-1] == ((0, 3),)
    assert found.queue()[:3] == [(1, 0), (0, 1), (0, 2)]
    assert len(found.queue()) == 7


@pytest.mark.parametrize("box", [None, (0.0, 3.0, 60.0, 110.0)])
def test_what_is_checked_is_the_mass_about_a_point_given_looks_and_the_other_points(box):
    instances = [template(nose=nose, seed=s, noise=0.4) for s, nose in enumerate([(6, 5), (9, 8), (4, 7), (8, 3)])]
    visible = np.arange(8) != 4
    xy = instances[1].xy + 5.0  # between tokens
    xy[7] = (-20.0, 30.0)  # beside the image
    instances[1] = dataclasses.replace(instances[1], xy=xy, visible=visible, box=box)
    found = check_points(instances, SKELETON, PARAMS, silent())
    own = instances[1]
    bank = TemplateBank([instances[0], *instances[2:]], TWIN, PARAMS)
    size = max(np.ptp(own.xy[visible], axis=0)) if box is None else 110.0
    looks = weigh(bank, Target(own.views, box), PARAMS).appearance
    others = expected_places(own.xy, visible, bank, size).maps(own.views[0])
    joint = looks.astype(np.float64) * (others + 1e-3 / others[0].size)
    joint /= joint.sum(axis=(1, 2), keepdims=True)
    mass = disc_sums(joint.astype(np.float32), np.full(2, 0.1 * size / CELL))
    rc = np.clip(np.rint(own.views[0].to_grid(own.xy)), 0, [19, 23]).astype(int)
    here = np.log(mass[:, rc[:, 0], rc[:, 1]] + 1e-6)  # of each keypoint's distribution, at each point
    assert (found.twin[1] == [-1, 2, 1, -1, -1, 6, 5, -1]).all()
    for k in np.flatnonzero(visible):
        assert found.surprise[1, k] == pytest.approx(-here[k, k], abs=2e-3)
    for a, b in ((1, 2), (5, 6)):
        exchange = here[a, b] + here[b, a] - here[a, a] - here[b, b]
        assert found.exchange[1, a] == pytest.approx(exchange, abs=2e-2)
        assert found.exchange[1, b] == pytest.approx(exchange, abs=2e-2)
    assert np.isnan(found.suggestion[1, 4]).all()
    assert found.surprise[1, 4] == 0
    plain = [PreparedTemplate.of(each, TWIN, PARAMS) for each in instances]  # of both views, the first
    layouts, seen = (np.stack([getattr(each, name)[0] for each in plain]) for name in ("layouts", "visible"))
    rest = [0, 2, 3]
    agreement = side_agreement(layouts[1], seen[1], layouts[rest], seen[rest], TWIN)
    np.testing.assert_allclose(found.agreement[1, [1, 2, 5, 6]], agreement[[1, 2, 5, 6]], atol=1e-9)
    assert not found.agreement[1, [0, 3, 4, 7]].any()


def test_no_more_than_two_dozen_other_instances_are_compared_with(monkeypatch):
    sizes = []
    real = TemplateBank.__init__

    def counted(self, templates, *rest):
        sizes.append(len(templates))
        real(self, templates, *rest)

    monkeypatch.setattr(TemplateBank, "__init__", counted)
    params = TransferParams.nearest_neighbour(TAP)
    check_points(
        [small_template(s, mirrored=False) for s in range(27)],
        Skeleton(("a", "b", "c")),
        params,
        silent(),
    )
    assert sizes == [24] * 27


# Settings --------------------------------------------------


@pytest.mark.parametrize("name", ["view_noise", "binned", "facing_weight", "doubtful_below"])
def test_shares_lie_between_none_and_all(name):
    for value in (0.0, 1.0):
        assert getattr(TransferParams(**{name: value}), name) == value
    for value in (-0.01, 1.01):
        with pytest.raises(UsageError, match=name):
            TransferParams(**{name: value})


@pytest.mark.parametrize("change", [{"scales": (0.0, 1.0)}, {"hypotheses": 0}, {"max_layouts": 0}, {"spread": 0.0}])
def test_a_shape_prior_needs_something_to_vote_with(change):
    with pytest.raises(UsageError):
        TransferParams(**change)


def test_the_least_settings_are_taken():
    found = TransferParams(scales=(0.01,), hypotheses=1, max_layouts=1, whitening=0.01, locality=0.01, spread=0.01)
    assert found.hypotheses == found.max_layouts == 1
    assert TransferParams(whitening=None).whitening is None


def test_the_plain_protocol_has_everything_off():
    plain = TransferParams.nearest_neighbour(TAP)
    off = (
        "mirror_templates",
        "mirror_target",
        "view_noise",
        "binned",
        "competition",
        "prior",
        "facing_weight",
        "rounds",
        "tolerance",
    )
    assert plain.whitening is None
    assert not any(getattr(plain, name) for name in off)
    assert plain.tap == TAP
