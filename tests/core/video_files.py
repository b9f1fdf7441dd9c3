"""Small videos for tests."""

from fractions import Fraction

import numpy as np
import pytest


def moving_blob(index, hw=(96, 128)):
    """A bright blob that goes to the right by five pixels a frame, on dark noise that stays; (H, W, 3) uint8."""
    rng = np.random.default_rng(7)
    rgb = rng.integers(20, 60, (*hw, 3)).astype(np.uint8)
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    rgb[np.hypot(xx - (30 + 5 * index), yy - hw[0] / 2) < 16] = (230, 180, 90)
    return rgb


def blob_x(rgb):
    """Where the blob's centre is, x."""
    return float(np.nonzero(rgb[..., 0].astype(int) - rgb[..., 2] > 70)[1].mean())


def write_blob_video(path, count=12, times_ms=None, rate=10):
    """Write a video of a moving blob; needs PyAV. `times_ms` makes the frame rate variable."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.bit_rate = 4_000_000
        if times_ms is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(moving_blob(index), format="rgb24")
            frame.pts = index if times_ms is None else times_ms[index]
            frame.time_base = Fraction(1, rate) if times_ms is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
