"""Tables of points: CSV, TPS (Rohlf's tpsDig), DeepLabCut; numbers worked out by hand."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from tests.core import format_tools

HW = (40, 50)
SOURCE = format_tools.source_of({"a.jpg": HW, "f/b.jpg": (20, 30)})
BIRD = Skeleton(("nose", "ear"), (), (), (), "bird", 1)
FISH = Skeleton(("nose", "ear"), (), (), (), "fish", 2)


def points(*xy, **more):
    return KeypointSet.make(xy, **{"skeleton": 1, **more})


def image(*sets, name="a.jpg", hw=HW):
    return AnnotatedImage(name, hw, keypoints=sets)


def written(tmp_path, kind, *images, suffix=".csv", **options):
    out = tmp_path / f"out{suffix}"
    report = format_tools.write(kind, Dataset(skeletons=(BIRD, FISH), images=images), out, **options)
    return out.read_text(), report


def read(tmp_path, kind, text, source=SOURCE, name="in.csv"):
    (tmp_path / name).write_text(text)
    return format_tools.read(kind, tmp_path / name, source)


# CSV


def test_csv_has_a_line_for_each_point(tmp_path):
    first = points([4, 6.5], [np.nan, np.nan], box=(0, 0, 9, 9))
    second = points([1, 2], [3, 4], visibility=[1, 2], score=[1, 0.123456789], origin=Origin.TRANSFERRED)
    text, report = written(tmp_path, "csv", image(first, second), image(name="none.jpg"))
    assert text.splitlines() == [
        "image,instance,skeleton,keypoint,x,y,visibility,score,origin",
        "a.jpg,1,bird,nose,4.0,6.5,2,1,user",
        "a.jpg,1,bird,ear,,,0,1,user",
        "a.jpg,2,bird,nose,1.0,2.0,1,1,transferred",
        "a.jpg,2,bird,ear,3.0,4.0,2,0.123457,transferred",
    ]
    assert (report.images, report.annotations) == (1, 2)
    assert report.lost == [("a.jpg", "the box of an instance")]
    assert report.skipped == [("none.jpg", "it has no keypoints")]


def test_csv_with_the_least_columns_is_read(tmp_path):
    dataset, _ = read(tmp_path, "csv", "image,keypoint,x,y\na.jpg,nose,4,6.5\na.jpg,ear, ,3\nb.jpg,ear,1,2\n")
    assert [one.name for one in dataset.images] == ["a.jpg", "f/b.jpg"]
    (first,), (second,) = (one.keypoints for one in dataset.images)
    np.testing.assert_array_equal(first.xy, [[4, 6.5], [np.nan, np.nan]])
    assert (first.visibility.tolist(), second.visibility.tolist()) == ([2, 0], [0, 2])
    assert first.score.tolist() == [1, 1]
    assert (first.origin == Origin.USER).all()
    assert dataset.skeletons[0].name == "object"


def test_csv_keeps_instances_skeletons_scores_and_origins_apart(tmp_path):
    lines = [
        "image,instance,skeleton,keypoint,x,y,visibility,score,origin",
        "a.jpg,2,fish,nose,1,1,1,1.5,confirmed",
        "a.jpg,1,bird,nose,2,2,,-0.5,",
        "a.jpg,2,bird,nose,3,3,2,,user",
        "a.jpg,1,bird,ear,4,4,0,0.25,transferred",
    ]
    dataset, _ = read(tmp_path, "csv", "\n".join(lines))
    found = dataset.images[0].keypoints
    assert [(one.skeleton, one.xy[0, 0]) for one in found] == [(1, 1), (2, 2), (2, 3)]
    assert [skeleton.name for skeleton in dataset.skeletons] == ["fish", "bird"]
    assert (found[0].visibility.tolist(), found[0].score.tolist()) == ([1], [1])
    assert found[0].origin.tolist() == [Origin.CONFIRMED]
    assert found[1].visibility.tolist() == [2, 0]
    assert found[1].score.tolist() == [0, 0.25]


@pytest.mark.parametrize(
    ("text", "words"),
    [("image,keypoint,x\na,b,1\n", "the column y is missing"), ("", "the column image is missing")],
)
def test_a_table_of_something_else_is_refused(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, "csv", text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.jpg,1,nose,5,6,2,1", ("line 4", "it has another number of columns than the first")),
        ("a.jpg,1,nose,5,6,2,1,user,9", ("line 4", "it has another number of columns than the first")),
        ("a.jpg,1,nose,5,6,2,1,user", ("line 4", "nose of this instance stands in line 2 already")),
        ("a.jpg,2,,5,6,2,1,user", ("line 4", "it names no keypoint or no image")),
        (",2,nose,5,6,2,1,user", ("line 4", "it names no keypoint or no image")),
        ("a.jpg,2,nose,5,6,3,1,user", ("line 4", "line 4.visibility: expected a whole number from 0 to 2")),
        ("a.jpg,2,nose,5,six,2,1,user", ("line 4", "line 4.y: expected a number, found 'six'")),
        ("a.jpg,2,nose,5,6,2,1,me", ("line 4", "its origin is not user, transferred or confirmed")),
    ],
)
def test_a_line_that_makes_no_sense_costs_itself(tmp_path, line, words):
    heading = "image,instance,keypoint,x,y,visibility,score,origin\n"
    good = "a.jpg,1,nose,1,2,2,1,user\na.jpg,1,ear,3,4,2,1,user\n"
    dataset, report = read(tmp_path, "csv", f"{heading}{good}{line}\n")
    np.testing.assert_array_equal(dataset.images[0].keypoints[0].xy, [[1, 2], [3, 4]])
    ((where, what),) = report.skipped
    assert where == words[0]
    assert words[1] in what


def test_csv_is_read_as_spreadsheets_of_other_countries_write_it(tmp_path):
    text = "image;keypoint;x;y\r\na.jpg;Schnäbel;1,5;2\r\na.jpg;ear;nan;NA\r\n;;;\r\n"
    (tmp_path / "in.csv").write_bytes(text.encode("cp1252"))
    dataset, report = format_tools.read("csv", tmp_path / "in.csv", SOURCE)
    assert dataset.skeletons[0].names == ("Schnäbel", "ear")
    np.testing.assert_array_equal(dataset.images[0].keypoints[0].xy, [[1.5, 2], [np.nan, np.nan]])
    assert report.skipped == []


def test_individuals_of_csv_have_their_names(tmp_path):
    dataset, _ = read(tmp_path, "csv", "image,instance,keypoint,x,y\na.jpg,Anna,nose,1,2\na.jpg,2,nose,3,4\n")
    assert dataset.images[0].individuals == ("Anna", "")


# TPS


def test_tps_counts_from_the_lower_left_corner(tmp_path):
    """Of an image 40 high, the centre of the lowest row of pixels, 39, is at 0.5."""
    first = points([0, 39], [49, 0], box=(0, 0, 9, 9))
    second = points([np.nan, np.nan], [4.25, 6], visibility=[0, 1])
    text, report = written(tmp_path, "tps", image(first, second), image(name="none.jpg"), suffix=".tps")
    assert text.splitlines() == [
        "LM=2", "0.500000 0.500000", "49.500000 39.500000", "IMAGE=a.jpg", "ID=0",
        "LM=2", "-1 -1", "4.750000 33.500000", "IMAGE=a.jpg", "ID=1",
    ]  # fmt: skip
    assert (report.images, report.annotations) == (1, 2)
    assert report.lost == [("a.jpg", "the box of an instance"), ("a.jpg", "which points are occluded")]
    assert report.skipped == [("none.jpg", "it has no keypoints")]
    assert report.notes == ["landmarks in this order: nose, ear"]


def test_tps_of_an_image_of_unknown_size_is_not_written(tmp_path):
    text, report = written(tmp_path, "tps", image(points([0, 39], [49, 0]), hw=(0, 0)), suffix=".tps")
    assert text == ""
    assert report.skipped == [("a.jpg", "its size is not known")]


def test_tps_is_read_in_the_images_pixels(tmp_path):
    text = "LM=2\n0.5 0.5\n49.5 39.5\nIMAGE=a.jpg\nID=0\nlm=2\n-1 -1\n4.75 -0.25\nimage=f/b.jpg\nSCALE=2\n"
    dataset, report = read(tmp_path, "tps", text, name="in.tps")
    (first,), (second,) = (one.keypoints for one in dataset.images)
    np.testing.assert_allclose(first.xy, [[0, 39], [49, 0]])
    np.testing.assert_allclose(second.xy, [[np.nan, np.nan], [4.25, 19.75]])  # only both below zero is absent
    assert [one.hw for one in dataset.images] == [HW, (20, 30)]
    assert dataset.skeletons[0].names == ("1", "2")
    assert (report.skipped, report.lost) == ([], [])


def test_tps_landmarks_on_the_corner_are_there(tmp_path):
    dataset, _ = read(tmp_path, "tps", "LM=2\n0 0\n-1 -1\nIMAGE=a.jpg\n")
    np.testing.assert_array_equal(dataset.images[0].keypoints[0].xy, [[-0.5, 39.5], [np.nan, np.nan]])


def test_tps_takes_the_names_of_the_only_skeleton_of_as_many_points(tmp_path):
    text = "LM=2\n0.5 0.5\n49.5 39.5\nIMAGE=a.jpg\n"
    three = Skeleton(("a", "b", "c"), name="three", id=3)
    dataset, report = read(tmp_path, "tps", text, format_tools.source_of({"a.jpg": HW}, skeletons=(three, BIRD)))
    assert dataset.skeletons == (BIRD,)
    assert report.lost == [("in.csv", "which landmark is which: taken in the order of bird")]
    two = format_tools.source_of({"a.jpg": HW}, skeletons=(FISH, BIRD))
    assert read(tmp_path, "tps", text, two)[0].skeletons[0].names == ("1", "2")


def test_tps_names_specimens_that_cannot_be_placed(tmp_path):
    text = "LM=1\n1 1\nLM=2\n1 1\n2 2\nIMAGE=a.jpg\nLM=1\n1 1\nIMAGE=strange.jpg\nCURVES=1\nLM=1\n3 3\nIMAGE=a.jpg\n"
    dataset, report = read(tmp_path, "tps", text)
    assert [len(one.keypoints) for one in dataset.images] == [1]
    assert report.skipped == [
        ("specimen 1", "the record names no image"),
        ("a.jpg", "it has 2 landmarks, others have 1"),
        ("strange.jpg", "there is no such image in the project, nor a file of that name"),
    ]
    assert report.lost == [("in.csv", "line 10: CURVES")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("LM=3\n9 9\nIMAGE=b.jpg\n", ("line 4", "there are not 3 landmarks after it")),
        ("LM=two\n9 9\nIMAGE=b.jpg\n", ("in.csv", "line 4: expected a number, found 'two'")),
        ("LM=0\nIMAGE=b.jpg\n", ("b.jpg", "it has no landmarks")),
    ],
)
def test_tps_specimen_that_is_left_out_does_not_give_its_image_to_another(tmp_path, bad, why):
    good = "LM=1\n0.5 0.5\nIMAGE=a.jpg\n"
    dataset, report = read(tmp_path, "tps", good + bad)
    assert [one.name for one in dataset.images] == ["a.jpg"]
    assert report.skipped == [why]
    dataset, _ = read(tmp_path, "tps", bad + good)
    assert [one.name for one in dataset.images] == ["a.jpg"]  # nor do the first's landmarks count for all


def test_tps_of_three_dimensions_is_not_the_one_before_it(tmp_path):
    dataset, report = read(tmp_path, "tps", "LM=1\n0.5 0.5\nIMAGE=a.jpg\nLM3=1\n1 1 1\nIMAGE=b.jpg\n")
    assert [one.name for one in dataset.images] == ["a.jpg"]
    assert report.lost == [("in.csv", "line 4: LM3")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LM=2\n1 1\n", "there are no landmarks"),
        ("ID=0\nLM=4\n", "line 2: expected a whole number from 0 to 2"),
        ("IMAGE=a.jpg\n", "there are no landmarks"),
    ],
)
def test_tps_that_makes_no_sense_is_refused(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, "tps", text)


def test_tps_of_other_countries_and_other_programs(tmp_path):
    text = "LM=3\r\n1,5 2,5\r\nNA NA\r\n4.5,5.5\r\nIMAGE=C:\\Fotos\\Käfer\\a.jpg\r\n"
    text += "LM=3\r\n1 1\r\n1 x\r\n1 1 1\r\nIMAGE=f/b.jpg\r\nLM=9\r\n1 1\r\n"
    (tmp_path / "in.tps").write_bytes(text.encode("cp1252"))
    dataset, report = format_tools.read("tps", tmp_path / "in.tps", SOURCE)
    assert [one.name for one in dataset.images] == ["a.jpg", "f/b.jpg"]
    first, second = (one.keypoints[0] for one in dataset.images)
    np.testing.assert_allclose(first.xy, [[1, HW[0] - 3], [np.nan, np.nan], [4, HW[0] - 6]])
    assert second.visibility.tolist() == [2, 0, 0]
    assert [what for _, what in report.skipped] == [
        "'1 x' is no place", "expected 2 numbers, found 3", "there are not 9 landmarks after it"
    ]  # fmt: skip


# DeepLabCut


def test_deeplabcut_of_one_animal_has_three_lines_of_heading(tmp_path):
    one = points([4, 6.5], [1, 1], visibility=[1, 0], box=(0, 0, 9, 9))
    text, report = written(tmp_path, "deeplabcut", image(one, name="x/f/b.jpg"), image(name="none.jpg"))
    assert text.splitlines() == [
        "scorer,,,Counterpart,Counterpart,Counterpart,Counterpart",
        "bodyparts,,,nose,nose,ear,ear",
        "coords,,,x,y,x,y",
        "labeled-data,f,b.jpg,4.0,6.5,,",
    ]
    assert (report.images, report.annotations) == (1, 1)
    assert report.lost == [("x/f/b.jpg", "which points are occluded"), ("x/f/b.jpg", "boxes of instances")]
    assert report.skipped == [("none.jpg", "it has no keypoints")]


def test_deeplabcut_of_several_animals_names_them_in_the_heading(tmp_path):
    images = [
        image(points([4, 6], [1, 1]), points([2, 3], [8, 9])),
        image(points([5, 5], [7, 7]), name="labeled-data/c.jpg"),
    ]
    text, report = written(tmp_path, "deeplabcut", *images)
    lines = [line.split(",") for line in text.splitlines()]
    assert lines[1] == ["individuals", "", "", *["individual1"] * 4, *["individual2"] * 4]
    assert lines[2] == ["bodyparts", "", "", *["nose", "nose", "ear", "ear"] * 2]
    assert lines[3] == ["coords", "", "", *["x", "y"] * 4]
    assert lines[4] == ["labeled-data", "images", "a.jpg", "4.0", "6.0", "1.0", "1.0", "2.0", "3.0", "8.0", "9.0"]
    assert lines[5] == ["labeled-data", "images", "c.jpg", "5.0", "5.0", "7.0", "7.0", "", "", "", ""]
    assert (report.images, report.annotations, report.lost) == (2, 3, [])


@pytest.mark.parametrize("kind", ["deeplabcut", "tps", "yolo-pose"])
def test_formats_of_one_skeleton_take_the_one_asked_for_or_the_first(tmp_path, kind):
    both = image(points([4, 6], [1, 1]), points([2, 3], [8, 9], skeleton=2), points([5, 5], [6, 6], skeleton=2))
    dataset = Dataset(skeletons=(BIRD, FISH), images=[both])
    for number, (chosen, count) in enumerate(((None, 1), (1, 1), (2, 2))):
        report = format_tools.write(kind, dataset, tmp_path / f"{number}.csv", skeleton=chosen)
        assert report.annotations == count
    with pytest.raises(UsageError, match="there is no skeleton"):
        format_tools.write(kind, dataset, tmp_path / "none.csv", skeleton=3)


HEADING = "scorer,,,me,me,me,me\nbodyparts,,,nose,nose,ear,ear\ncoords,,,x,y,x,y\n"


@pytest.mark.parametrize("path", ["labeled-data,f,b.jpg", "labeled-data/f/b.jpg", "labeled-data\\f\\b.jpg"])
def test_deeplabcut_is_read_with_paths_in_one_column_or_three(tmp_path, path):
    heading = HEADING if "," in path else HEADING.replace(",,,", ",")
    dataset, _ = read(tmp_path, "deeplabcut", f"{heading}{path},4,6.5,NaN,3\n")
    assert [one.name for one in dataset.images] == ["f/b.jpg"]
    (found,) = dataset.images[0].keypoints
    np.testing.assert_array_equal(found.xy, [[4, 6.5], [np.nan, np.nan]])
    assert dataset.skeletons[0].names == ("nose", "ear")


def test_deeplabcut_animals_without_any_point_are_none(tmp_path):
    text = (
        "scorer,,,me,me,me,me,me,me\nindividuals,,,one,one,one,one,two,two\n"
        "bodyparts,,,nose,nose,ear,ear,nose,nose\ncoords,,,x,y,y,x,x,y\n"
        "labeled-data,f,b.jpg,4,6,2,1,,\nlabeled-data,f,c.jpg,,,,,7,8\nlabeled-data,f,d.jpg,,,,,,\n"
    )
    dataset, _ = read(tmp_path, "deeplabcut", text)
    assert [(one.name[-5:], len(one.keypoints)) for one in dataset.images] == [("b.jpg", 1), ("c.jpg", 1)]
    np.testing.assert_array_equal(dataset.images[0].keypoints[0].xy, [[4, 6], [1, 2]])  # y may come before x
    np.testing.assert_array_equal(dataset.images[1].keypoints[0].xy, [[7, 8], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADING.replace("coords", "likelihood"), "the first lines are not scorer, bodyparts and coords"),
        (HEADING + HEADING, "line 4: the heading scorer stands there again"),
        (HEADING.replace("x,y,x,y", "x,y,x,x"), "column 4: the x of ear occurs twice"),
        (HEADING.replace("x,y,x,y", "x,y,x,z"), "a bodypart has no x or no y"),
    ],
)
def test_deeplabcut_that_makes_no_sense_is_refused(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, "deeplabcut", text)


def test_a_line_of_deeplabcut_that_makes_no_sense_costs_itself(tmp_path):
    text = f"{HEADING}labeled-data,f,b.jpg,1,2,3\nlabeled-data,f,b.jpg,1,2,3,four\nlabeled-data,f,c.jpg,,,,\n"
    dataset, report = read(tmp_path, "deeplabcut", text)
    np.testing.assert_array_equal(dataset.images[0].keypoints[0].xy, [[1, 2], [np.nan, np.nan]])
    assert report.skipped == [
        ("in.csv", "line 4: expected 7 columns, found 6"), ("in.csv, line 5", "ear: 3, four is no place")
    ]  # fmt: skip


ANIMALS = "scorer,,,me,me,me,me\nindividuals,,,ann,ann,bob,bob\nbodyparts,,,nose,nose,nose,nose\ncoords,,,x,y,x,y\n"


def test_the_second_animal_stays_the_second(tmp_path):
    text = f"{ANIMALS}labeled-data,f,b.jpg,1,2,3,4\nlabeled-data,f,c.jpg,,,7,8\n"
    dataset, _ = read(tmp_path, "deeplabcut", text, source=format_tools.source_of({"f/b.jpg": HW, "f/c.jpg": HW}))
    assert [one.individuals for one in dataset.images] == [("ann", "bob"), ("bob",)]
    format_tools.write("deeplabcut", dataset, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1] == "individuals,,,ann,ann,bob,bob"
    assert lines[4:] == ["labeled-data,f,b.jpg,1.0,2.0,3.0,4.0", "labeled-data,f,c.jpg,,,7.0,8.0"]


def test_animals_without_a_name_have_columns_of_their_own(tmp_path):
    dataset, _ = read(tmp_path, "deeplabcut", f"{ANIMALS}labeled-data,f,b.jpg,1,2,3,4\n")
    (first,) = dataset.images
    nobody = dataclasses.replace(first, individuals=("bob", ""))
    twice = dataclasses.replace(first, individuals=("bob", "bob"))
    for number, one in enumerate((nobody, twice)):
        format_tools.write("deeplabcut", dataclasses.replace(dataset, images=[one]), tmp_path / f"{number}.csv")
        lines = (tmp_path / f"{number}.csv").read_text().splitlines()
        assert lines[1] == "individuals,,,bob,bob,individual1,individual1"
        assert lines[4] == "labeled-data,f,b.jpg,1.0,2.0,3.0,4.0"


def test_points_with_a_likelihood_are_a_programs(tmp_path):
    heading = "scorer,m,m,m,m,m,m\nbodyparts,nose,nose,nose,ear,ear,ear\ncoords,x,y,likelihood,x,y,likelihood\n"
    dataset, _ = read(tmp_path, "deeplabcut", f"{heading}f/b.jpg,1,2,0.75,3,4,0.01\n")
    (found,) = dataset.images[0].keypoints
    assert found.score.tolist() == pytest.approx([0.75, 0.01])
    assert (found.origin == Origin.TRANSFERRED).all()


def test_frames_of_a_film_by_number_are_said_once(tmp_path):
    dataset, report = read(tmp_path, "deeplabcut", f"{HEADING.replace(',,,', ',')}0,1,2,3,4\n1,1,2,3,4\n")
    assert dataset.images == []
    assert report.skipped == [("in.csv", "2 lines are of frames of a film, by number, not of images")]


def test_deeplabcuts_index_names_no_two_images_alike(tmp_path):
    sets = KeypointSet.make([[1, 1], [2, 2]], skeleton=BIRD.id)
    images = [image(sets, name=name) for name in ("a/x/1.png", "b/x/1.png", "x/2.png", "3.png")]
    text, _ = written(tmp_path, "deeplabcut", *images)
    assert [line.split(",")[1:3] for line in text.splitlines()[3:]] == [
        ["a__x", "1.png"], ["b__x", "1.png"], ["x", "2.png"], ["images", "3.png"]
    ]  # fmt: skip
