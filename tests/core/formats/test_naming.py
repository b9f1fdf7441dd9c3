"""Names of files and of images, kinds of files, and the values that stand in them."""

import json

import numpy as np
import pytest

from counterpart.core.errors import FormatError
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.guessing import guess_format
from counterpart.core.formats.naming import flat_names, output_names, safe_name
from counterpart.core.formats.polygons import keyhole, outlines
from counterpart.core.formats.rle import counts_to_mask, decode_counts, encode_counts, mask_to_counts, rows_to_mask
from tests.core.format_tools import fill_rings, ring_area

# Names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("../a\\b.jpg", "a/b.jpg"),
        ("/etc/a", "etc/a"),
        ("./c:/x", "c_/x"),
        ("..", "image"),
        ("", "image"),
    ],
)
def test_a_safe_name_stays_below_its_folder(name, safe):
    assert safe_name(name) == safe


def test_output_names_keep_the_suffix_where_two_would_be_equal():
    assert output_names(["a.jpg", "A.png", "b.x.jpg", "f/a.jpg"], ".txt") == {
        "a.jpg": "a.jpg.txt", "A.png": "A.png.txt", "b.x.jpg": "b.x.txt", "f/a.jpg": "f/a.txt"
    }  # fmt: skip


def test_flat_names_are_one_word_each_and_never_equal():
    assert flat_names(["f/a-1.jpg", "b.jpg", "B.png", "f__a_1.png"], forbidden="-") == {
        "f/a-1.jpg": "f__a_1_jpg", "b.jpg": "b_jpg", "B.png": "B_png", "f__a_1.png": "f__a_1_png"
    }  # fmt: skip
    assert flat_names(["a/b.jpg", "c.jpg"]) == {"a/b.jpg": "a__b", "c.jpg": "c"}
    assert list(flat_names(["a.b/c.jpg", "a_b/c.png", "a.b/c.png"]).values()) == ["a_b__c_jpg", "a_b__c", "a_b__c_png"]
    assert list(flat_names(["x_1.a", "x.1", "x_1.b", "x.a"]).values()) == ["x_1_a", "x_1", "x_1_b", "x_a"]


# Kinds


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.json", '{"shapes": [{}]}', "labelme"),
        ("a.json", '{"sets": []}', "matches"),
        ("a.json", '{"pairs": []}', "matches"),
        ("a.json", '{"annotations": [{"keypoints": [1, 2, 2]}]}', "coco-keypoints"),
        ("a.json", '{"categories": [{"keypoints": ["nose"]}]}', "coco-keypoints"),
        ("a.json", '{"annotations": [{"keypoints": []}]}', "coco"),
        ("a.json", '{"categories": []}', "coco"),
        ("a.json", '{"other": []}', None),
        ("a.csv", "\ufeffscorer,a,b\n", "deeplabcut"),
        ("a.CSV", "image,keypoint,x,y\n", "csv"),
        ("a.xml", "<annotations>", "cvat"),
        ("a.xml", "<other>", None),
        ("data.yaml", "kpt_shape: [1, 3]", "yolo-pose"),
        ("data.yml", "names: [a]", "yolo-seg"),
        ("a.png", "", "indexed-png"),
        ("a.npz", "", "npz"),
        ("a.slp", "", "sleap"),
        ("a.tps", "", "tps"),
        ("a.h5", "", "deeplabcut"),
        ("a.doc", "", None),
    ],
)
def test_the_kind_of_a_file_by_its_name_and_beginning(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    assert guess_format(tmp_path / name) == kind


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"ImageAnnotation/x/a.json": "{}"}, "spair"),
        ({"PairAnnotation/x/a.json": "{}"}, "spair"),
        ({"SegmentationClass/a.png": ""}, "voc"),
        ({"Annotations/bear/0.png": ""}, "davis"),
        ({"Annotations/a.xml": "<annotation>", "x.txt": "0 0.1 0.1 0.2 0.2 0.3 0.1"}, "yolo-seg"),
        ({"labeled-data/f/CollectedData_me.csv": ""}, "deeplabcut"),
        ({"data.yaml": "kpt_shape: [1, 3]", "labels/a.txt": ""}, "yolo-pose"),
        ({"data.yml": "names: []", "labels/a.txt": ""}, "yolo-seg"),
        ({"x/a.json": '{"shapes": []}'}, "labelme"),
        ({"x/a.txt": "0 0.1 0.1 0.2 0.2 0.3 0.1"}, "yolo-seg"),
        ({"x/a.txt": "0 0.1 0.1 0.2 0.2 0.3"}, None),
        ({"x/a.txt": "0.5 0.1 0.1 0.2 0.2 0.3 0.1"}, None),
        ({"x/a.txt": "some words", "b.png": ""}, "indexed-png"),
        ({"x/a.doc": ""}, None),
    ],
)
def test_the_kind_of_a_folder_by_what_it_holds(tmp_path, files, kind):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert guess_format(tmp_path) == kind
    assert guess_format(tmp_path / "nothing") is None


