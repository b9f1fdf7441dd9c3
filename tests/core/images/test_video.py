"""Frames of videos and folders, and the metrics of video segmentation."""

import contextlib
import os
import socket
import struct
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import CounterpartError, ImageError, JobCancelledError, ProtocolError, UsageError
from counterpart.core.evaluate.video import boundary_f, boundary_map, davis_sequences, region_j, score_video
from counterpart.core.images.sample_tables import claimed_samples
from counterpart.core.images.video import ArrayFrames, FolderFrames, FrameSource, VideoFrames, open_frames
from counterpart.core.jobs import CancelToken, JobContext, silent

HW = (48, 64)


def picture(index, hw=HW):
    """A frame that tells its index: a bar of brightness, and a red corner at the top left."""
    rgb = np.zeros((*hw, 3), np.uint8)
    rgb[:] = 40 + 6 * index
    rgb[: hw[0] // 3, : hw[1] // 3] = (230, 20, 20)
    return rgb


def index_of(rgb):
    return round((float(rgb[-8:, -8:].mean()) - 40) / 6)


def write_video(path, count=20, times=None, codec="mpeg4", options=None, title=""):
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = HW[1], HW[0], "yuv420p"
        stream.bit_rate = 4_000_000
        stream.gop_size = 6
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts = index if times is None else times[index]
            frame.time_base = Fraction(1, 10) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_folder(folder, names):
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        Image.fromarray(picture(index)).save(folder / name)
    return folder


# Videos --------------------------------------------------


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "ünï 图.mp4"])
def test_a_video_gives_its_frames_in_order_with_index_name_and_time(tmp_path, name):
    source = open_frames(write_video(tmp_path / name), silent())
    assert isinstance(source, FrameSource)
    frames = list(source.frames(silent()))
    assert len(source) == len(frames) == 20
    assert source.hw == HW
    assert [index_of(f.rgb) for f in frames] == [f.index for f in frames] == list(range(20))
    assert frames[7].name == source.name(7) == "00007"
    assert frames[7].time_s == pytest.approx(0.7, abs=0.051)


@pytest.mark.parametrize("start", [1, 5, 6, 7, 13, 19])
def test_starting_anywhere_gives_the_same_picture_as_going_through(tmp_path, start):
    source = open_frames(write_video(tmp_path / "clip.mp4"), silent())
    through = list(source.frames(silent()))
    part = list(source.frames(silent(), start, start + 3))
    assert [f.index for f in part] == list(range(start, min(start + 3, 20)))
    for frame in part:
        np.testing.assert_array_equal(frame.rgb, through[frame.index].rgb)


def test_a_variable_frame_rate_keeps_every_frame_and_tells_its_time(tmp_path):
    times = np.cumsum([0] + [40, 40, 200, 10, 500] * 3).tolist()
    source = VideoFrames(write_video(tmp_path / "clip.mkv", len(times), times), silent())
    frames = list(source.frames(silent()))
    assert [index_of(f.rgb) for f in frames] == list(range(len(times)))
    np.testing.assert_allclose([f.time_s for f in frames], np.array(times) / 1000, atol=0.002)
    assert source.fps == pytest.approx((len(times) - 1) / (times[-1] / 1000), rel=0.01)
    assert index_of(next(source.frames(silent(), 9)).rgb) == 9


@pytest.mark.parametrize(("matrix", "corner"), [((0, 1, -1, 0), "top right"), ((0, -1, 1, 0), "bottom left")])
def test_a_video_filmed_sideways_comes_out_upright(tmp_path, matrix, corner):
    path = write_video(tmp_path / "clip.mp4", 3)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the display matrix follows 40 bytes of header
    a, b, c, d = (value * 65536 for value in matrix)
    assert struct.unpack_from(">9i", data, at) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    source = VideoFrames(path, silent())
    assert source.hw == (HW[1], HW[0])
    rgb = next(source.frames(silent())).rgb.astype(int)
    red = np.argwhere(rgb[..., 0] - rgb[..., 1] > 100).mean(axis=0) / rgb.shape[:2]
    expected = {"top right": (1 / 6, 5 / 6), "bottom left": (5 / 6, 1 / 6)}[corner]
    np.testing.assert_allclose(red, expected, atol=0.05)


