"""SLEAP's files as sleap-io, its own reader, reads them, and what is taken from them."""

import numpy as np
import pytest

from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from tests.core import format_tools

sio = pytest.importorskip("sleap_io")

BIRD = Skeleton(("nose", "left ear", "right ear"), ((0, 1), (2, 0)), (), ((1, 2),), "bird", 4)
HW = (40, 50)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Two images, the first with an instance that a person drew and a predicted one."""
    folder = tmp_path_factory.mktemp("sleap")
    drawn = KeypointSet.make([[4, 6.5], [np.nan, np.nan], [9, 19]], skeleton=4, box=(0, 0, 9, 9))
    guessed = KeypointSet.make(
        [[1, 2], [3, 4], [np.nan, np.nan]], score=[0.5, 0.25, 0], origin=Origin.TRANSFERRED, skeleton=4
    )
    images = [
        AnnotatedImage("f/a.jpg", HW, file=folder / "photos" / "a.jpg", keypoints=(drawn, guessed)),
        AnnotatedImage("b.jpg", HW, keypoints=(KeypointSet.make([[7, 8], [1, 1], [2, 2]], [2, 1, 2], skeleton=4),)),
        AnnotatedImage("none.jpg", HW),
    ]
    report = format_tools.write("sleap", Dataset(skeletons=(BIRD,), images=images), folder / "out.slp")
    return folder / "out.slp", report


def test_sleap_reads_images_as_films_of_one_frame(file):
    labels = sio.load_slp(file[0].as_posix(), open_videos=False)
    first, second = labels
    assert [frame.video.filename[0] for frame in labels] == [(file[0].parent / "photos/a.jpg").as_posix(), "b.jpg"]
    assert len(labels.videos) == 2
    assert tuple(first.video.backend_metadata["shape"]) == (1, 40, 50, 3)
    assert first.frame_idx == second.frame_idx == 0
    (skeleton,) = labels.skeletons
    assert (skeleton.name, skeleton.node_names) == ("bird", ["nose", "left ear", "right ear"])
    assert [tuple(edge) for edge in skeleton.edge_inds] == [(0, 1), (2, 0)]
    assert [{node.name for node in each.nodes} for each in skeleton.symmetries] == [{"left ear", "right ear"}]


def test_sleap_tells_drawn_instances_from_predicted_ones(file):
    first, _ = sio.load_slp(file[0].as_posix(), open_videos=False)
    predicted = [each for each in first.instances if isinstance(each, sio.PredictedInstance)]
    drawn = [each for each in first.instances if not isinstance(each, sio.PredictedInstance)]
    np.testing.assert_array_equal(drawn[0].numpy(), [[4, 6.5], [np.nan, np.nan], [9, 19]])
    np.testing.assert_array_equal(predicted[0].numpy()[:, :2], [[1, 2], [3, 4], [np.nan, np.nan]])
    assert predicted[0].score == pytest.approx((0.5 + 0.25) / 2)
    np.testing.assert_allclose(predicted[0].points["score"][:2], [0.5, 0.25])


def test_what_sleap_cannot_hold_is_said(file):
    report = file[1]
    assert (report.images, report.annotations) == (2, 3)
    assert report.skipped == [("none.jpg", "it has no keypoints")]
    assert [name for name, _ in report.lost if name == "f/a.jpg"] == ["f/a.jpg"]
    assert any("box" in what for name, what in report.lost if name == "f/a.jpg")
    assert any("occluded" in what for name, what in report.lost if name == "b.jpg")


def test_sleap_is_read_with_names_edges_and_pairs(file):
    dataset, _ = format_tools.read("sleap", file[0], format_tools.source_of({"b.jpg": HW}))
    (skeleton,) = dataset.skeletons
    assert (skeleton.names, skeleton.edges, skeleton.mirror_pairs) == (BIRD.names, BIRD.edges, BIRD.mirror_pairs)
    assert (skeleton.name, skeleton.id) == ("bird", 1)
    first, second = dataset.images
    assert second.name == "b.jpg"
    by_origin = {Origin(int(points.origin[0])): points for points in first.keypoints}
    np.testing.assert_array_equal(by_origin[Origin.USER].xy, [[4, 6.5], [np.nan, np.nan], [9, 19]])
    assert by_origin[Origin.USER].score.tolist() == [1, 1, 1]
    np.testing.assert_allclose(by_origin[Origin.TRANSFERRED].score[:2], [0.5, 0.25])
    assert by_origin[Origin.TRANSFERRED].visibility.tolist() == [2, 2, 0]
