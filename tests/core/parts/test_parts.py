"""Parts on scenes whose segments are known; codebooks."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest

from counterpart.core.cosegment.cosegmentation import cosegment
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.errors import FormatError, JobCancelledError, OutputError, UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.parts import PartsParams, apply_codebook, discover_parts, part_pixels
from counterpart.core.parts.codebook import Codebook, align_parts
from counterpart.core.project.palette import colour_at
from tests.core.synthetic import TAP, CountingSequence, feature_map, palette, picture, scene_set, two_part_scene

COSEGMENT = CosegmentParams(threshold=0.4, clusters=8)
TWO = PartsParams(k=2)


def truth(segments):
    """0 background, 1 left half, 2 right half."""
    return np.maximum(np.asarray(segments) - 1, 0)


def same_up_to_names(labels, expected):
    """Whether a labelling equals another one under one renaming for the whole set that keeps 0."""
    pairs = {
        (int(a), int(b)) for x, y in zip(labels, expected, strict=True) for a, b in zip(x.flat, y.flat, strict=True)
    }
    values = {a for a, _ in pairs}, {b for _, b in pairs}
    return len(pairs) == len(values[0]) == len(values[1]) and (0, 0) in pairs


@pytest.fixture
def scene():
    maps, segments = scene_set(5)
    return maps, segments, [np.asarray(s) >= 2 for s in segments]


def test_the_same_part_has_the_same_label_in_every_image(scene):
    maps, segments, inside = scene
    result = discover_parts(maps, inside, TWO, silent())
    assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in segments])
    assert result.k == 2
    assert result.warnings == ()


def test_scores_decide_as_labels_do(scene):
    maps, _, inside = scene
    for image in discover_parts(maps, inside, PartsParams(k=3), silent()).images:
        assert image.scores.shape == (14, 16, 4)
        np.testing.assert_array_equal(image.scores.argmax(axis=-1), image.labels)


def test_foreground_may_be_soft(scene):
    maps, segments, inside = scene
    soft = [np.where(mask, 0.9, 0.2).astype(np.float32) for mask in inside]
    result = discover_parts(maps, soft, TWO, silent())
    assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in segments])
    assert result.images[0].foreground.max() == pytest.approx(0.9)


def test_larger_parts_come_first():
    segments = [two_part_scene(radius=4.5) for _ in range(3)]
    for s in segments:
        s[:, 8:][s[:, 8:] == 3] = 2  # the left part takes over all but a strip
        s[5:8, 9] = 3
    maps = [feature_map(s, palette(4), seed=i) for i, s in enumerate(segments)]
    result = discover_parts(maps, [s >= 2 for s in segments], TWO, silent())
    counts = np.bincount(np.concatenate([image.labels.ravel() for image in result.images]))
    assert counts[1] > counts[2]


def test_same_seed_same_parts(scene):
    maps, _, inside = scene
    first, second = (discover_parts(maps, inside, PartsParams(k=4, seed=3), silent()) for _ in range(2))
    np.testing.assert_array_equal(first.codebook.parts, second.codebook.parts)


def test_parts_keep_label_name_and_colour_when_clustered_again(scene):
    maps, _, inside = scene
    before = discover_parts(maps, inside, TWO, silent())
    book = dataclasses.replace(before.codebook, names=("tail", "head"), colours=((1, 2, 3), (4, 5, 6)))
    swapped = book.reordered([1, 0])
    after = discover_parts(maps, inside, PartsParams(k=2, seed=9), silent(), previous=swapped)
    assert after.codebook.names == ("head", "tail")
    assert after.codebook.colours == ((4, 5, 6), (1, 2, 3))
    for old, new in zip(before.images, after.images, strict=True):
        np.testing.assert_array_equal(np.array([0, 2, 1])[old.labels], new.labels)


def test_names_follow_their_part_when_k_changes(scene):
    maps, _, inside = scene
    book = discover_parts(maps, inside, TWO, silent()).codebook
    book = dataclasses.replace(book, names=("first", "second"))
    more = discover_parts(maps, inside, PartsParams(k=4), silent(), previous=book).codebook
    assert len(set(more.names)) == 4
    assert len(set(more.colours)) == 4
    for name, centroid in zip(book.names, book.parts, strict=True):
        assert more.parts[more.names.index(name)] @ centroid > 0.9
    one = discover_parts(maps, inside, PartsParams(k=1), silent(), previous=more).codebook
    assert one.names[0] in more.names


def test_align_parts_is_one_to_one():
    centroids = palette(5)
    pairs = align_parts(centroids[[3, 1, 4]], centroids[[1, 3]])
    assert pairs == [(1, 0), (0, 1), (2, None)]
    assert align_parts(centroids[[2]], centroids[[0, 1, 2]]) == [(0, 2)]


def test_fault_fewer_foreground_samples_than_parts_crashed(scene):
    maps = scene[0]
    inside = [np.zeros((14, 16), bool) for _ in maps]
    inside[0][6, 6] = inside[1][6, 8] = True
    ctx = silent()
    result = discover_parts(maps, inside, PartsParams(k=6), ctx)
    assert result.k == 2
    assert any("2 parts were found, not 6" in text for text in ctx.warnings)
    assert result.images[0].labels[6, 6] > 0


def test_no_foreground_gives_empty_label_maps_and_a_warning(scene):
    maps = scene[0]
    result = discover_parts(maps, [np.zeros((14, 16), bool)] * 5, TWO, silent())
    assert result.codebook is None
    assert result.k == 0
    assert any("No foreground" in text for text in result.warnings)
    assert not any(image.labels.any() for image in result.images)
    rgb = np.zeros((112, 128, 3), np.uint8)
    assert not part_pixels(result.images[0], maps[0], rgb, TWO).any()


def test_everything_foreground_leaves_no_background_centroids(scene):
    maps = scene[0]
    result = discover_parts(maps, [np.ones((14, 16), bool)] * 5, PartsParams(k=4), silent())
    assert len(result.codebook.background) == 0
    assert all(image.labels.all() for image in result.images)


def uncommon():
    """Four scenes; the first has a third foreground thing that the others lack."""
    segments = [two_part_scene() for _ in range(4)]
    segments[0][0:4, 0:4] = 4
    maps = [feature_map(s, palette(5), salient=(2, 3, 4), seed=i) for i, s in enumerate(segments)]
    return maps, segments, [s >= 2 for s in segments]


def test_the_third_stage_removes_foreground_that_is_not_common():
    maps, _, inside = uncommon()
    two_stages = discover_parts(maps, inside, PartsParams(k=3), silent())
    assert two_stages.images[0].labels[0:4, 0:4].all()
    three_stages = discover_parts(maps, inside, PartsParams(k=2, stages=3), silent())
    assert not three_stages.images[0].labels[0:4, 0:4].any()
    np.testing.assert_array_equal(three_stages.images[1].labels > 0, inside[1])


def test_the_third_stage_keeps_everything_rather_than_nothing():
    colours = palette(8)
    segments = [np.where(two_part_scene() >= 2, 4 + i, 0) for i in range(3)]
    maps = [feature_map(s, colours, seed=i) for i, s in enumerate(segments)]
    result = discover_parts(maps, [s >= 2 for s in segments], PartsParams(k=2, stages=3, common=1.0), silent())
    assert any("common to enough images" in text for text in result.warnings)
    assert all(image.labels.any() for image in result.images)


def test_one_image_and_two_images():
    for count in (1, 2):
        maps, segments = scene_set(count)
        result = discover_parts(maps, [s >= 2 for s in segments], TWO, silent())
        assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in segments])


def test_no_images_is_a_usage_error():
    with pytest.raises(UsageError, match="no images"):
        discover_parts([], [], TWO, silent())


@pytest.mark.parametrize("bad", [{"k": 0}, {"k": 256}, {"elbow": 3.0}, {"common": -1.0}])
def test_parameters_out_of_range_are_refused(bad):
    with pytest.raises(UsageError):
        PartsParams(**bad)


def test_augmented_copies_take_part_but_are_not_returned():
    maps, segments = scene_set(1)
    object_of = cosegment(maps, COSEGMENT, silent())
    flipped = [feature_map(segments[0][:, ::-1], palette(4), salient=(2, 3), seed=5 + i) for i in range(3)]
    result = discover_parts(
        maps, [image.score for image in object_of.images], TWO, silent(), extra=flipped, judge=object_of.model
    )
    assert len(result.images) == 1
    assert same_up_to_names([result.images[0].labels], [truth(segments[0])])
    with pytest.raises(ValueError, match="foreground model"):
        discover_parts(maps, [object_of.images[0].score], TWO, silent(), extra=flipped)


def test_another_k_reads_cached_features_only_and_few_times(scene):
    maps, _, inside = scene
    lazy = CountingSequence(maps)
    discover_parts(lazy, inside, TWO, silent())
    assert lazy.reads <= 3 * len(maps)


def test_cancel_at_any_step(scene):
    maps, _, inside = scene
    params = PartsParams(k=2, stages=3)
    reports = []
    discover_parts(maps, inside, params, JobContext(reports.append, min_interval_s=0))
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    for stop in range(0, len(reports) - 1, 3):
        token, seen = CancelToken(), []

        def report(progress, token=token, seen=seen, stop=stop):
            seen.append(progress)
            if len(seen) > stop:
                token.cancel()

        with pytest.raises(JobCancelledError):
            discover_parts(maps, inside, params, JobContext(report, token, min_interval_s=0))


# Pixels -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("refine", ["none", "guided", "grabcut"])
def test_pixel_labels_have_the_image_size_and_lie_where_the_parts_are(scene, crf, refine):
    maps, segments, inside = scene
    params = PartsParams(k=2, crf=crf, refine=refine)
    result = discover_parts(maps, inside, params, silent())
    labels = part_pixels(result.images[0], maps[0], picture(segments[0]), params)
    expected = np.repeat(np.repeat(result.images[0].labels, 8, 0), 8, 1)
    assert labels.shape == (112, 128)
    assert labels.dtype == np.uint8
    assert (labels == expected).mean() > 0.95


def test_no_seam_of_background_opens_between_two_parts(scene):
    maps, _, inside = scene
    soft = [np.where(mask, 0.62, 0.1).astype(np.float32) for mask in inside]
    params = PartsParams(k=2, crf=False, refine="none")
    image = discover_parts(maps, soft, params, silent()).images[0]
    labels = part_pixels(image, maps[0], np.zeros((112, 128, 3), np.uint8), params)
    assert (labels[48, 40:80] > 0).all()


def test_a_known_outline_is_kept(scene):
    maps, segments, inside = scene
    result = discover_parts(maps, inside, TWO, silent())
    outline = np.zeros((112, 128), bool)
    outline[20:40, 30:90] = True
    labels = part_pixels(result.images[0], maps[0], picture(segments[0]), TWO, mask=outline)
    np.testing.assert_array_equal(labels > 0, outline)


def test_large_images_are_labelled_at_their_size(scene):
    maps, segments, inside = scene
    params = PartsParams(k=2, working_size=64)
    result = discover_parts(maps, inside, params, silent())
    labels = part_pixels(result.images[0], maps[0], picture(segments[0]), params)
    expected = np.repeat(np.repeat(result.images[0].labels, 8, 0), 8, 1)
    assert labels.shape == (112, 128)
    assert (labels == expected).mean() > 0.9


def test_the_paper_decides_background_and_parts_together(scene):
    maps, segments, _ = scene
    params = dataclasses.replace(PartsParams.paper(2), tap=None)
    paper = dataclasses.replace(CosegmentParams.paper(), tap=None, saliency_tap=None, sample_every=3)
    inside = [image.score for image in cosegment(maps, paper, silent()).images]
    result = discover_parts(maps, inside, params, silent())
    labels = part_pixels(result.images[1], maps[1], picture(segments[1]), params)
    expected = np.repeat(np.repeat(truth(segments[1]) > 0, 8, 0), 8, 1)
    assert ((labels > 0) == expected).mean() > 0.9


# Codebooks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def book(scene):
    maps, _, _ = scene
    found = cosegment(maps, COSEGMENT, silent())
    scores = [image.score for image in found.images]
    return discover_parts(maps, scores, TWO, silent(), judge=found.model).codebook


def new_scene():
    segments = two_part_scene(centre=(8.0, 10.0), ground=1)
    return feature_map(segments, palette(4), salient=(2, 3), seed=50), segments


def test_a_codebook_labels_new_images_as_the_old_ones(scene, book):
    maps, segments, _ = scene
    new, new_segments = new_scene()
    result = apply_codebook([*maps, new], book, silent())
    assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in [*segments, new_segments]])


def test_without_a_foreground_model_the_nearest_centroid_decides(scene, book):
    new, segments = new_scene()
    plain = dataclasses.replace(book, foreground=None)
    labels = apply_codebook([new], plain, silent()).images[0].labels
    np.testing.assert_array_equal(labels > 0, truth(segments) > 0)
    only_parts = dataclasses.replace(plain, background=plain.background[:0])
    assert apply_codebook([new], only_parts, silent()).images[0].labels.all()
    given = apply_codebook([new], book, silent(), [np.zeros((14, 16))]).images[0]
    assert not given.labels.any()


def test_a_codebook_comes_back_from_disk_as_it_was(tmp_path, book):
    named = dataclasses.replace(book, names=("Köpfe", "Beine"), colours=(colour_at(3), (9, 8, 7)))
    named.save(tmp_path / "näme" / "parts.safetensors")
    back = Codebook.load(tmp_path / "näme" / "parts.safetensors")
    for name in ("parts", "background"):
        np.testing.assert_array_equal(getattr(back, name), getattr(named, name))
    assert (back.names, back.colours, back.tap, back.spec) == (named.names, named.colours, named.tap, named.spec)
    assert back.params == named.params
    new, _ = new_scene()
    np.testing.assert_array_equal(
        apply_codebook([new], back, silent()).images[0].scores, apply_codebook([new], named, silent()).images[0].scores
    )


def test_a_codebook_of_clusters_comes_back_too(tmp_path, scene):
    maps = scene[0]
    paper = dataclasses.replace(CosegmentParams.paper((0, 1)), tap=TAP, saliency_tap=None, sample_every=3)
    found = cosegment(maps, paper, silent())
    made = discover_parts(maps, [i.score for i in found.images], TWO, silent(), judge=found.model).codebook
    made.save(tmp_path / "c.safetensors")
    back = Codebook.load(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(back.foreground.chosen, found.model.chosen)
    assert back.foreground.saliency == found.model.saliency


def test_another_model_or_missing_descriptors_are_refused(scene, book):
    new, _ = new_scene()
    other = dataclasses.replace(new, spec=dataclasses.replace(new.spec, model="dino_vits8"))
    with pytest.raises(UsageError, match="dino_vits8"):
        apply_codebook([other], book, silent())
    weights = dataclasses.replace(new, spec=dataclasses.replace(new.spec, weights="1"))
    with pytest.raises(UsageError, match="other weights"):
        apply_codebook([weights], book, silent())
    with pytest.raises(UsageError, match="9:key"):
        apply_codebook([new], dataclasses.replace(book, tap=Tap(9, "key")), silent())


def rewrite(path, change):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        arrays, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    about = json.loads(metadata["about"])
    change(arrays, about, metadata)
    if "about" in metadata:
        metadata["about"] = json.dumps(about)
    save_file(arrays, path, metadata=metadata)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, about, metadata: metadata.pop("format"),
        lambda arrays, about, metadata: metadata.pop("about"),
        lambda arrays, about, metadata: arrays.pop("parts"),
        lambda arrays, about, metadata: arrays.update(parts=arrays["parts"] * 3),
        lambda arrays, about, metadata: arrays.update(parts=arrays["parts"] * np.float32("nan")),
        lambda arrays, about, metadata: arrays.update(parts=arrays["parts"][:1]),
        lambda arrays, about, metadata: arrays.update(background=arrays["background"][:, :5]),
        lambda arrays, about, metadata: about.update(names=["one"]),
        lambda arrays, about, metadata: about.update(colours=[[1, 2]]),
        lambda arrays, about, metadata: about.update(tap="nine"),
        lambda arrays, about, metadata: about.update(version=99),
        lambda arrays, about, metadata: about["spec"].update(unknown=1),
        lambda arrays, about, metadata: about["foreground"].pop("saliency"),
    ],
)
def test_a_damaged_codebook_is_refused_with_its_file(tmp_path, book, change):
    path = tmp_path / "book.safetensors"
    book.save(path)
    rewrite(path, change)
    with pytest.raises(FormatError) as caught:
        Codebook.load(path)
    assert caught.value.path == path
    assert caught.value.hint


def test_a_bit_flipped_anywhere_in_a_codebook_never_changes_a_part(tmp_path, book):
    path = tmp_path / "book.safetensors"
    book.save(path)
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 29):
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with contextlib.suppress(FormatError):
            Codebook.load(path)
            # Only a flip in the word "seal" itself leaves a file as versions before seals wrote it.
            assert book.packed()[1] == Codebook.load(path).packed()[1]
            np.testing.assert_array_equal(Codebook.load(path).parts, book.parts)
        data[place] ^= 1 << place % 8


@pytest.mark.parametrize("content", [b"", b"not a codebook", b"\x80\x04" + b"x" * 64])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "book.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        Codebook.load(path)


def test_a_missing_codebook_and_a_folder_in_the_way(tmp_path, book):
    with pytest.raises(FormatError, match="does not exist"):
        Codebook.load(tmp_path / "none.safetensors")
    (tmp_path / "way").mkdir()
    with pytest.raises(OutputError):
        book.save(tmp_path / "way")


def test_fault_files_with_aug_in_their_name_were_dropped(scene):
    # Copies are told apart by being passed apart, never by a name: what is given as an image is returned.
    maps, segments, inside = scene
    named = [dataclasses.replace(m, image_sha256=f"dog_aug_{i}.png") for i, m in enumerate(maps)]
    result = discover_parts(named, inside, TWO, silent())
    assert len(result.images) == 5
    assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in segments])
    assert len(cosegment(named, COSEGMENT, silent()).images) == 5


def test_a_part_of_several_prototypes_comes_back_from_disk_and_labels_the_same(tmp_path, scene, book):
    maps, _, _ = scene
    assert book.prototypes is not None
    assert len(book.prototypes) > len(book.parts)
    path = tmp_path / "several.safetensors"
    book.save(path)
    back = Codebook.load(path)
    np.testing.assert_array_equal(back.owner, book.owner)
    for one, other in zip(
        apply_codebook(maps, back, silent()).images, apply_codebook(maps, book, silent()).images, strict=True
    ):
        np.testing.assert_array_equal(one.scores, other.scores)


def test_another_order_of_the_parts_changes_their_labels_and_nothing_else(scene, book):
    maps, _, _ = scene
    before, after = (apply_codebook(maps[:1], each, silent()).images[0] for each in (book, book.reordered([1, 0])))
    # A product of matrices rounds otherwise when its columns change places, on some processors.
    np.testing.assert_allclose(after.likeness, before.likeness[..., ::-1], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(after.labels, np.array([0, 2, 1])[before.labels])


def test_a_prototype_of_no_part_makes_a_codebook_damaged(tmp_path, book):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "torn.safetensors"
    book.save(path)
    arrays, (_, about) = load_file(path), book.packed()
    arrays["owner"] = arrays["owner"] + 1
    save_file(arrays, path, metadata={"format": "counterpart codebook", "about": about})
    with pytest.raises(FormatError, match="damaged"):
        Codebook.load(path)


@pytest.mark.parametrize("grouping", ["merged", "kmeans"])
def test_both_groupings_find_parts_that_are_told_apart_easily(scene, grouping):
    maps, segments, inside = scene
    result = discover_parts(maps, inside, dataclasses.replace(TWO, grouping=grouping), silent())
    assert same_up_to_names([image.labels for image in result.images], [truth(s) for s in segments])
    assert (result.codebook.prototypes is None) == (grouping == "kmeans")
