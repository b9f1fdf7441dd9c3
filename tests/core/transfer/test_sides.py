"""Whether a pair of points was exchanged, from nothing but where the other points are."""

import numpy as np
import pytest

from counterpart.core.transfer.sides import side_agreement

# nose, tail, then left and right of ear, hip, knee, paw, seen from half in front: left is the near side.
BODY = np.array([(0, 0), (10, 1), (1, -3), (3, -3.5), (8, 0), (9, -1), (8, 4), (9.5, 3), (7.5, 8), (9.5, 6.5)], float)
TWIN = np.array([0, 1, 3, 2, 5, 4, 7, 6, 9, 8])
PAIRS = [(2, 3), (4, 5), (6, 7), (8, 9)]


def animal(seed, *, mirrored=False, turned=0.0):
    """(K, 2) of size about 1; `turned` in radians; `mirrored` with left and right renamed, as they then are."""
    xy = (BODY + np.random.default_rng(seed).normal(0, 0.25, BODY.shape)) / 11
    if mirrored:
        xy = xy[TWIN] * (-1, 1)
    cos, sin = np.cos(turned), np.sin(turned)
    return xy @ np.array([(cos, sin), (-sin, cos)])


def herd(count=7):
    """Instances that face either way, and all of their points visible."""
    return np.stack([animal(s, mirrored=s % 2 == 1, turned=0.2 * s) for s in range(count)]), np.ones((count, 10), bool)


def exchanged(xy, pair):
    out = xy.copy()
    out[list(pair)] = xy[list(pair)[::-1]]
    return out


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_an_exchanged_pair_is_told_from_the_others_whichever_way_the_animal_faces(pair, mirrored):
    xy, seen = animal(20, mirrored=mirrored), np.ones(10, bool)
    before = side_agreement(xy, seen, *herd(), TWIN)
    after = side_agreement(exchanged(xy, pair), seen, *herd(), TWIN)
    assert before[2:].min() > 0.2
    assert (after[list(pair)] < -0.2).all()
    others = [k for k in range(2, 10) if k not in pair]
    assert after[others].min() > 0


def test_neither_a_mirror_nor_a_turn_changes_anything():
    seen = np.ones(10, bool)
    plain = side_agreement(animal(20), seen, *herd(), TWIN)
    np.testing.assert_allclose(side_agreement(animal(20, turned=1.3), seen, *herd(), TWIN), plain, atol=1e-9)
    mirrored = side_agreement(animal(20, mirrored=True), seen, *herd(), TWIN)
    np.testing.assert_allclose(mirrored, plain, atol=1e-9)


def test_exchanging_a_pair_only_turns_the_sign():
    xy, seen = animal(20), np.ones(10, bool)
    before, after = (side_agreement(each, seen, *herd(), TWIN) for each in (xy, exchanged(xy, (6, 7))))
    np.testing.assert_allclose(after[[6, 7]], -before[[6, 7]], atol=1e-9)


def test_nothing_is_said_where_a_point_is_missing_or_too_few_others_show_the_pair():
    seen = np.ones(10, bool)
    seen[3] = False
    others, shown = herd()
    shown[2:, 8] = False
    found = side_agreement(animal(20), seen, others, shown, TWIN)
    assert (found[[0, 1, 2, 3, 8, 9]] == 0).all()
    assert (found[[4, 5, 6, 7]] > 0).all()
    assert not side_agreement(animal(20), seen, others[:2], shown[:2], TWIN).any()
    assert not side_agreement(animal(20), seen, others, shown, np.arange(10)).any()


def test_landmarks_by_the_hundred_are_compared_with_a_few():
    rng = np.random.default_rng(0)
    left = np.stack([rng.uniform(-1, -0.2, 100), rng.uniform(-1, 1, 100)], axis=1)
    face = np.stack([left, left * (-1, 1)], axis=1).reshape(-1, 2)
    twin = np.arange(200) ^ 1
    others = face + rng.normal(0, 0.02, (5, *face.shape))
    found = side_agreement(exchanged(face, (20, 21)), np.ones(200, bool), others, np.ones((5, 200), bool), twin)
    assert set(np.flatnonzero(found < 0)) == {20, 21}


def products(xy, seen, pairs, single):
    """Of each pair, by kind: inner products, cross products and how much longer joining across is; 0 where missing."""
    middles = [(xy[k], seen[k]) for k in single] + [((xy[a] + xy[b]) / 2, seen[a] and seen[b]) for a, b in pairs]
    out = []
    for a, b in pairs:
        here = seen[a] and seen[b]
        inner, cross, longer = [], [], []
        for c, d in pairs:
            use = here and seen[c] and seen[d] and (a, b) != (c, d)
            inner.append((xy[a] - xy[b]) @ (xy[c] - xy[d]) if use else 0)
            joined = [np.linalg.norm(xy[i] - xy[j]) for i, j in ((a, d), (b, c), (a, c), (b, d))]
            longer.append(joined[0] + joined[1] - joined[2] - joined[3] if use else 0)
        for i, (start, there) in enumerate(middles):
            for end, too in middles[i + 1 :]:
                apart, along = xy[a] - xy[b], start - end
                cross.append(apart[0] * along[1] - apart[1] * along[0] if here and there and too else 0)
        out.append([np.array(inner), np.array(cross), np.array(longer)])
    return out


@pytest.mark.parametrize("count", [3, 6])
def test_agreement_is_a_ridge_regression_that_says_one_of_all_others(count):
    """Kinds weigh alike: each is scaled to a mean square of 1 an instance; the ridge is 3 of an instance's square."""
    others, shown = herd(count)
    shown[0, [4, 9]] = False
    xy, seen = exchanged(animal(20), (4, 5)), np.ones(10, bool)
    seen[0] = False
    found = side_agreement(xy, seen, others, shown, TWIN)
    known = [products(each, there, PAIRS, (0, 1)) for each, there in zip(others, shown, strict=True)]
    own = products(xy, seen, PAIRS, (0, 1))
    for index, (a, b) in enumerate(PAIRS):
        usable = [one[index] for one, there in zip(known, shown, strict=True) if there[a] and there[b]]
        if len(usable) < 3:
            assert found[a] == found[b] == 0
            continue
        units = [np.sqrt(sum((one[kind] ** 2).sum() for one in usable) / len(usable)) for kind in range(3)]
        rows = np.array([np.concatenate([one[kind] / units[kind] for kind in range(3)]) for one in usable])
        asked = np.concatenate([own[index][kind] / units[kind] for kind in range(3)])
        ridge = 3 * (rows**2).sum() / len(rows)
        weights = np.linalg.solve(rows.T @ rows + ridge * np.eye(rows.shape[1]), rows.sum(axis=0))
        assert found[a] == pytest.approx(asked @ weights, rel=1e-6)
        assert found[b] == found[a]


def test_a_lone_pair_is_told_by_the_middle_and_two_pairs_by_each_other():
    """With nose and tail, cross products; without them, inner products and lengths."""
    seen = np.zeros(10, bool)
    seen[[0, 1, 2, 3]] = True
    others, _ = herd()
    lone = side_agreement(animal(20), seen, others, np.broadcast_to(seen, (7, 10)), TWIN)
    assert (lone[[2, 3]] > 0).all()
    seen[:2] = False
    assert not side_agreement(animal(20), seen, others, np.broadcast_to(seen, (7, 10)), TWIN).any()
