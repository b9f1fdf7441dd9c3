"""SPair-71k's layout and match JSON: what stands in which field."""

import json

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import spair
from counterpart.core.formats.base import AnnotatedImage, Dataset, NamedMatches
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Skeleton
from tests.core import format_tools

HW = (40, 50)
SOURCE = format_tools.source_of({"a.jpg": HW, "b.jpg": (20, 30)})
BIRD = Skeleton(("nose", "ear", "tail"), (), (), (), "sea-bird", 1)


def instance(*xy, **more):
    return KeypointSet.make([(np.nan, np.nan) if point is None else point for point in xy], skeleton=1, **more)


def images():
    return [
        AnnotatedImage("f/a-1.jpg", HW, keypoints=(instance((4, 6), None, (9, 19)), instance((1, 1), (2, 2), (3, 3)))),
        AnnotatedImage("b.jpg", (20, 30), keypoints=(instance((5, 7), (6, 8), None, box=(0.5, 1.5, 20, 10)),)),
        AnnotatedImage("c.jpg", HW, keypoints=(instance(None, (1, 2), None),)),
        AnnotatedImage("d.jpg", HW),
    ]


def load(folder, pattern):
    return {file.name: json.loads(file.read_text()) for file in sorted(folder.rglob(pattern))}


def test_every_two_images_with_a_keypoint_in_common_are_a_pair(tmp_path):
    report = format_tools.write("spair", Dataset(skeletons=(BIRD,), images=images()), tmp_path / "out")
    pairs = load(tmp_path / "out/PairAnnotation/test", "*.json")
    assert list(pairs) == ["000001-f__a_1-b:sea_bird.json", "000002-b-c:sea_bird.json"]
    first = pairs["000001-f__a_1-b:sea_bird.json"]
    assert (first["pair_id"], first["category"], first["filename"]) == (1, "sea_bird", "000001-f__a_1-b:sea_bird")
    assert (first["src_imname"], first["trg_imname"]) == ("f__a_1.jpg", "b.jpg")
    assert (first["src_imsize"], first["trg_imsize"]) == ([50, 40, 3], [30, 20, 3])
    assert (first["kps_ids"], first["src_kps"], first["trg_kps"]) == (["0"], [[4, 6]], [[5, 7]])
    # A box is its corners, (0, 0) being the image's; without one it is that around the points' pixels.
    assert (first["src_bndbox"], first["trg_bndbox"]) == ([4, 6, 10, 20], [1, 2, 21, 12])
    lines = (tmp_path / "out/Layout/large/test.txt").read_text().splitlines()
    assert lines == ["000001-f__a_1-b:sea_bird", "000002-b-c:sea_bird"]
    assert (report.images, report.annotations) == (3, 2)
    assert report.skipped == [("d.jpg", "it is in no pair")]


def test_every_image_with_an_instance_is_annotated(tmp_path):
    format_tools.write("spair", Dataset(skeletons=(BIRD,), images=images()), tmp_path / "out")
    found = load(tmp_path / "out/ImageAnnotation/sea_bird", "*.json")
    assert list(found) == ["b.json", "c.json", "f__a_1.json"]
    one = found["f__a_1.json"]
    assert (one["image_width"], one["image_height"], one["filename"]) == (50, 40, "f__a_1.jpg")
    assert one["kps"] == {"0": [4, 6], "1": None, "2": [9, 19]}
    assert one["kps_names"] == ["nose", "ear", "tail"]


def test_no_more_pairs_are_written_than_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(spair, "MAX_PAIRS", 2)
    three = [AnnotatedImage(f"{n}.jpg", HW, keypoints=(instance((1, 1), (2, 2), (3, 3)),)) for n in range(3)]
    report = format_tools.write("spair", Dataset(skeletons=(BIRD,), images=three), tmp_path / "out")
    assert report.annotations == 2
    assert report.lost == [("sea_bird", "pairs beyond the first 2")]
    monkeypatch.setattr(spair, "MAX_PAIRS", 3)
    report = format_tools.write("spair", Dataset(skeletons=(BIRD,), images=three), tmp_path / "all")
    assert (report.annotations, report.lost) == (3, [])


