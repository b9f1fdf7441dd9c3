"""Metrics for masks and parts, and the layout of sets on disk."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import ProtocolError
from counterpart.core.evaluate import cosegmentation as coseg
from counterpart.core.evaluate import parts


def half(shape=(10, 20), cut=10):
    mask = np.zeros(shape, bool)
    mask[:, :cut] = True
    return mask


def test_jaccard_and_precision():
    assert coseg.jaccard(half(), half()) == 1
    assert coseg.jaccard(half(cut=5), half()) == 0.5
    assert coseg.precision(half(cut=5), half()) == 0.75
    empty = np.zeros((4, 4), bool)
    assert coseg.jaccard(empty, empty) == 1
    assert coseg.jaccard(empty, ~empty) == 0


def test_void_is_left_out_of_j_and_background_in_js():
    truth, void = half(), np.zeros((10, 20), bool)
    void[:, 8:12] = True
    scores = coseg.score_mask(half(cut=12), truth & ~void, void)
    assert (scores.j, scores.p) == (1, 1)
    assert scores.js == pytest.approx(8 / 12)
    assert scores.ps == pytest.approx(16 / 20)


def test_masks_of_another_size_are_refused():
    with pytest.raises(ProtocolError, match="20 x 10"):
        coseg.score_mask(half(), half((11, 20)))


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    for name in ("a10", "a9"):
        write(tmp_path / "images/cats" / f"{name}.png", np.zeros((10, 20, 3)))
        write(tmp_path / "masks/cats" / f"{name}.png", half() * 255)
    write(tmp_path / "images/dogs/b.png", np.zeros((10, 20, 3)))
    values = half() * 12
    values[:, 9:11] = 255
    write(tmp_path / "masks/dogs/b.png", values)
    return tmp_path


def test_sets_are_found_in_natural_order_and_scored(root):
    sets = coseg.find_sets(root)
    assert [(s.name, [i.image.name for i in s.images]) for s in sets] == [
        ("cats", ["a9.png", "a10.png"]),
        ("dogs", ["b.png"]),
    ]
    cats = coseg.score_set(sets[0], [half(), half(cut=5)])
    assert cats.mean.j == 0.75
    dogs = coseg.score_set(sets[1], [half()])
    assert dogs.mean.j == 1
    assert dogs.mean.js == pytest.approx(9 / 10)
    assert coseg.mean_scores([cats.mean, dogs.mean]).j == pytest.approx(0.875)
    assert {name: each.j for name, each in cats.images}["a10.png"] == 0.5


def test_unlabelled_pixels_come_from_labels_where_they_exist(root):
    labels = np.ones((10, 20))
    labels[:, 10:13] = 0
    write(root / "labels/cats/a9.png", labels)
    _, void = coseg.read_truth(coseg.find_sets(root)[0].images[0])
    assert void.sum() == 30


def test_one_class_of_an_index_mask(root):
    values = np.zeros((4, 6))
    values[0], values[1], values[2] = 12, 8, 255
    write(root / "m.png", values)
    item = coseg.TruthImage(root / "x.png", root / "m.png", foreground=8)
    truth, void = coseg.read_truth(item)
    np.testing.assert_array_equal(np.flatnonzero(truth.any(axis=1)), [1])
    np.testing.assert_array_equal(np.flatnonzero(void.any(axis=1)), [2])


def test_masks_on_disk_are_scored(root):
    for path in (root / "masks").rglob("*.png"):
        write(root / "found" / path.relative_to(root / "masks"), half() * 255)
    scores = coseg.score_folder(coseg.find_sets(root), root / "found")
    assert coseg.mean_scores([s.mean for s in scores]).j == 1


@pytest.mark.parametrize("break_it", ["no images", "no mask", "damaged", "colour", "too few"])
def test_bad_layouts_name_the_file(root, break_it):
    mask = root / "masks/dogs/b.png"
    if break_it == "no images":
        with pytest.raises(ProtocolError, match="no folder"):
            coseg.find_sets(root / "masks")
        return
    if break_it == "no mask":
        mask.unlink()
    elif break_it == "damaged":
        mask.write_bytes(mask.read_bytes()[:40])
    elif break_it == "colour":
        write(mask, np.full((10, 20, 3), (0, 128, 0)))
    with pytest.raises(ProtocolError) as caught:
        coseg.score_set(coseg.find_sets(root)[1], [] if break_it == "too few" else [half()])
    assert caught.value.path.name == "b.png"


def test_mean_iou_by_hand():
    truth = np.array([[0, 0, 1, 1], [2, 2, 2, 9]])
    predicted = np.array([[0, 1, 1, 1], [2, 2, 0, 0]])
    table = parts.contingency(predicted, truth, (4, 10), truth != 9)[:4, :4]
    np.testing.assert_allclose(parts.iou_per_part(table)[:3], [1 / 3, 2 / 3, 2 / 3])
    assert np.isnan(parts.iou_per_part(table)[3])
    assert parts.mean_iou(table) == pytest.approx(5 / 9)


def test_nmi_and_ari_do_not_depend_on_names():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, (20, 20))
    renamed = np.array([2, 0, 3, 1])[truth]
    table = parts.contingency(renamed, truth, (4, 4))
    assert parts.normalised_mutual_information(table) == pytest.approx(1)
    assert parts.adjusted_rand(table) == pytest.approx(1)
    chance = parts.contingency(rng.permuted(truth), truth, (4, 4))
    assert parts.normalised_mutual_information(chance) < 0.1
    assert abs(parts.adjusted_rand(chance)) < 0.1


def test_nmi_and_ari_agree_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, 500)
    predicted = np.where(rng.uniform(size=500) < 0.6, truth, rng.integers(0, 3, 500))
    table = parts.contingency(predicted[None], truth[None], (5, 5))
    nmi = metrics.normalized_mutual_info_score(truth, predicted)
    assert parts.normalised_mutual_information(table) == pytest.approx(nmi, rel=1e-9)
    assert parts.adjusted_rand(table) == pytest.approx(metrics.adjusted_rand_score(truth, predicted), rel=1e-9)


def test_degenerate_labellings():
    one = np.zeros((3, 3), int)
    assert parts.normalised_mutual_information(parts.contingency(one, one, (1, 1))) == 1
    assert parts.normalised_mutual_information(parts.contingency(one, np.eye(3, dtype=int), (1, 2))) == 0
    assert parts.adjusted_rand(np.zeros((2, 2), int)) == 1


def test_labels_out_of_range_and_unequal_sizes_are_refused():
    with pytest.raises(ProtocolError, match="do not fit"):
        parts.contingency(np.full((2, 2), 7), np.zeros((2, 2), int), (3, 3))
    with pytest.raises(ProtocolError, match="cannot be compared"):
        parts.contingency(np.zeros((2, 2), int), np.zeros((2, 3), int), (3, 3))