def test_a_long_file_is_told_by_its_ends(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"x": "' + " " * 400_000 + '", "annotations": [' + " " * 400_000 + '], "categories": []}'
    )
    assert guess_format(tmp_path / "a.json") == "coco"
    (tmp_path / "a.json").write_text('{"x": "' + " " * 400_000 + '", "annotations": [' + " " * 400_000 + "]}")
    assert guess_format(tmp_path / "a.json") is None


# Values


def node(value, tmp_path, where="a[3]"):
    return Node(value, tmp_path / "f.json", where)


@pytest.mark.parametrize(("value", "number"), [(3, 3), (2.0, 2), ("4", 4), (-5, -5), (7, 7)])
def test_whole_numbers_lie_in_a_range(tmp_path, value, number):
    assert node(value, tmp_path).integer(-5, 7) == number


@pytest.mark.parametrize("value", [-6, 8, 2.5, "x", True, None, [1], float("nan"), float("inf"), 1e16])
def test_other_values_are_no_whole_numbers(tmp_path, value):
    with pytest.raises(FormatError, match=r"a\[3\]: expected a"):
        node(value, tmp_path).integer(-5, 7)


def test_numbers_reach_a_quadrillion_and_sizes_a_million(tmp_path):
    assert node(1e15, tmp_path).number() == 1e15
    assert node(-1e15, tmp_path).number() == -1e15
    assert node(0, tmp_path).size() == 0
    assert node(1_000_000, tmp_path).size() == 1_000_000
    for value in (1e15 + 1, -1e15 - 1):
        with pytest.raises(FormatError):
            node(value, tmp_path).number()
    for value in (-1, 1_000_001):
        with pytest.raises(FormatError):
            node(value, tmp_path).size()


def test_a_place_in_a_file_is_named_by_fields_and_items(tmp_path):
    (tmp_path / "f.json").write_text(json.dumps({"a": [{"b": [1, "x"]}]}))
    data = read_json(tmp_path / "f.json")
    (item,) = data["a"]
    with pytest.raises(FormatError, match=r"^.*f\.json: a\[0\]\.b\[1\]: expected a number, found 'x'"):
        item["b"].numbers()
    with pytest.raises(FormatError, match=r"a\[0\]: the field 'c' is missing"):
        item["c"]
    with pytest.raises(FormatError, match=r"a\[0\]\.b: expected 3 numbers, found 2"):
        Node([1, 2], tmp_path, "a[0].b").numbers(3)
    assert item.get("c") is None
    assert [(name, found.where) for name, found in item.items()] == [("b", "a[0].b")]


@pytest.mark.parametrize("value", ["", "  ", 3, None, [], {}])
def test_a_text_is_not_empty(tmp_path, value):
    with pytest.raises(FormatError, match="expected a text"):
        node(value, tmp_path).text()


# Outlines and runs


def test_rings_turn_clockwise_on_the_screen_and_holes_the_other_way():
    assert ring_area([(0, 0), (4, 0), (4, 3), (0, 3)]) == 12
    assert ring_area([(0, 0), (0, 3), (4, 3), (4, 0)]) == -12
    assert ring_area([(1, 1), (4, 1), (1, 3)]) == 3
    mask = np.ones((5, 6), bool)
    mask[2, 2:4] = False
    (found,) = outlines(mask)
    assert (ring_area(found.outer), [ring_area(hole) for hole in found.holes], found.area) == (30, [-2], 28)
    assert {tuple(corner) for corner in found.holes[0].tolist()} == {(2, 2), (4, 2), (4, 3), (2, 3)}