def test_accepted_matches_are_a_category_of_their_own(tmp_path):
    states = [MatchState.ACCEPTED, MatchState.PROPOSED, MatchState.ACCEPTED, MatchState.REJECTED]
    matches = MatchSet.make(1, 2, [[1, 2], [3, 4], [5, 6], [7, 8]], [[9, 8], [7, 6], [5, 4], [3, 2]], state=states)
    proposed = MatchSet.make(1, 2, [[1, 2]], [[9, 8]])
    named = [NamedMatches("b.jpg", "d.jpg", matches), NamedMatches("b.jpg", "c.jpg", proposed)]
    report = format_tools.write("spair", Dataset(images=images(), matches=named), tmp_path / "out")
    ((name, one),) = load(tmp_path / "out/PairAnnotation/test", "*.json").items()
    assert name == "000001-b-d:matches.json"
    assert (one["src_kps"], one["trg_kps"], one["kps_ids"]) == ([[1, 2], [5, 6]], [[9, 8], [5, 4]], ["0", "1"])
    assert (one["src_bndbox"], one["trg_bndbox"]) == ([0, 0, 30, 20], [0, 0, 50, 40])
    assert (report.images, report.annotations) == (2, 1)
    back, _ = format_tools.read("spair", tmp_path / "out", SOURCE)
    (found,) = back.matches
    assert (found.name_a, found.name_b) == ("b.jpg", "d.jpg")
    np.testing.assert_array_equal(found.matches.xy_b, [[9, 8], [5, 4]])
    assert (found.matches.state == MatchState.ACCEPTED).all()


def test_copies_are_jpegs_those_that_are_upright_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    kinds = {"plain.jpg": {}, "turned.jpg": {"exif": 6}, "upright.jpg": {"exif": 1}, "b.png": {}}
    sources = {}
    for name, how in kinds.items():
        picture = Image.fromarray(rng.integers(0, 255, (40, 50, 3)).astype(np.uint8))
        exif = picture.getexif()
        if how:
            exif[0x0112] = how["exif"]
        picture.save(tmp_path / name, exif=exif)
        sources[name] = AnnotatedImage(name, HW, file=tmp_path / name, keypoints=(instance((1, 1), (2, 2), (3, 3)),))
    gone = AnnotatedImage("gone.jpg", HW, file=tmp_path / "gone.jpg", keypoints=(instance((1, 1), (2, 2), (3, 3)),))
    dataset = Dataset(skeletons=(BIRD,), images=[*sources.values(), gone])
    report = format_tools.write("spair", dataset, tmp_path / "out", copy_images=True)
    copies = tmp_path / "out/JPEGImages/sea_bird"
    assert sorted(file.name for file in copies.iterdir()) == ["b.jpg", "plain.jpg", "turned.jpg", "upright.jpg"]
    for name in ("plain.jpg", "upright.jpg"):
        assert (copies / name).read_bytes() == (tmp_path / name).read_bytes()
    with Image.open(copies / "turned.jpg") as picture:
        assert picture.size == (40, 50)  # a quarter turn
        assert picture.getexif().get(0x0112, 1) == 1
    with Image.open(copies / "b.jpg") as picture:
        assert picture.format == "JPEG"
    assert report.lost == [("gone.jpg", "the image itself: its file could not be read")]