def test_a_video_that_ends_early_gives_what_is_there_and_says_how_many_were_expected(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", 34, options={"movflags": "faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 6 // 10])
    ctx = silent()
    frames = list(open_frames(cut, ctx).frames(ctx))
    assert 5 < len(frames) < 34
    assert [index_of(f.rgb) for f in frames[:-1]] == list(range(len(frames) - 1))
    assert any("ends early" in text and "of 34" in text and "cut.mp4" in text for text in ctx.warnings)


def test_damage_in_the_tail_is_passed_over_and_warned_about(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 30, codec="libx264" if has_codec("libx264") else "mpeg4")
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov")
    begin = start + (end - start) * 7 // 10
    data[begin : end - 8] = np.random.default_rng(0).bytes(end - 8 - begin)
    path.write_bytes(data)
    ctx = silent()
    frames = list(open_frames(path, ctx).frames(ctx))
    assert 10 < len(frames) <= 30
    assert [index_of(f.rgb) for f in frames[:10]] == list(range(10))


def has_codec(name):
    av = pytest.importorskip("av")
    return name in av.codecs_available


def test_a_change_of_size_inside_a_video_is_named_with_its_frame(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = HW[1], HW[0], "yuvj420p"
        other = av.CodecContext.create("mjpeg", "w")
        other.width, other.height, other.pix_fmt, other.time_base = 32, 24, "yuvj420p", Fraction(1, 10)
        for index in range(6):
            small = index >= 4
            frame = av.VideoFrame.from_ndarray(picture(index, (24, 32) if small else HW), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            frame = frame.reformat(format="yuvj420p")
            for packet in (other if small else stream).encode(frame):
                packet.stream = stream
                packet.pts = packet.dts = index * 100
                packet.time_base = Fraction(1, 1000)
                container.mux(packet)
    source = open_frames(path, silent())
    seen = []
    with pytest.raises(ImageError, match=r"frame 00004 is 32 x 24 pixels, the first is 64 x 48"):
        seen.extend(frame.index for frame in source.frames(silent()))
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"not a video at all " * 50, b"\x00\x00\x00\x18ftypmp42" + bytes(200)])
def test_a_file_that_is_no_video_is_named(tmp_path, content):
    pytest.importorskip("av")
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"broken\.mp4: this is not a video that can be read"):
        open_frames(path, silent())


def test_a_sound_file_holds_no_pictures(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ImageError, match="no pictures"):
        open_frames(path, silent())


def test_without_the_extra_a_video_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CounterpartError, match=r"counterpart\[video\]"):
        open_frames(path, silent())


def test_cancelling_stops_between_frames(tmp_path):
    token = CancelToken()
    source = open_frames(write_video(tmp_path / "clip.mp4"), silent())
    seen = []

    def watch():
        for frame in source.frames(JobContext(token=token)):
            seen.append(frame.index)
            if frame.index == 4:
                token.cancel()

    with pytest.raises(JobCancelledError):
        watch()
    assert seen == [0, 1, 2, 3, 4]


# Folders --------------------------------------------------


def test_a_folder_gives_its_own_images_in_natural_order(tmp_path):
    folder = write_folder(tmp_path / "clip", [f"frame{i}.png" for i in range(12)])
    write_folder(folder / "thumbnails", ["frame0.png"])
    ctx = silent()
    source = open_frames(folder, ctx)
    frames = list(source.frames(ctx, 8, 11))
    assert [f.name for f in frames] == ["frame8.png", "frame9.png", "frame10.png"]
    assert [index_of(f.rgb) for f in frames] == [8, 9, 10]
    assert (len(source), source.hw, ctx.warnings) == (12, HW, [])


