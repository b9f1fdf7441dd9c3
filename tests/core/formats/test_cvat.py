"""CVAT's numbers, by its description of the XML for images 1.1 (docs.cvat.ai)."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import import_into
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document
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
    assert (image.labels is not None) == inside
    assert report.lost == ([] if inside else [("a.jpg", "image a.jpg, mask: it reaches outside the image")])


@pytest.mark.parametrize("runs", ["0, 5", "0, 7", "a", "-1, 7", "0, 99999999999999999999"])
def test_runs_that_do_not_fill_the_box_are_named(tmp_path, runs):
    image, _, report = read(tmp_path, mask(runs) + box("body", 3, 2, 9, 6))
    assert list(image.labels.areas.values()) == [24]  # one bad shape costs no other
    assert report.lost[0][1].startswith("image a.jpg, mask, rle: ")


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
        ("a.xml", "1 shapes of type cuboid"),
        ("a.xml", "2 shapes of type polyline"),
        ("a.jpg", "1 pixels where shapes overlap: the upper one was taken"),
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
    ("text", "words"), [("<a/>", "expected <annotations>"), ("<annotations><track/></annotations>", "no tracks")]
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


def test_a_keypoint_that_occurs_twice_or_has_no_place_is_named_and_costs_no_other(tmp_path):
    points = (("nose", "1,1", ""), ("nose", "2,2", ""), ("ear", "3", ""), ("tail", "4,4", ""))
    image, _, report = read(tmp_path, skeleton(*points), bird())
    np.testing.assert_allclose(image.keypoints[0].xy, [[0.5, 0.5], [np.nan, np.nan], [3.5, 3.5]])
    assert [what.split(": ", 1)[1] for _, what in report.lost] == [
        "the keypoint 'nose' occurs twice",
        "expected 2 numbers, found 1",
    ]


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


# Turned shapes, ellipses, loose points, subsets


@pytest.mark.parametrize(
    ("turn", "rows", "columns"), [(0, (4, 6), (4, 12)), (90, (1, 9), (7, 9)), (180, (4, 6), (4, 12))]
)
def test_a_box_is_turned_clockwise_about_its_centre(tmp_path, turn, rows, columns):
    image, *_ = read(tmp_path, box("wing", 4, 4, 12, 6, f'rotation="{turn}.00"'))
    np.testing.assert_array_equal(image.labels.unpack(), block(rows[0], columns[0], rows[1], columns[1]))


def test_a_box_that_is_turned_a_little_rises_to_the_left(tmp_path):
    labels = read(tmp_path, box("wing", 4, 8, 24, 12, 'rotation="20"'))[0].labels.unpack()
    assert np.nonzero(labels[:, 6])[0].mean() < 9  # the image's y points down: clockwise lowers the right end
    assert np.nonzero(labels[:, 21])[0].mean() > 11


@pytest.mark.parametrize("turn", [0, 30, 90])
def test_an_ellipse_is_the_pixels_whose_centres_lie_in_it(tmp_path, turn):
    image, *_ = read(tmp_path, f'<ellipse label="wing" cx="14" cy="9" rx="8" ry="3" rotation="{turn}"/>')
    angle = np.deg2rad(turn)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    offsets = np.stack(np.meshgrid(np.arange(30) + 0.5 - 14, np.arange(20) + 0.5 - 9), axis=-1)
    expected = (offsets @ along / 8) ** 2 + (offsets @ across / 3) ** 2 <= 1
    np.testing.assert_array_equal(image.labels.unpack(), expected)


def test_loose_points_are_instances_by_their_labels_and_groups(tmp_path):
    def point(name, xy, more=""):
        return f'<points label="{name}" points="{xy}" {more}/>'

    shapes = point("tail", "9,5") + point("head", "5,5", 'occluded="1"') + point("head", "1,1", 'group_id="3"')
    shapes += point("tail", "2,2", 'group_id="3"') + point("head", "7,7") + point("face", "1,1;2,2;3,3")
    image, dataset, _ = read(tmp_path, shapes + box("wing", 0, 0, 2, 2), label("head", "points") + label("tail", "any"))
    named = {one.id: (one.name, one.names) for one in dataset.skeletons}
    found = [(named[one.skeleton][0], np.nan_to_num(one.xy[:, 0], nan=-9).tolist()) for one in image.keypoints]
    assert sorted(named.values()) == [("face", ("1", "2", "3")), ("object", ("head", "tail"))]
    assert sorted(found) == [
        ("face", [0.5, 1.5, 2.5]),
        ("object", [0.5, 1.5]),
        ("object", [4.5, 8.5]),
        ("object", [6.5, -9]),
    ]
    assert [part.name for part in dataset.parts] == ["wing"]


def test_what_the_project_has_no_place_for_is_said_once(tmp_path):
    inside = '<attribute name="a">1</attribute>'
    shapes = (
        box("wing", 0, 0, 2, 2)[:-2] + f">{inside}{inside}</box>" + f'<tag label="x">{inside}</tag><tag label="y"/>'
    )
    *_, report = read(tmp_path, shapes)
    assert report.lost == [("a.xml", "3 attributes of shapes"), ("a.xml", "2 tags of images")]


def subsets(tmp_path, names, files):
    """What a file with one image in each of two subsets reads as, in a project of some images."""
    images = "".join(
        f'<image name="b.jpg" subset="{name}" width="30" height="20">{box("wing", at, 0, 2, 2)}</image>'
        for at, name in enumerate(names)
    )
    (tmp_path / "a.xml").write_text(f"<annotations>{images}</annotations>")
    source = format_tools.source_of(dict.fromkeys(files, HW))
    dataset, _ = format_tools.read("cvat", tmp_path / "a.xml", source)
    return [(image.name if image.id else None, image.placed.sure) for image in dataset.images]


def test_equal_names_in_two_subsets_are_two_images(tmp_path):
    assert subsets(tmp_path, ("Train", "mine"), ("Train/b.jpg", "mine/b.jpg")) == [
        ("Train/b.jpg", True),
        ("mine/b.jpg", True),
    ]
    assert subsets(tmp_path, ("Train", "mine"), ("b.jpg",)) == [("b.jpg", False), ("b.jpg", False)]
    assert subsets(tmp_path, ("Train", "Test"), ("b.jpg",)) == [("b.jpg", False), ("b.jpg", False)]
    assert subsets(tmp_path, ("mine",), ("b.jpg",)) == [("b.jpg", True)]


def test_a_photograph_of_which_nothing_is_said_is_not_taken_in(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    image = '<image name="{}.png" width="30" height="20">{}</image>'
    text = image.format("a", "") + image.format("b", box("wing", 0, 0, 2, 2))
    (tmp_path / "x.xml").write_text(f"<annotations>{text}</annotations>")
    with Document.new(tmp_path / "p.counterpart") as document:
        import_into(document, tmp_path / "x.xml", "cvat", silent())
        assert [record.name for record in document.images()] == ["b.png"]


def test_a_file_of_which_nothing_can_be_kept_says_what_it_had(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    image = '<image name="a.png" width="30" height="20"><cuboid/></image>'
    (tmp_path / "x.xml").write_text(f"<annotations>{image}</annotations>")
    with (
        Document.new(tmp_path / "p.counterpart") as document,
        pytest.raises(FormatError, match=r"nothing in it could be taken over: x\.xml: 1 shapes of type cuboid"),
    ):
        import_into(document, tmp_path / "x.xml", "cvat", silent())