def annotation(folder, name, category="bird", **fields):
    data = {"filename": f"{name}.jpg", "image_width": 50, "image_height": 40, "category": category, **fields}
    file = folder / "ImageAnnotation" / "folder" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def test_keypoints_are_numbered_and_may_be_listed_in_another_order(tmp_path):
    annotation(tmp_path, "a", kps={"0": [4, 6], "1": None, "2": [9.5, 19]}, kps_names=["nose", "ear", "tail"])
    annotation(tmp_path, "b", kps={"2": [1, 2], "0": [3, 4], "1": None}, kps_names=["tail", "ear", "nose"])
    annotation(tmp_path, "c", category=None, kps={"1": [1, 1]})
    annotation(tmp_path, "d", kps={"0": [1, 1]}, kps_names=["nose"])
    annotation(tmp_path, "e", kps={"0": [1, 1], "x": [1, 1]})
    source = format_tools.source_of(dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), HW))
    dataset, report = format_tools.read("spair", tmp_path, source)
    found = {image.name: image.keypoints[0].xy.tolist() for image in dataset.images}
    np.testing.assert_array_equal(found["a.jpg"], [[4, 6], [np.nan, np.nan], [9.5, 19]])
    np.testing.assert_array_equal(found["b.jpg"], [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(found["c.jpg"], [[np.nan, np.nan], [1, 1]])
    assert [(skeleton.name, skeleton.names) for skeleton in dataset.skeletons] == [
        ("bird", ("nose", "ear", "tail")), ("folder", ("0", "1"))
    ]  # fmt: skip
    assert [skeleton.id for skeleton in dataset.skeletons] == [1, 2]
    assert [found.skeleton for image in dataset.images for found in image.keypoints] == [1, 1, 2]
    assert dataset.images[0].hw == HW
    assert report.skipped == [
        ("d.json", "its keypoints are not those of the other images of bird"),
        ("e.json", "kps: keypoints are numbered"),
    ]


# Match JSON


def test_matches_are_written_with_what_is_known_of_them(tmp_path):
    matches = MatchSet.make(
        1,
        2,
        [[1, 2], [3, 4]],
        [[5, 6.5], [7, 8]],
        [0.5, np.nan],
        [np.nan, 1.5],
        [MatchState.ACCEPTED, MatchState.REJECTED],
        [True, False],
    )
    dataset = Dataset(images=images(), matches=[NamedMatches("b.jpg", "d.jpg", matches)])
    report = format_tools.write("matches", dataset, tmp_path / "m.json")
    (one,) = json.loads((tmp_path / "m.json").read_text())["sets"]
    assert (one["image_a"], one["image_b"]) == ("b.jpg", "d.jpg")
    assert one["pairs"] == [
        {"xy_a": [1, 2], "xy_b": [5, 6.5], "score": 0.5, "cycle_error": None, "state": "accepted", "locked": True},
        {"xy_a": [3, 4], "xy_b": [7, 8], "score": None, "cycle_error": 1.5, "state": "rejected", "locked": False},
    ]
    assert (report.images, report.annotations) == (2, 2)
    assert report.skipped == [("f/a-1.jpg", "it has no matches"), ("c.jpg", "it has no matches")]


def read(tmp_path, data):
    (tmp_path / "m.json").write_text(json.dumps(data))
    return format_tools.read("matches", tmp_path / "m.json", SOURCE)[0]


def test_what_is_left_out_of_a_pair_is_unknown_proposed_and_not_locked(tmp_path):
    pair = {"xy_a": [1, 2], "xy_b": [3, 4]}
    dataset = read(
        tmp_path,
        {
            "image_a": {"path": "a.jpg"},
            "image_b": "b.jpg",
            "pairs": [pair, {**pair, "locked": True, "score": 0.25, "state": "Accepted"}],
        },
    )
    (found,) = dataset.matches
    assert (found.name_a, found.name_b) == ("a.jpg", "b.jpg")
    np.testing.assert_array_equal(found.matches.score, np.array([np.nan, 0.25], np.float32))
    assert np.isnan(found.matches.cycle_error).all()
    assert found.matches.state.tolist() == [MatchState.PROPOSED, MatchState.ACCEPTED]
    assert found.matches.locked.tolist() == [False, True]
    assert [image.name for image in dataset.images] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "good"}, "expected proposed, accepted or rejected"),
        ({"locked": 1}, "expected true or false"),
        ({"xy_a": [1, 2, 3]}, "expected 2 numbers, found 3"),
        ({"score": "high"}, "expected a number"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(tmp_path, more, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, {"image_a": "a.jpg", "image_b": "b.jpg", "pairs": [{"xy_a": [1, 2], "xy_b": [3, 4], **more}]})