def test_frames_missing_from_the_middle_are_named(tmp_path):
    numbers = [n for n in range(30) if n not in {4, 11, 12, 13}]
    ctx = silent()
    source = FolderFrames(write_folder(tmp_path / "clip", [f"{n:05d}.png" for n in numbers]), ctx)
    assert len(source) == 26
    assert any("00004, 00011-00013" in text for text in ctx.warnings)


def test_a_folder_sampled_every_fifth_frame_misses_nothing(tmp_path):
    ctx = silent()
    FolderFrames(write_folder(tmp_path / "clip", [f"{n:05d}.png" for n in range(0, 60, 5)]), ctx)
    assert ctx.warnings == []


def test_a_damaged_frame_is_recorded_and_the_others_keep_their_places(tmp_path):
    folder = write_folder(tmp_path / "clip", [f"{n:05d}.png" for n in range(5)])
    (folder / "00002.png").write_text("no image")
    ctx = silent()
    frames = list(open_frames(folder, ctx).frames(ctx))
    assert [f.index for f in frames] == [0, 1, 3, 4]
    assert [error.path.name for error in ctx.failures] == ["00002.png"]


def test_a_frame_of_another_size_is_named(tmp_path):
    folder = write_folder(tmp_path / "clip", [f"{n:05d}.png" for n in range(4)])
    Image.fromarray(picture(3, (20, 30))).save(folder / "00003.png")
    with pytest.raises(ImageError, match=r"frame 00003\.png is 30 x 20 pixels, the first is 64 x 48"):
        list(open_frames(folder, silent()).frames(silent()))


def test_places_without_frames_are_named(tmp_path):
    with pytest.raises(UsageError, match="no such file or folder"):
        open_frames(tmp_path / "nothing", silent())
    with pytest.raises(UsageError, match="no images"):
        open_frames(tmp_path, silent())
    write_folder(tmp_path / "inner", ["a.png"])
    with pytest.raises(UsageError, match="directly in it"):
        open_frames(tmp_path, silent())
    with pytest.raises(UsageError, match="one image, not a video"):
        open_frames(tmp_path / "inner" / "a.png", silent())


def test_frames_in_memory_are_a_source_too():
    source = ArrayFrames([picture(i) for i in range(4)])
    assert isinstance(source, FrameSource)
    assert [f.index for f in source.frames(silent(), 1, 9)] == [1, 2, 3]
    with pytest.raises(ImageError, match="frame 00001"):
        list(ArrayFrames([picture(0), picture(1, (9, 9))]).frames(silent()))


# Metrics --------------------------------------------------


