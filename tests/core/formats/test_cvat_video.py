"""CVAT for video: what a track is between its keyframes, and which images the frames are (docs.cvat.ai)."""

import numpy as np
import pytest

from tests.core import format_tools

HW = (20, 30)


def box(frame, x, y=0, more="", tag="keyframe"):
    return f'<box frame="{frame}" xtl="{x}" ytl="{y}" xbr="{x + 4}" ybr="{y + 2}" {tag}="1" outside="0" {more}/>'


def gone(frame, x=0):
    return f'<box frame="{frame}" xtl="{x}" ytl="0" xbr="{x + 4}" ybr="2" keyframe="1" outside="1"/>'


def read(tmp_path, tracks, names, meta=""):
    """{image: {part: (left, top, right, bottom)}}, the dataset, and the report."""
    file = tmp_path / "v.xml"
    file.write_text(f"<annotations><meta><task>{meta}</task></meta>{tracks}</annotations>")
    source = format_tools.source_of(dict.fromkeys(names, HW), path=file)
    dataset, report = format_tools.read("cvat", file, source)
    parts = dataset.part_names()
    found = {}
    for image in dataset.images:
        inside = {}
        labels = None if image.labels is None else image.labels.unpack()
        for part in image.labels.areas if labels is not None else ():
            rows, cols = np.nonzero(labels == part)
            inside[parts[part]] = (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)
        found[image.name] = inside
    return found, dataset, report


def track(inside, label="w", number=0):
    return f'<track id="{number}" label="{label}" source="manual">{inside}</track>'


FIVE = [f"{number}.png" for number in (8, 9, 10, 11, 12)]


def test_a_track_moves_evenly_between_its_keyframes_and_is_gone_after_the_one_outside(tmp_path):
    inside = box(0, 0) + box(2, 8) + gone(3)
    found, _, report = read(tmp_path, track(inside), FIVE, "<size>5</size>")
    assert found == {"8.png": {"w": (0, 0, 4, 2)}, "9.png": {"w": (4, 0, 8, 2)}, "10.png": {"w": (8, 0, 12, 2)}}
    assert report.lost == report.skipped == []


def test_a_track_that_comes_back_is_absent_meanwhile(tmp_path):
    inside = box(0, 0) + gone(1) + box(3, 8) + gone(4)
    assert list(read(tmp_path, track(inside), FIVE, "<size>5</size>")[0]) == ["8.png", "11.png"]


def test_after_its_last_keyframe_a_track_stays_to_the_end_of_the_task(tmp_path):
    assert list(read(tmp_path, track(box(3, 0)), FIVE, "<size>5</size>")[0]) == ["11.png", "12.png"]
    listed = track(box(2, 0) + box(3, 0).replace('keyframe="1"', 'keyframe="0"'))  # CVAT lists every frame itself
    assert list(read(tmp_path, listed, FIVE, "<size>5</size>")[0]) == ["10.png", "11.png"]
    assert list(read(tmp_path, track(box(3, 0)), FIVE)[0]) == ["11.png"]  # nobody says where it ends


def test_every_kind_of_shape_moves(tmp_path):
    def at(frame, number):
        return (
            f'<polygon frame="{frame}" points="{number},0;{number + 4},0;{number + 4},2;{number},2" outside="0"/>',
            f'<ellipse frame="{frame}" cx="{number + 2}" cy="10" rx="2" ry="2" outside="0"/>',
            f'<points frame="{frame}" points="{number},15" outside="0" occluded="1"/>',
        )

    first, last = at(0, 0), at(2, 8)
    tracks = "".join(track(a + b, label) for a, b, label in zip(first, last, ("poly", "round", "dot"), strict=True))
    found, dataset, _ = read(tmp_path, tracks, FIVE, "<size>5</size><stop_frame>2</stop_frame>")
    assert found["9.png"] == {"poly": (4, 0, 8, 2), "round": (4, 8, 8, 12)}
    (points,) = dataset.images[1].keypoints
    np.testing.assert_allclose(points.xy, [[3.5, 14.5]])
    assert points.visibility.tolist() == [1]


def test_what_has_no_way_to_go_stays_and_is_said(tmp_path):
    a = '<polygon frame="0" points="0,0;4,0;4,2;0,2" outside="0"/>'
    b = '<polygon frame="2" points="8,0;12,0;12,2" outside="1"/>'
    found, _, report = read(tmp_path, track(a + b), FIVE, "<size>5</size>")
    assert found["9.png"] == {"w": (0, 0, 4, 2)}
    assert report.lost[0][1].startswith("1 times a polygon between two frames could not be moved")


