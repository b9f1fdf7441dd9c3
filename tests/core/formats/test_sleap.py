"""SLEAP's files as sleap-io, its own reader, reads them, and what is taken from them."""

import shutil

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import ExportOptions, export_project, import_into
from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document
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


def saved(folder, *frames, embed=None):
    """A file of SLEAP with (video, frame, points, track) each."""
    skeleton = sio.Skeleton(["nose", "tail"], name="fly")
    labelled = [
        sio.LabeledFrame(
            video=video,
            frame_idx=index,
            instances=[sio.Instance.from_numpy(points_data=np.array(xy, float), skeleton=skeleton, track=track)],
        )
        for video, index, xy, track in frames
    ]
    folder.mkdir(exist_ok=True)
    out = folder / ("x.pkg.slp" if embed else "x.slp")
    sio.Labels(labelled).save(out.as_posix(), embed=embed, verbose=False)
    return out


def test_frames_that_a_file_carries_become_photographs(tmp_path):
    pixels = [np.random.default_rng(seed).integers(0, 255, (20, 30, 3)).astype(np.uint8) for seed in range(3)]
    (tmp_path / "clip").mkdir()
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"clip/{number}.png")
    film = sio.Video.from_filename([str(tmp_path / f"clip/{number}.png") for number in range(3)])
    who = sio.Track("ann")
    path = saved(tmp_path / "in", (film, 0, [[1, 2], [3, 4]], None), (film, 2, [[5, 6], [7, 8]], who), embed="user")
    shutil.rmtree(tmp_path / "clip")
    with Document.new(tmp_path / "p.counterpart") as project:
        report = import_into(project, path, "sleap", silent())
        assert (report.added_images, report.skipped) == (["clip/00000.png", "clip/00002.png"], [])
        for number, seen in ((1, 0), (2, 2)):
            assert np.array_equal(read_image(project.image_path(number)).rgb, pixels[seen])
        assert project.keypoints(2)[0].xy.tolist() == [[5, 6], [7, 8]]
        export_project(project, "sleap", tmp_path / "out.slp", ExportOptions(), silent())
        assert import_into(project, path, "sleap", silent()).annotations == 0
    back = sio.load_slp((tmp_path / "out.slp").as_posix(), open_videos=False)
    assert [one.track and one.track.name for frame in back for one in frame.instances] == [None, "ann"]


def test_a_missing_film_is_said_in_one_line(tmp_path):
    film = sio.Video(filename="/lab/movies/mouse.mp4", open_backend=False)
    path = saved(tmp_path / "in", *((film, number, [[1, 2], [3, 4]], None) for number in range(5)))
    with Document.new(tmp_path / "p.counterpart") as project:
        with pytest.raises(FormatError, match=r"mouse\.mp4: there is no such file \(5 labelled frames\)"):
            import_into(project, path, "sleap", silent())
        photos = tmp_path / "photos/mouse"
        photos.mkdir(parents=True)
        for number in (0, 3):
            Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(photos / f"{number:05d}.jpg")
        project.add_images(find_images([tmp_path / "photos"]))
        report = import_into(project, path, "sleap", silent())
        assert report.images == 2
        assert report.skipped == [("x.slp", "/lab/movies/mouse.mp4: there is no such file (3 labelled frames)")]


def test_frames_are_taken_out_of_a_film_beside_the_file(tmp_path):
    av = pytest.importorskip("av")
    (tmp_path / "in").mkdir()
    with av.open(str(tmp_path / "in/mouse.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    film = sio.Video(filename="D:\\lab\\mouse.mp4", open_backend=False)
    path = saved(tmp_path / "in", (film, 4, [[1, 2], [3, 4]], None))
    with Document.new(tmp_path / "p.counterpart") as project:
        report = import_into(project, path, "sleap", silent())
        assert report.added_images == ["mouse/00004.png"]
        assert project.image(1).hw == (48, 64)
        assert read_image(project.image_path(1)).rgb.mean() == pytest.approx(160, abs=4)


def test_a_whole_path_is_no_name_for_an_image(tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "in/a.png")
    film = sio.Video.from_filename([str(tmp_path / "in/a.png")])
    with Document.new(tmp_path / "p.counterpart") as project:
        assert import_into(
            project, saved(tmp_path / "in", (film, 0, [[1, 2], [3, 4]], None)), "sleap", silent()
        ).added_images == ["a.png"]
