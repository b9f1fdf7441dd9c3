"""k-means and the elbow rule."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.errors import JobCancelledError
from counterpart.core.features.clustering import Clustering, assign, count_labels, elbow, kmeans, merge_clusters
from counterpart.core.features.values import l2_normalise
from counterpart.core.jobs import CancelToken, JobContext
from tests.core.synthetic import palette


def groups(count, each=60, noise=0.05, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(count), each)
    return palette(count)[truth] + rng.normal(scale=noise, size=(count * each, 32)).astype(np.float32), truth


def test_finds_well_separated_groups():
    samples, truth = groups(5)
    found = kmeans(samples, 5)
    assert found.k == 5
    pairs = set(zip(truth.tolist(), found.labels.tolist(), strict=True))
    assert len(pairs) == 5  # a bijection between groups and clusters


def test_centroids_have_unit_length_and_lengths_of_samples_do_not_matter():
    samples, _ = groups(3)
    scaled = samples * np.random.default_rng(1).uniform(0.1, 50, size=(len(samples), 1)).astype(np.float32)
    found = kmeans(scaled, 3)
    np.testing.assert_allclose(np.linalg.norm(found.centroids, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found.labels, kmeans(samples, 3).labels)


def test_same_seed_same_result_to_the_bit():
    samples = np.random.default_rng(3).normal(size=(500, 24)).astype(np.float32)
    first, second = kmeans(samples, 7, seed=11), kmeans(samples, 7, seed=11)
    np.testing.assert_array_equal(first.centroids, second.centroids)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_reported_distance_is_the_mean_squared_distance_of_unit_vectors():
    samples = np.random.default_rng(5).normal(size=(200, 16)).astype(np.float32)
    found = kmeans(samples, 4)
    unit = samples / np.linalg.norm(samples, axis=1, keepdims=True)
    direct = ((unit - found.centroids[found.labels]) ** 2).sum(axis=1).mean()
    assert found.distance == pytest.approx(direct, rel=1e-4)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 5))
def test_every_cluster_found_has_a_sample_whatever_is_asked_for(count, k, seed):
    samples = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    found = kmeans(samples, k, seed=seed)
    assert 1 <= found.k <= min(k, count)
    assert (count_labels(found.labels, found.k) > 0).all()


def test_fewer_samples_than_clusters_gives_fewer_clusters():
    samples = palette(3)
    found = kmeans(samples, 8)
    assert found.k == 3
    assert found.distance == pytest.approx(0, abs=1e-6)


def test_identical_samples_are_one_cluster():
    assert kmeans(np.ones((50, 4), np.float32), 5).k == 1
    assert kmeans(np.zeros((50, 4), np.float32), 5).k == 1


def test_no_samples_is_refused():
    with pytest.raises(ValueError, match="samples"):
        kmeans(np.zeros((0, 4), np.float32), 2)


def test_cancel_between_iterations():
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        kmeans(groups(4)[0], 4, ctx=JobContext(token=token))


def test_assign_returns_nearest_centroid_and_its_cosine():
    centroids = palette(4)
    labels, cosine = assign(3 * centroids[[2, 0, 3]], centroids)
    np.testing.assert_array_equal(labels, [2, 0, 3])
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)
    assert assign(np.zeros((0, 32), np.float32), centroids)[0].shape == (0,)


def test_elbow_finds_the_number_of_groups():
    assert elbow(groups(4)[0], ratio=0.9).k == 4


def test_fault_elbow_kept_the_k_after_the_one_that_stopped_improving():
    # Two tight groups: a third cluster cannot lower the distance by a tenth, so two it is, not three.
    samples, _ = groups(2, noise=0.02)
    chosen = elbow(samples, ratio=0.8)
    assert chosen.k == 2
    assert chosen.distance < 0.8 * kmeans(samples, 1).distance
    assert kmeans(samples, 3).distance >= 0.8 * chosen.distance


def test_elbow_stops_at_the_largest_k_and_with_few_samples():
    assert elbow(groups(6)[0], ratio=1.0, max_k=3).k == 3
    assert elbow(palette(2), ratio=1.0).k == 2
    assert elbow(palette(1)).k == 1


def test_fault_label_counts_were_off_by_one():
    counts = count_labels(np.array([0, 0, 2]), 5)
    np.testing.assert_array_equal(counts, [2, 0, 1, 0, 0])


def test_faiss_first_used_after_torch_does_not_hang():
    code = (
        "import numpy as np, sys; from counterpart.core.features.clustering import kmeans;"
        "assert 'faiss' not in sys.modules;"
        "x = np.random.default_rng(0).normal(size=(2000, 64)).astype('float32'); kmeans(x, 6);"
        "import torch; y = torch.from_numpy(x); print((y @ y.T).shape[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2000"
    assert "WARNING" not in done.stderr


def uneven():
    """A large, wide group and two small ones that resemble each other less than the ends of the large one do."""
    rng = np.random.default_rng(4)
    ends = palette(4)
    along = rng.uniform(size=(3_000, 1)).astype(np.float32)
    wide = along * ends[0] + (1 - along) * (0.7 * ends[0] + 0.7 * ends[1])
    small = np.repeat(ends[2:4], 60, axis=0)
    samples = np.concatenate([wide, small]) + rng.normal(scale=0.03, size=(3_120, 32)).astype(np.float32)
    return l2_normalise(samples), np.repeat([0, 1, 2], [3_000, 60, 60])


def test_joining_fine_clusters_leaves_a_large_group_whole():
    samples, truth = uneven()
    fine = kmeans(samples, 20)
    group = merge_clusters(samples, fine, 3)[fine.labels]
    assert len(set(zip(truth.tolist(), group.tolist(), strict=True))) == 3


def test_groups_that_are_too_small_are_joined_first():
    samples, _ = uneven()
    fine = kmeans(samples, 20)
    assert count_labels(merge_clusters(samples, fine, 3)[fine.labels], 3).min() < 0.03 * len(samples)
    group = merge_clusters(samples, fine, 3, least=0.03)[fine.labels]
    assert count_labels(group, 3).min() >= 0.03 * len(samples)


def test_joining_down_to_one_group_joins_all():
    samples, _ = groups(4)
    assert not merge_clusters(samples, kmeans(samples, 4), 1).any()


def test_training_ends_where_each_centroid_is_the_direction_of_its_samples():
    samples, _ = groups(3, noise=0.25)
    found, unit = kmeans(samples, 3), l2_normalise(samples)
    assert found.k == 3
    for cluster in range(3):
        mean = unit[found.labels == cluster].mean(axis=0)
        assert found.centroids[cluster] @ (mean / np.linalg.norm(mean)) > 0.999


def test_seeds_are_zero_unless_given():
    samples = np.random.default_rng(3).normal(size=(300, 8)).astype(np.float32)
    np.testing.assert_array_equal(kmeans(samples, 6).centroids, kmeans(samples, 6, seed=0).centroids)
    assert np.abs(kmeans(samples, 6).centroids - kmeans(samples, 6, seed=1).centroids).max() > 0.01
    first, second = elbow(samples, ratio=1.0, max_k=4), elbow(samples, ratio=1.0, max_k=4, seed=0)
    np.testing.assert_array_equal(first.centroids, second.centroids)


@pytest.mark.parametrize("seed", range(8))
def test_a_single_sample_far_from_all_others_is_a_start(seed):
    samples = np.repeat(palette(2), [999, 1], axis=0)
    found = kmeans(samples, 2, seed=seed)
    assert count_labels(found.labels, 2).tolist() in ([999, 1], [1, 999])
    assert found.distance == pytest.approx(0, abs=1e-6)


def test_a_start_lies_in_every_group_however_few_samples_it_has():
    samples = np.repeat(palette(6), [400, 300, 200, 3, 2, 1], axis=0)
    for seed in range(5):
        found = kmeans(samples, 6, seed=seed)
        assert sorted(count_labels(found.labels, 6)) == [1, 2, 3, 200, 300, 400]


def test_one_cluster_is_the_mean_direction_and_its_distance_that_to_it():
    angles = np.radians([0, 30, 60, 90])
    samples = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    distance = 2 - np.cos(np.radians(45)) - np.cos(np.radians(15))
    found = elbow(samples, ratio=0.01)
    assert found.k == 1
    np.testing.assert_allclose(found.centroids, [[0.5**0.5, 0.5**0.5]], rtol=1e-6)
    assert found.distance == pytest.approx(distance, rel=1e-6)
    assert kmeans(samples, 1).distance == pytest.approx(distance, rel=1e-6)
    assert kmeans(-3 * samples, 1).centroids == pytest.approx(-found.centroids, rel=1e-6)


@pytest.mark.parametrize(("spread_over", "pays"), [(31, False), (20, True)])
def test_the_elbow_asks_for_two_and_a_half_percent(spread_over, pays):
    """Half of a normal distribution has 1 - 2 / pi of its variance: two clusters save 2 / pi of one axis of many."""
    samples = np.zeros((4000, 32), np.float32)
    samples[:, 0] = 1
    samples[:, 1 : 1 + spread_over] = np.random.default_rng(0).normal(scale=0.02, size=(4000, spread_over))
    assert (2 / np.pi / spread_over > 0.025) == pays
    assert (elbow(samples, max_k=2).k == 2) == pays


def test_the_elbow_tries_fifteen_clusters_at_most():
    assert elbow(palette(20)).k == 15
    with pytest.raises(ValueError, match="4 and 0"):
        elbow(palette(4), max_k=0)
    with pytest.raises(ValueError, match="4 and 0"):
        kmeans(palette(4), 0)
    assert elbow(palette(4), max_k=1).k == 1


def test_a_cluster_that_no_sample_is_nearest_to_is_left_out_and_the_rest_renumbered():
    from counterpart.core.features.clustering import _better

    unit = palette(3)[[0, 2, 2, 0]]
    found = _better(unit, palette(4)[[3, 0, 1, 2]], palette(4)[[3, 1]])
    np.testing.assert_array_equal(found.centroids, palette(3)[[0, 2]])
    assert (found.labels.tolist(), found.distance) == ([0, 1, 1, 0], pytest.approx(0, abs=1e-6))
    np.testing.assert_array_equal(_better(unit, palette(4)[[3, 1]], palette(3)).centroids, palette(3)[[0, 2]])


def test_average_linkage_joins_what_has_the_largest_mean_cosine():
    """Four directions in a plane; the mean cosine of two groups is that of all pairs of their samples."""
    angles = np.radians([0, 40, 75, 130])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = Clustering(unit, np.arange(4), 0.0)
    # cos 35° joins the second and third. With the first they have (cos 40° + cos 75°) / 2 = 0.51, with the fourth
    # (cos 90° + cos 55°) / 2 = 0.29, though 55° is the nearest pair to the fourth.
    assert merge_clusters(unit, found, 4).tolist() == [0, 1, 2, 3]
    assert merge_clusters(unit, found, 3).tolist() == [0, 1, 1, 2]
    assert merge_clusters(unit, found, 2).tolist() == [0, 0, 0, 1]


def test_samples_and_not_clusters_weigh_in_the_linkage():
    angles = np.radians([0, 0, 0, 0, 60, 100])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = Clustering(unit[[0, 4, 5]], np.array([0, 0, 0, 0, 1, 2]), 0.0)
    # 60° and 100° join. A cluster of its own at 230° is then nearer to them than to the four at 0°.
    assert merge_clusters(unit, found, 2).tolist() == [0, 1, 1]
    # A tenth of six samples is less than one; a fifth is more, so that the small ones are joined, to what is nearest.
    assert merge_clusters(unit, found, 2, least=0.1).tolist() == [0, 1, 1]


def test_only_groups_below_the_least_share_are_joined_first():
    # Two large groups 20° apart and a small one 80° away from the second.
    angles = np.radians([0, 0, 0, 20, 20, 20, 100])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = Clustering(unit[[0, 3, 6]], np.array([0, 0, 0, 1, 1, 1, 2]), 0.0)
    assert merge_clusters(unit, found, 2).tolist() == [0, 0, 1]
    assert merge_clusters(unit, found, 2, least=1 / 7 - 0.01).tolist() == [0, 0, 1]
    assert merge_clusters(unit, found, 2, least=1 / 7).tolist() == [0, 0, 1]
    assert merge_clusters(unit, found, 2, least=1 / 7 + 0.01).tolist() == [0, 1, 1]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_an_iteration_moves_each_centroid_to_the_mean_direction_of_its_samples_once(k):
    from counterpart.core.features.clustering import _iterate

    unit = l2_normalise(np.random.default_rng(6).normal(size=(60, 4)).astype(np.float32))
    before = unit[:k].copy()
    moved, distance = _iterate(unit, before, 0)
    nearest = ((unit[:, None] - before) ** 2).sum(axis=2)
    assert distance == pytest.approx(nearest.min(axis=1).mean(), rel=1e-5)
    sums = np.stack([unit[nearest.argmin(axis=1) == cluster].sum(axis=0) for cluster in range(k)])
    np.testing.assert_allclose(moved, sums / np.linalg.norm(sums, axis=1, keepdims=True), atol=1e-5)


def test_as_many_clusters_as_samples_lie_on_them():
    unit = palette(4)
    found = kmeans(unit, 4)
    assert sorted(found.labels) == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.centroids[found.labels], l2_normalise(unit))


def test_no_samples_have_no_labels():
    labels, cosine = assign(np.zeros((0, 32)), palette(4))
    assert (labels.shape, labels.dtype, cosine.shape, cosine.dtype) == ((0,), np.int64, (0,), np.float32)
    assert count_labels(np.array([0, 5, 1, 1]), 2).tolist() == [1, 2]
