"""Label propagation on DAVIS sequences: J and F of the plain protocol and of the default, and what a correction brings.

`python -m tests.quality.video [--data FOLDER] [--size 448] [--only NAME …]`
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.backbone.extractor import extract
from counterpart.core.backbone.registry import DEFAULT_MODEL
from counterpart.core.evaluate.video import DavisSequence, VideoScore, davis_sequences, score_video
from counterpart.core.features.cache import FeatureCache, cache_dir
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.images.reading import ImageRef
from counterpart.core.images.video import FolderFrames
from counterpart.core.jobs import silent
from counterpart.core.pipeline.engine import Engine
from counterpart.core.track import MaskTracker, TrackParams, default_tap

ROOT = Path(__file__).resolve().parents[2]
STRIDE = 7


class Encoder:
    """Features of frames, from the cache where they are there; knows a frame by its pixels."""

    def __init__(self, engine: Engine, sequence: DavisSequence, taps: list[Tap], size: int) -> None:
        self.spec = engine.plan.spec(taps, STRIDE, size, saliency=False)
        self.engine = engine
        self.refs = [ImageRef(path, path.name) for path in sequence.frames]
        self.by_pixels: dict[bytes, int] = {}
        self.seconds = 0.0
        for index, frame in enumerate(FolderFrames(sequence.frames[0].parent, silent()).frames(silent())):
            self.by_pixels[self._key(frame.rgb)] = index

    @staticmethod
    def _key(rgb: NDArray[np.uint8]) -> bytes:
        return rgb[::16, ::16].tobytes()

    def __call__(self, rgb: NDArray[np.uint8]) -> FeatureMap:
        begin = time.process_time()
        ref = self.refs[self.by_pixels[self._key(rgb)]]
        ((_, feature_map),) = extract([ref], self.spec, self.engine.encoder, silent(), self.engine.cache)
        self.seconds += time.process_time() - begin
        return feature_map


def read_mask(path: Path | None) -> NDArray[np.uint8]:
    assert path is not None
    return (np.asarray(Image.open(path).convert("L")) > 127).astype(np.uint8)


class Outcome(NamedTuple):
    """What one run over a sequence gave.

    Attributes:
        score: J and F of every frame that is not annotated.
        said: (frames,) confidence of those frames.
        seconds: Processor time per frame, encoder left out.
    """

    score: VideoScore
    said: NDArray[np.float64]
    seconds: float


def run(sequence: DavisSequence, encode: Encoder, params: TrackParams, annotated: list[int]) -> Outcome:
    truth = [read_mask(path) for path in sequence.masks]
    source = FolderFrames(sequence.frames[0].parent, silent())
    given = {index: truth[index] for index in annotated}
    begin = time.process_time()
    results = [r for r in MaskTracker(source, given, params, encode, silent()) if r.frame not in given]
    seconds = (time.process_time() - begin - encode.seconds) / len(truth)
    score = score_video(((r.labels, truth[r.frame]) for r in results), [1])
    return Outcome(score, np.array([r.confidence for r in results]), seconds)


def encoder_seconds(engine: Engine, sequence: DavisSequence, tap: Tap, size: int, count: int = 4) -> float:
    """Processor time of encoding one frame."""
    frames = FolderFrames(sequence.frames[0].parent, silent()).frames(silent(), 0, count)
    images = [frame.rgb for frame in frames]
    engine.arrays(images[:1], [tap], size, STRIDE, silent(), saliency=False)
    begin = time.process_time()
    for image in images:
        engine.arrays([image], [tap], size, STRIDE, silent(), saliency=False)
    return (time.process_time() - begin) / len(images)


def main(arguments: list[str] | None = None) -> int:
    shared = Path(os.environ.get("COUNTERPART_SHARED") or ROOT.parent / "shared")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared / "data")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args(arguments)
    engine = Engine(args.model, cache=FeatureCache(cache_dir()))
    sequences = [s for s in davis_sequences(args.data / "davis-dev") if not args.only or s.name in args.only]
    final, chosen = Tap(engine.info.depth - 1, "normtoken"), default_tap(engine.info)
    table = [
        ("DINO's protocol, final tokens", TrackParams.paper(), final, False),
        (f"DINO's protocol, {chosen}", TrackParams.paper(), chosen, False),
        ("default without edges", replace(TrackParams(), edges=False), chosen, False),
        ("**default**", TrackParams(), chosen, False),
        ("default, middle frame corrected", TrackParams(), chosen, True),
    ]
    names = " | ".join(sequence.name for sequence in sequences)
    cost = encoder_seconds(engine, sequences[0], chosen, args.size)
    print(
        f"davis-dev, {engine.info.name}, longest side {args.size} at stride {STRIDE}: every frame but those annotated,"
    )
    print(f"scored at 480p, J / F in per cent. The encoder takes {cost:.2f} s of processor time a frame.\n")
    print(f"| | {names} | mean J | mean F | s/frame after the encoder |\n|---|{'---|' * (len(sequences) + 3)}")
    for title, params, tap, corrected in table:
        outcomes = []
        for sequence in sequences:
            annotated = [0, len(sequence.frames) // 2] if corrected else [0]
            outcomes.append(
                run(
                    sequence, Encoder(engine, sequence, [chosen, final], args.size), replace(params, tap=tap), annotated
                )
            )
        cells = " | ".join(f"{o.score.mean_j:.1f} / {o.score.mean_f:.1f}" for o in outcomes)
        j, f = np.mean([o.score.mean_j for o in outcomes]), np.mean([o.score.mean_f for o in outcomes])
        print(f"| {title} | {cells} | {j:.1f} | {f:.1f} | {np.mean([o.seconds for o in outcomes]):.2f} |", flush=True)
        if title == "**default**":
            default = outcomes
    said, true = np.concatenate([o.said for o in default]), np.concatenate([o.score.j[0] for o in default]) / 100
    print(
        f"\nThe default's confidence against J of the frame: correlation {np.corrcoef(said, true)[0, 1]:.2f}, ", end=""
    )
    print(f"mean {said.mean():.2f} said, {true.mean():.2f} true.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