def test_a_seam_joins_a_hole_to_the_next_edge_on_its_left():
    mask = np.ones((9, 20), bool)
    mask[7, 15] = mask[7, 12] = mask[2, 3] = False
    (found,) = outlines(mask)
    ring = keyhole(found)
    steps = np.roll(ring, -1, axis=0) - ring
    assert (steps == 0).any(axis=1).all()  # along rows and columns only
    # All four rings, and each seam twice: from 15 to the hole that ends at 13, from 12 and from 3 to the left side.
    assert abs(steps).sum() == 58 + 3 * 4 + 2 * (2 + 12 + 3)
    np.testing.assert_array_equal(fill_rings([ring], mask.shape), mask)


def test_outlines_go_from_top_to_bottom():
    mask = np.zeros((6, 6), bool)
    mask[4, 0] = mask[0, 4:6] = mask[2:4, 2] = True
    assert [(outline.area, outline.outer.min(axis=0).tolist()) for outline in outlines(mask)] == [
        (2, [4, 0]), (2, [2, 2]), (1, [0, 4])
    ]  # fmt: skip


def test_centres_on_a_line_belong_to_what_is_below_or_to_the_right():
    half = [(0.5, 0.5), (3.5, 0.5), (3.5, 2.5), (0.5, 2.5)]  # through the centres of pixels 0 and 3, rows 0 and 2
    expected = np.zeros((4, 5), bool)
    expected[0:2, 0:3] = True
    np.testing.assert_array_equal(fill_rings([half], (4, 5)), expected)
    beside = [(3.5, 0.5), (5, 0.5), (5, 2.5), (3.5, 2.5)]
    assert not (fill_rings([half], (4, 5)) & fill_rings([beside], (4, 5))).any()


def test_rings_that_reach_outside_are_cut_off_at_the_image():
    everything = [(-10, -10), (20, -10), (20, 20), (-10, 20)]
    assert fill_rings([everything], (4, 5)).all()
    np.testing.assert_array_equal(fill_rings([everything, [(1, 1), (3, 1), (3, 2), (1, 2)]], (4, 5)).sum(), 18)
    assert fill_rings([everything], (4, 0)).shape == (4, 0)
    assert not fill_rings([[(7, 1), (9, 1), (9, 3)]], (4, 5)).any()


def test_runs_begin_with_zeros_and_go_column_by_column():
    mask = np.array([[1, 0, 1], [1, 0, 0]], bool)
    assert mask_to_counts(mask).tolist() == [0, 2, 2, 1, 1]
    assert mask_to_counts(~mask).tolist() == [2, 2, 1, 1]
    assert mask_to_counts(np.zeros((0, 4), bool)).tolist() == []
    assert counts_to_mask([0, 2, 2, 1, 1], (2, 3)).tolist() == mask.tolist()
    assert rows_to_mask([0, 1, 1, 2, 2], (2, 3)).tolist() == mask.tolist()


def test_the_string_of_runs_is_that_of_the_coco_api():
    """Five bits a character from 48 on; 32 says that more follow, and the sign is the fifth bit."""
    assert encode_counts(np.array([0, 2, 15])) == "02?"
    assert encode_counts(np.array([16])) == "`0"  # 16 + 32 + 48, then 0
    assert encode_counts(np.array([31])) == "o0"
    assert encode_counts(np.array([5, 5, 5, 5, 5])) == "55500"
    assert encode_counts(np.array([5, 20, 5, 4, 5])) == "5d05@0"  # 4 - 20 = -16, 5 - 5 = 0
    for counts in ([0, 2, 15], [16], [5, 20, 5, 4, 5], [10**9, 1, 3, 10**6, 2]):
        assert decode_counts(encode_counts(np.array(counts))).tolist() == counts


@pytest.mark.parametrize("hw", [(-1, 4), (4, -1), (20_001, 20_000)])
def test_masks_of_impossible_sizes_are_refused(hw):
    for reader in (counts_to_mask, rows_to_mask):
        with pytest.raises(ValueError, match="is not possible"):
            reader([1], hw)


@pytest.mark.parametrize("text", ["", "0", "?"])
def test_short_strings_of_runs(text):
    assert decode_counts(text).tolist() == {"": [], "0": [0], "?": [15]}[text]


@pytest.mark.parametrize("text", ["/", "p", "P", "0\x00", "PPPPPPPPPPPP0"])
def test_damaged_strings_of_runs_are_refused(text):
    with pytest.raises(ValueError, match="damaged"):
        decode_counts(text)
