"""CVAT's numbers, by its description of the XML for images 1.1 (docs.cvat.ai)."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.model import PartLabel
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core import format_tools

HW = (20, 30)
SOURCE = format_tools.source_of({"a.jpg": HW})


def read(tmp_path, shapes="", meta="", image='name="a.jpg" width="30" height="20"'):
    file = tmp_path / "a.xml"
    file.write_text(f"<annotations><meta>{meta}</meta><image {image}>{shapes}</image></annotations>")
    dataset, report = format_tools.read("cvat", file, SOURCE)
    return (dataset.images[0] if dataset.images else None), dataset, report


def label(name, kind="mask", more=""):
    return f"<label><name>{name}</name><type>{kind}</type>{more}</label>"


def box(name, left, top, right, bottom, more=""):
    return f'<box label="{name}" xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}" {more}/>'


def block(top, left, bottom, right, value=1):
    labels = np.zeros(HW, np.uint16)
    labels[top:bottom, left:right] = value
    return labels


def mask(runs, left=4, top=7, width=3, height=2):
    return f'<mask label="wing" rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}"/>'


# Areas


def test_boxes_and_polygons_follow_pixel_edges(tmp_path):
    polygon = '<polygon label="body" points="10.0,2.0;14.0,2.0;14.0,5.0;10.0,5.0"/>'
    image, dataset, _ = read(tmp_path, box("wing", 3, 2, 9, 6) + polygon)
    np.testing.assert_array_equal(image.labels.unpack(), block(2, 3, 6, 9, 2) + block(2, 10, 5, 14, 1))
    assert {part.name: part.id for part in dataset.parts} == {"body": 1, "wing": 2}


def test_a_mask_is_read_row_by_row_in_its_box(tmp_path):
    """One out, two in, two out, one in: 0 1 1 / 0 0 1."""
    image, *_ = read(tmp_path, mask("1, 2, 2, 1"))
    expected = np.zeros(HW)
    expected[7:9, 4:7] = [[0, 1, 1], [0, 0, 1]]
    np.testing.assert_array_equal(image.labels.unpack(), expected)


@pytest.mark.parametrize(("left", "top", "inside"), [(27, 18, True), (28, 18, False), (27, 19, False)])
def test_a_mask_lies_within_the_image(tmp_path, left, top, inside):
    image, _, report = read(tmp_path, mask("0, 6", left, top))
    assert (image is not None) == inside
    assert (
        [reason for _, reason in report.skipped] == []
        if inside
        else ["image a.jpg, mask: it reaches outside the image"]
    )


@pytest.mark.parametrize("runs", ["0, 5", "0, 7", "a", "-1, 7", "0, 99999999999999999999"])
def test_runs_that_do_not_fill_the_box_are_named(tmp_path, runs):
    image, _, report = read(tmp_path, mask(runs))
    assert image is None
    assert report.skipped[0][1].startswith("image a.jpg, mask, rle: ")


def test_shapes_are_painted_by_their_z_order(tmp_path):
    shapes = box("wing", 0, 0, 10, 10, 'z_order="1"') + box("body", 8, 0, 12, 5, 'z_order="-2"')
    shapes += box("body", 0, 9, 1, 12) + box("wing", 20, 0, 22, 1, 'z_order="x"')
    image, _, report = read(tmp_path, shapes, label("wing") + label("body"))
    expected = block(0, 8, 5, 12, 2) + block(9, 0, 12, 1, 2) + block(0, 20, 1, 22)
    expected[0:10, 0:10] = 1
    np.testing.assert_array_equal(image.labels.unpack(), expected)
    # 2 columns of 5 rows, and a pixel; pieces of one part may overlap.
    assert report.lost == [("a.jpg", "11 pixels where shapes overlap: the upper one was taken")]


def test_one_pixel_of_overlap_is_said_and_shapes_of_other_kinds_are_named(tmp_path):
    shapes = box("wing", 0, 0, 10, 10) + box("body", 9, 9, 12, 12) + "<polyline/><cuboid/><polyline/>"
    *_, report = read(tmp_path, shapes)
    assert report.lost == [
        ("a.jpg", "1 pixels where shapes overlap: the upper one was taken"),
        ("a.jpg", "shapes of type cuboid"),
        ("a.jpg", "shapes of type polyline"),
    ]


def test_an_image_without_areas_has_no_mask_and_parts_have_their_colours(tmp_path):
    meta = "<label><name>wing</name><color>#0a141e</color><type>mask</type></label>" + label("body", "polygon")
    image, dataset, report = read(tmp_path, "", meta)
    assert image.labels is None
    assert [(part.id, part.name, part.order) for part in dataset.parts] == [(1, "wing", 0), (2, "body", 1)]
    assert tuple(dataset.parts[0].colour) == (10, 20, 30)
    assert report.lost == []


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ('name="a.jpg" width="30"', "image a.jpg: the attribute height is missing"),
        ('width="30" height="20"', "image ?: the attribute name is missing"),
        ('name="a.jpg" width="30" height="2.5"', "image a.jpg, height: expected a whole number"),
        ('name="a.jpg" width="30000" height="20000"', "image a.jpg: 30000 x 20000 pixels are too many"),
    ],
)
def test_an_image_needs_a_name_and_a_size(tmp_path, attributes, words):
    image, _, report = read(tmp_path, "", image=attributes)
    assert image is None
    assert report.skipped[0][1].startswith(words)


@pytest.mark.parametrize(
    ("text", "words"), [("<a/>", "expected <annotations>"), ("<annotations><track/></annotations>", "for video")]
)
def test_other_xml_is_refused(tmp_path, text, words):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(FormatError, match=words):
        format_tools.read("cvat", tmp_path / "a.xml", SOURCE)


# Skeletons

LINES = '&lt;line data-node-from="{}" data-node-to="{}"&gt;&lt;/line&gt;'


def bird(svg=""):
    points = "".join(label(name, "points", "<parent>bird</parent>") for name in ("nose", "ear", "tail"))
    return label("bird", "skeleton", f"<svg>{svg}</svg>") + points


def skeleton(*points):
    inside = "".join(f'<points label="{name}" points="{xy}" {more}/>' for name, xy, more in points)
    return f'<skeleton label="bird">{inside}</skeleton>'


def test_points_of_a_skeleton_are_placed_from_the_corner(tmp_path):
    one = skeleton(
        ("tail", "4.5,6.0", 'occluded="1"'),
        ("nose", "0.5,0.5", 'occluded="0" outside="0"'),
        ("ear", "0,0", 'outside="1"'),
    )
    image, dataset, _ = read(tmp_path, one, bird())
    (points,) = image.keypoints
    assert dataset.skeletons[0].names == ("nose", "ear", "tail")
    np.testing.assert_allclose(points.xy, [[0, 0], [np.nan, np.nan], [4, 5.5]])
    assert points.visibility.tolist() == [2, 0, 1]
    assert dataset.parts == ()


def test_edges_are_the_lines_of_the_drawing_counted_from_one(tmp_path):
    svg = LINES.format(1, 2) + LINES.format(3, 1) + LINES.format(3, 4) + LINES.format(0, 1) + LINES.format(1, 0)
    _, dataset, _ = read(tmp_path, "", bird(svg))
    assert dataset.skeletons[0].edges == ((0, 1), (2, 0))  # there is no fourth, nor one before the first
    _, dataset, _ = read(tmp_path, "", bird("&lt;line"))
    assert dataset.skeletons[0].edges == ()


def test_without_their_labels_points_are_named_as_they_come(tmp_path):
    _, dataset, _ = read(
        tmp_path, skeleton(("b", "1,1", ""), ("a", "2,2", "")) + skeleton(("c", "1,1", ""), ("a", "2,2", ""))
    )
    assert dataset.skeletons[0].names == ("b", "a", "c")


@pytest.mark.parametrize(("names", "words"), [(("nose", "nose"), "the keypoint 'nose' occurs twice")])
def test_a_keypoint_occurs_once(tmp_path, names, words):
    image, _, report = read(tmp_path, skeleton(*((name, "1,1", "") for name in names)), bird())
    assert image is None
    assert report.skipped == [("a.jpg", f"image a.jpg, skeleton: {words}")]


# Writing


def written(tmp_path, *images, parts=(), skeletons=(), **options):
    dataset = Dataset(parts=parts, skeletons=skeletons, images=list(images))
    report = format_tools.write("cvat", dataset, tmp_path / "a.xml", **options)
    return ET.parse(tmp_path / "a.xml").getroot(), report


def test_masks_and_outlines_are_written_as_they_are_read(tmp_path):
    labels = np.zeros(HW, np.uint16)
    labels[7:9, 4:7] = [[0, 1, 1], [0, 0, 1]]
    image = AnnotatedImage("a.jpg", HW, labels=pack_labels(labels))
    parts = (PartLabel(1, "wing", (10, 20, 30), 0),)
    root, report = written(tmp_path, AnnotatedImage("none.jpg", HW), image, parts=parts)
    assert root.find("image").attrib == {"id": "1", "name": "a.jpg", "width": "30", "height": "20"}
    found = root.find("image/mask").attrib
    assert {key: found[key] for key in ("rle", "left", "top", "width", "height")} == {
        "rle": "0, 2, 1, 1", "left": "5", "top": "7", "width": "2", "height": "2"
    }  # fmt: skip
    assert root.findtext("meta/job/labels/label/color") == "#0a141e"
    assert (report.images, report.annotations, report.skipped) == (1, 1, [("none.jpg", "it has no annotations")])
    root, _ = written(tmp_path, image, parts=parts, polygons=True)
    points = {tuple(float(v) for v in pair.split(",")) for pair in root.find("image/polygon").get("points").split(";")}
    assert points == {(5, 7), (7, 7), (7, 9), (6, 9), (6, 8), (5, 8)}


def test_skeletons_are_written_with_what_is_hidden_and_what_is_not_there(tmp_path):
    dog = Skeleton(("nose", "ear", "tail"), ((0, 2),), (), (), "dog", 1)
    first = KeypointSet.make([[4, 6], [9.5, 11.75], [np.nan, np.nan]], [2, 1, 0], box=(1.5, 1.5, 10, 12), skeleton=1)
    second = KeypointSet.make([[4, 6], [1, 1], [2, 2]], score=[1, 1, 0.5], skeleton=1)
    root, report = written(tmp_path, AnnotatedImage("a.jpg", HW, keypoints=(first, second)), skeletons=(dog,))
    found = [
        (p.get("label"), p.get("points"), p.get("outside"), p.get("occluded")) for p in root.find("image/skeleton")
    ]
    assert found == [
        ("nose", "4.500000,6.500000", "0", "0"),
        ("ear", "10.000000,12.250000", "0", "1"),
        ("tail", "0.000000,0.000000", "1", "0"),
    ]
    assert report.lost == [("a.jpg", "the box of an instance"), ("a.jpg", "scores of transferred points")]
    drawing = ET.fromstring(f"<svg>{root.findtext('meta/job/labels/label/svg')}</svg>")
    (line,) = drawing.iter("line")
    assert (line.get("data-node-from"), line.get("data-node-to")) == ("1", "3")
    circles = {c.get("data-label-name"): (float(c.get("cx")), float(c.get("cy"))) for c in drawing.iter("circle")}
    # Clockwise about (50, 50) from above, a third of the way round each.
    assert circles["nose"] == (50, 10)
    assert circles["ear"] == pytest.approx((50 + 40 * 0.866, 50 + 20), abs=0.01)
    assert circles["tail"] == pytest.approx((50 - 40 * 0.866, 50 + 20), abs=0.01)
    assert [c.get("data-element-id") for c in drawing.iter("circle")] == ["1", "2", "3"]
    assert (line.get("x1"), line.get("y1")) == ("50.0", "10.0")
    assert (float(line.get("x2")), float(line.get("y2"))) == circles["tail"]