def test_a_turn_goes_the_short_way(tmp_path):
    inside = box(0, 10, 9, 'rotation="350"') + box(2, 10, 9, 'rotation="10"') + gone(3)
    found, *_ = read(tmp_path, track(inside), FIVE, "<size>5</size>")
    assert found["9.png"] == {"w": (10, 9, 14, 11)}


def test_points_of_a_skeleton_move_and_one_that_is_outside_does_not(tmp_path):
    def skeleton(frame, *points):
        inside = "".join(
            f'<points label="{n}" keyframe="1" outside="{o}" occluded="0" points="{x},1.5"/>' for n, x, o in points
        )
        return f'<skeleton frame="{frame}" keyframe="1">{inside}</skeleton>'

    inside = skeleton(0, ("a", 0.5, 0), ("b", 2.5, 0)) + skeleton(2, ("a", 4.5, 0), ("b", 9.5, 1))
    inside += skeleton(3, ("a", 4.5, 1), ("b", 9.5, 1))
    _, dataset, _ = read(tmp_path, track(inside, "bird"), FIVE, "<size>5</size><stop_frame>3</stop_frame>")
    assert dataset.skeletons[0].names == ("a", "b")
    middle, end = dataset.images[1].keypoints[0], dataset.images[2].keypoints[0]
    np.testing.assert_allclose(middle.xy, [[2, 1], [2, 1]])
    np.testing.assert_allclose(end.xy, [[4, 1], [np.nan, np.nan]])
    assert len(dataset.images) == 3  # then all of it is outside


def test_a_bad_shape_costs_itself(tmp_path):
    inside = box("x", 0) + box(0, 0) + gone(1) + "<attribute name='a'>1</attribute>"
    bad = '<box frame="0" xtl="?" ytl="0" xbr="3" ybr="2" outside="0"/>' + gone(1)
    found, _, report = read(tmp_path, track(inside) + track(bad, "v", 1), FIVE, "<size>5</size>")
    assert found == {"8.png": {"w": (0, 0, 4, 2)}}
    said = [what for _, what in report.lost]
    assert said[:2] == ["track 0, box: the frame 'x' is no number", "1 attributes of shapes"]
    assert said[2].startswith("image 8.png, box, xtl: expected a number")


# Which images the frames are


@pytest.mark.parametrize(
    ("names", "meta", "image"),
    [
        (["frame_000002.png", "frame_000004.png", "x.png"], "", "frame_000004.png"),  # as CVAT calls them
        (["task/frame_000004.png", "x.png"], "<size>90</size>", "task/frame_000004.png"),
        (["a.png", "b.png", "c.png", "d.png", "e.png"], "<size>5</size>", "e.png"),  # as many
        ([f"{n:05d}.png" for n in range(1, 6)], "<size>5</size>", "00005.png"),  # counted from one
        ([f"{n:05d}.png" for n in range(0, 20, 2)], "<size>20</size>", "00004.png"),  # every second frame
        ([f"film_{n}.png" for n in range(8)], "", "film_4.png"),
        (["other/0.png", *(f"film/{n}.png" for n in range(5))], "<source>d:\\film.mp4</source>", "film/4.png"),
        (["c.png", "b.png"], "<size>5</size><start_frame>3</start_frame><stop_frame>4</stop_frame>", None),
        (["b.png", "c.png"], "<size>2</size><start_frame>3</start_frame><stop_frame>4</stop_frame>", "c.png"),
        (["a.png", "b.png"], "<size>2</size><frame_filter>step=4</frame_filter>", "b.png"),
        (["a.png", "b.png"], "<size>90</size>", None),
        ([], "<size>90</size>", None),
    ],
)  # fmt: skip
def test_the_image_of_a_frame(tmp_path, names, meta, image):
    found, _, report = read(tmp_path, track(box(4, 0) + gone(5)), names, meta)
    assert list(found) == ([image] if image else [])
    assert len(report.skipped) == (0 if image else 1)


def test_frames_without_images_are_said_in_one_line(tmp_path):
    inside = box(3, 0) + box(4, 0) + box(7, 0)
    _, _, report = read(tmp_path, track(inside), [], "<source>film.mp4</source>")
    cure = "extract the frames of film.mp4 first, or name their folder as the root"
    assert report.skipped == [("frames 3 to 7", f"there is no image for these 3 frames; {cure}")]


def test_numbers_that_no_film_has_take_no_memory(tmp_path):
    names = ["frame_000000.png", "frame_000001.png"]
    size = f"<original_size><width>{'1' * 400}</width><height>1</height></original_size>"
    meta = f"<stop_frame>999999999</stop_frame>{size}"
    found, _, report = read(tmp_path, track(box(0, 0) + box("9" * 400, 8) + box(900_000_000, 8)), names, meta)
    assert list(found) == names
    assert report.lost == [("v.xml", f"track 0, box: the frame '{'9' * 40}' is no number")]
