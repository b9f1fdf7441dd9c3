"""k-means and the elbow rule."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.errors import JobCancelledError
from counterpart.core.features.clustering import assign, count_labels, elbow, kmeans, merge_clusters
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