def square(top, left, size=20, hw=(60, 80)):
    mask = np.zeros(hw, bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_region_similarity_is_intersection_over_union_and_agreeing_on_nothing_is_right():
    assert region_j(square(10, 10), square(10, 20)) == pytest.approx(200 / 600)
    assert region_j(np.zeros((5, 5), bool), np.zeros((5, 5), bool)) == 1
    assert region_j(np.zeros((5, 5), bool), np.ones((5, 5), bool)) == 0


def test_a_boundary_is_one_pixel_wide_and_the_image_border_is_none():
    edge = boundary_map(square(10, 10))
    assert edge.sum() == 4 * 20
    assert not boundary_map(np.ones((10, 12), bool)).any()


def test_boundaries_within_the_tolerance_agree_and_beyond_it_do_not():
    truth = square(20, 30)
    assert boundary_f(truth, truth) == 1
    assert boundary_f(square(20, 31), truth) == 1, "0.008 of a 100-pixel diagonal is one pixel"
    shifted = boundary_f(square(20, 34), truth)
    assert 0.4 < shifted < 0.7, "the horizontal sides still agree"
    assert boundary_f(square(20, 34), truth, tolerance=5) == 1


def test_a_boundary_against_none_scores_nothing():
    empty = np.zeros((60, 80), bool)
    assert boundary_f(empty, empty) == 1
    assert boundary_f(square(5, 5), empty) == boundary_f(empty, square(5, 5)) == 0


def test_a_sequence_is_averaged_over_frames_then_objects():
    truth = square(20, 10).astype(int) + 2 * square(20, 50)
    half = truth.copy()
    half[truth == 2] = 0
    score = score_video([(truth, truth), (half, truth)], [1, 2])
    np.testing.assert_allclose(score.j, [[100, 100], [100, 0]])
    assert score.mean_j == pytest.approx(75)


def test_scoring_maps_of_different_sizes_or_no_frames_is_an_error():
    with pytest.raises(ValueError, match="cannot be scored"):
        score_video([(np.zeros((3, 3), int), np.zeros((4, 3), int))], [1])
    with pytest.raises(ValueError, match="no frames"):
        score_video([], [1])


def make_davis(root, level="480p", names=("bear", "cat"), count=3):
    for name in names:
        images, masks = root / "JPEGImages" / level / name, root / "Annotations" / level / name
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(count):
            Image.fromarray(picture(index)).save(images / f"{index:05d}.jpg")
            Image.fromarray(np.zeros(HW, np.uint8)).save(masks / f"{index:05d}.png")
    return root


@pytest.mark.parametrize("level", ["480p", "."])
def test_the_davis_layout_is_read_with_and_without_its_resolution_level(tmp_path, level):
    found = davis_sequences(make_davis(tmp_path, level))
    assert [s.name for s in found] == ["bear", "cat"]
    assert [p.name for p in found[0].masks] == ["00000.png", "00001.png", "00002.png"]


def test_splits_are_read_in_the_form_of_either_year(tmp_path):
    make_davis(tmp_path)
    for year, text in [
        ("2017", "cat\n"),
        ("2016", "/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png\n"),
    ]:
        (tmp_path / "ImageSets" / year).mkdir(parents=True)
        (tmp_path / "ImageSets" / year / "val.txt").write_text(text)
    assert [s.name for s in davis_sequences(tmp_path, "val")] == ["cat"]
    assert [s.name for s in davis_sequences(tmp_path, "val", 2016)] == ["bear"]


def test_what_is_missing_from_the_layout_is_named_with_what_was_expected(tmp_path):
    with pytest.raises(ProtocolError, match="JPEGImages: this folder of the DAVIS layout is missing"):
        davis_sequences(tmp_path)
    make_davis(tmp_path)
    with pytest.raises(ProtocolError, match=r"val\.txt: the list of the split 'val' is missing"):
        davis_sequences(tmp_path, "val")
    (tmp_path / "Annotations/480p/cat/00001.png").unlink()
    assert davis_sequences(tmp_path)[1].masks[1] is None
    (tmp_path / "Annotations/480p/cat/00000.png").unlink()
    with pytest.raises(ProtocolError, match="first frame of 'cat' has no mask"):
        davis_sequences(tmp_path)


# Videos made to do harm --------------------------------------------------


@pytest.fixture
def listener():
    """A port of this machine, and what was sent to it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()


LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile {inner}\n",
    "ffconcat over the network": "ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.mp4\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{inner}\n#EXT-X-ENDLIST\n",
    "HLS over the network": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>http://127.0.0.1:{port}/a.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "subtitles": "1\n00:00:00,000 --> 00:00:09,000\nhttp://127.0.0.1:{port}/\n",
    "metadata": ";FFMETADATA1\ntitle=http://127.0.0.1:{port}/\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.ffconcat", "list.m3u8", "list.sdp", "list.mpd"])
def test_a_list_of_other_files_is_no_video_whatever_it_is_called(tmp_path, listener, kind, name):
    inner = write_video(tmp_path / "inner.mp4", 2)
    path = tmp_path / name
    path.write_text(LISTS[kind].format(inner=inner.name, port=listener.getsockname()[1]))
    with pytest.raises(ImageError, match="not a video that can be read") as caught:
        open_frames(path, silent())
    assert caught.value.path == path


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize(
    "name",
    ["a:b.mp4", "file:x.mp4", "http:x.mp4", "concat:x.mp4|y.mp4", "data:x.mp4", "x%03d.mp4", "-i.mp4", "x?y#z.mp4"],
)
def test_a_name_is_a_name_and_never_an_address(tmp_path, monkeypatch, name):
    write_video(tmp_path / "clip.mp4", 3)
    (tmp_path / "clip.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(VideoFrames(Path(name), silent())) == 3
    (tmp_path / name).rename(tmp_path / "x.mp4")  # what the name would lead to
    (tmp_path / "y.mp4").write_bytes((tmp_path / "x.mp4").read_bytes())
    with pytest.raises(ImageError, match="no such video"):
        VideoFrames(Path(name), silent())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_no_video_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(ImageError, match="no such video"):
        VideoFrames(tmp_path / "clip.mp4", silent())
    with pytest.raises(UsageError, match="no such file"):
        open_frames(tmp_path / "clip.mp4", silent())


def _forged(path, kind, at, layout, *values):
    """Overwrite numbers of a box, `at` bytes after its name."""
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, data.index(kind) + 4 + at, *values)
    path.write_bytes(data)
    return path


def test_pictures_that_are_only_claimed_take_no_memory(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 5)
    for kind, layout, values in (
        (b"stsz", ">III", (0, 1, 1_000_000_000)),
        (b"stsc", ">IIIII", (0, 1, 1, 1_000_000_000, 1)),
        (b"stts", ">IIII", (0, 1, 1_000_000_000, 1)),
    ):
        _forged(path, kind, 0, layout, *values)
    with pytest.raises(ImageError, match="claims 1000000000 pictures"):
        open_frames(path, silent())


def test_claims_of_fragments_count_and_uncompressed_sound_does_not(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 5, options={"movflags": "frag_keyframe+empty_moov"})
    assert claimed_samples(path) == len(VideoFrames(path, silent())) == 5
    _forged(path, b"trun", 4, ">I", 2_000_000_000)
    with pytest.raises(ImageError, match="claims 200000000"):
        open_frames(path, silent())
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mov"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    assert claimed_samples(tmp_path / "sound.mov") == 0
    assert claimed_samples(write_video(tmp_path / "clip.mkv", 3)) == 0


def test_a_compressed_header_is_not_unpacked(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 3)
    path.write_bytes(path.read_bytes().replace(b"mvhd", b"cmov"))
    with pytest.raises(ImageError, match="header is compressed"):
        open_frames(path, silent())


@pytest.mark.parametrize("number", [0, 0x7FFFFFFF, -0x80000000])
def test_a_turn_that_is_none_leaves_pictures_as_they_are(tmp_path, number):
    path = _forged(write_video(tmp_path / "clip.mp4", 3), b"tkhd", 40, ">9i", *[number] * 9)
    try:
        source = VideoFrames(path, silent())
    except ImageError:
        return
    assert source.hw == HW


def test_times_that_cannot_be_give_no_rate(tmp_path):
    path = _forged(write_video(tmp_path / "clip.mp4", 5), b"mdhd", 12, ">I", 0x7FFFFFFF)
    source = VideoFrames(path, silent())
    assert source.fps == 0
    assert [index_of(frame.rgb) for frame in source.frames(silent())] == list(range(5))


def test_pictures_beyond_the_limit_are_not_decoded(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.mp4", 3)
    monkeypatch.setattr("counterpart.core.images.video.MOST_PIXELS", HW[0] * HW[1] - 1)
    with pytest.raises(ImageError, match="64 x 48 pixels are too large"):
        open_frames(path, silent())


def test_a_title_in_another_encoding_does_not_hide_a_video(tmp_path):
    path = write_video(tmp_path / "clip.avi", 3, title="xxTITLExx")
    path.write_bytes(path.read_bytes().replace(b"xxTITLExx", b"caf\xe9 \xff\xfe "))
    assert len(open_frames(path, silent())) == 3


def test_damage_anywhere_is_named_or_passed_over(tmp_path):
    rng = np.random.default_rng(0)
    path = write_video(tmp_path / "clip.mp4", 4)
    whole = path.read_bytes()
    tables = range(whole.index(b"moov"), len(whole))
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.choice(tables, 3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(ImageError):
            source = open_frames(path, silent())
            assert len(list(source.frames(silent()))) <= 1000
