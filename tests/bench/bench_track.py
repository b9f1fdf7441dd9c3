"""Tracking masks: memory of 2,000 frames against 50, and the share of the encoder in the time of a frame.

Run `python -m tests.bench track`; needs no installed weights (times do not depend on their values). Memory is the peak
of a process of its own per length, with a tiny backbone; shares are processor time of one thread with the embedded
backbone's shape at the default size.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch reads it
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy reads it

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

LENGTHS = (50, 2000)
HW = (72, 96)


class Clip:
    """A square that moves over noise, made while it is read."""

    def __init__(self, count: int, hw: tuple[int, int]) -> None:
        self.count, self.hw = count, hw
        self.back = np.random.default_rng(0).integers(40, 90, (*hw, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"{index:05d}.png"

    def mask(self, index: int) -> np.ndarray:
        side, (height, width) = self.hw[0] // 3, self.hw
        left = abs(index % (2 * (width - side)) - (width - side))
        mask = np.zeros(self.hw, np.uint8)
        mask[(height - side) // 2 : (height + side) // 2, left : left + side] = 1
        return mask

    def frames(self, ctx, start: int = 0, stop: int | None = None):
        from counterpart.core.images.video import Frame

        for index in range(start, self.count if stop is None else min(stop, self.count)):
            rgb = self.back.copy()
            rgb[self.mask(index) > 0] = (220, 60, 50)
            yield Frame(index, self.name(index), rgb)


def memory(count: int) -> float:
    """Track a whole folder of frames with a tiny backbone; the peak of this process in MiB."""
    import pytest

    from counterpart.core.jobs import silent
    from counterpart.core.pipeline.engine import Engine, open_cache
    from counterpart.core.pipeline.video import track_masks as tracking
    from tests.core.backbone_tiny import install_tiny

    clip = Clip(count, HW)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "open_frames", lambda path, ctx: clip)
        engine = Engine(install_tiny(patch, Path(folder, "models")), cache=open_cache("none"))
        job = tracking.TrackJob(tracking.TrackJob.for_engine(engine).params, None, 8)
        done = tracking.track_to_files(engine, Path(folder), {0: clip.mask(0)}, job, Path(folder, "out"), silent())
        assert len(done.frames) == count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def shares(frames: int, size: int) -> tuple[float, float]:
    """Seconds of processor time per frame: in the encoder, and after it."""
    from counterpart.core.backbone.convert import build_module
    from counterpart.core.backbone.device import place
    from counterpart.core.backbone.extractor import extract_arrays
    from counterpart.core.backbone.plan import EncoderPlan
    from counterpart.core.backbone.registry import model_info
    from counterpart.core.backbone.vit import VitEncoder
    from counterpart.core.jobs import silent
    from counterpart.core.pipeline.video.track_job import TrackJob
    from counterpart.core.track import MaskTracker, TrackParams, default_tap

    info = model_info("dinov2_vits14_focus")
    plan = EncoderPlan(info, "random", place("cpu", "auto", info.width))
    rng = np.random.default_rng(0)
    shapes = {name: tuple(value.shape) for name, value in build_module(info).state_dict().items()}
    state = {name: (0.02 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    encoder = VitEncoder(plan, state)
    tap = default_tap(info)
    job = TrackJob(TrackParams(tap=tap), size, info.defaults.points_stride)
    spec = plan.spec([tap], job.stride, job.size, False)
    spent = 0.0

    def encode(rgb):
        nonlocal spent
        begin = time.process_time()
        (found,) = extract_arrays([rgb], spec, encoder, silent())
        spent += time.process_time() - begin
        return found

    clip = Clip(frames + 1, (480, 854))
    encode(next(clip.frames(silent())).rgb)
    spent, begin = 0.0, time.process_time()
    for _ in MaskTracker(clip, {0: clip.mask(0)}, job.params, encode, silent()):
        pass
    return spent / frames, (time.process_time() - begin - spent) / frames


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and compare with what is aimed at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", type=int, metavar="FRAMES", help=argparse.SUPPRESS)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    if options.memory:
        print(memory(options.memory))
        return 0
    if options.quick:
        print(f"    2 frames: peak {memory(2):.0f} MiB")
        print("encoder {:.2f} s, rest {:.2f} s of processor time".format(*shares(1, 56)))
        return 0
    peaks = []
    for count in LENGTHS:
        command = [sys.executable, "-m", "tests.bench.bench_track", "--memory", str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout.split()[-1]))
        print(f"{count:5d} frames: peak {peaks[-1]:.0f} MiB", flush=True)
    encoder, rest = shares(4, 448)
    share = encoder / (encoder + rest)
    print(f"difference: {peaks[1] - peaks[0]:.0f} MiB (aim: at most 300)")
    print(f"a frame of 854 x 480 at the default size: encoder {encoder:.2f} s, rest {rest:.2f} s of processor time;")
    print(f"{share:.0%} in the encoder (aim: at least 70 %)")
    return 0 if peaks[1] - peaks[0] <= 300 and share >= 0.7 else 1


if __name__ == "__main__":
    sys.exit(main())
