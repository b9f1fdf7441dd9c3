"""A backbone and jobs that need no weights: real values from simple pictures."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.project.model import Provenance
from counterpart.core.project.tiles import pack_labels
from counterpart.desktop.find.mask_jobs import MaskRequest, MaskResult, PreviewResult
from counterpart.desktop.jobs.backend import CacheUse, EngineState, ModelEntry
from counterpart.desktop.jobs.task import TaskSpec
from counterpart.desktop.widgets.form import Knob

TAP = Tap(9, "token")


def fake_features(ref: ImageRef, taps=(TAP,)) -> FeatureMap:
    """Features whose descriptors are mean colours of cells: like places look alike, the blob stands out."""
    data = read_image(ref.path)
    return fake_map(data.rgb, data.sha256, taps)


def fake_map(rgb: np.ndarray, sha256: str = "", taps=(TAP,)) -> FeatureMap:
    """The same of an image in memory."""
    geometry = GridGeometry.plan(rgb.shape[:2], 112, 14, 7)
    colour = geometry.pool(rgb.astype(np.float32)) / 255
    rng = np.random.default_rng(0)
    descriptors = np.tanh((colour - 0.4) @ rng.normal(size=(3, 16))).astype(np.float16)
    spec = FeatureSpec("fake", "0" * 64, tuple(taps), 7, 112, 11)
    attention = colour.mean(axis=-1)[None].repeat(6, axis=0).astype(np.float32)
    maps = tuple(descriptors.copy() for _ in taps)
    cls = tuple(descriptors.mean(axis=(0, 1)).astype(np.float32) for _ in taps)
    return FeatureMap(spec, sha256, geometry, maps, cls, attention)


class FakeSet(list):
    """Stands for a `FeatureSet`."""

    indices: tuple[int, ...] = ()
    refs: tuple[ImageRef, ...] = ()

    @property
    def digests(self):
        return [each.image_sha256 for each in self]

    @property
    def spec(self):
        return self[0].spec


class FakePlan:
    weights_sha256 = "0" * 64


class FakeEngine:
    """Stands for `Engine`."""

    provenance = Engine.provenance

    def __init__(self, name: str) -> None:
        from counterpart.core.backbone.registry import model_info

        self.info = model_info(name)
        self.defaults = self.info.defaults
        self.plan = FakePlan()
        self.cache = FeatureCache(None)
        self.encoded = 0

    def features(self, refs, taps, size, stride, ctx: JobContext, **_):
        found = FakeSet()
        kept = []
        for index, ref in enumerate(refs):
            ctx.step(index, len(refs), f"Features of {ref.name}")
            try:
                found.append(fake_features(ref, tuple(dict.fromkeys(taps))))
                kept.append(index)
                self.encoded += 1
            except Exception as error:  # noqa: BLE001  # as the extractor does
                ctx.fail(error)
        found.indices = tuple(kept)
        found.refs = tuple(refs[index] for index in kept)
        return found

    def arrays(self, images, taps, size, stride, ctx, **_):
        return [fake_map(rgb, taps=tuple(taps)) for rgb in images]


class FakeBackend:
    """Stands for `Backend`; remembers how it was used."""

    def __init__(self) -> None:
        self.engines: dict[str, FakeEngine] = {}
        self.closed = False
        self.cached = 340_000_000
        self.thread = threading.get_ident()

    @property
    def used(self) -> bool:
        return bool(self.engines)

    def engine(self, choice):
        return self.engines.setdefault(choice.name, FakeEngine(choice.name))

    def state(self, choice):
        return EngineState("cpu", "bfloat16", "the processor has bfloat16")

    def cache_use(self):
        return CacheUse(12_000_000, 340_000_000)

    def cache_bytes(self) -> int:
        return self.cached

    def clear_cache(self) -> None:
        self.cached = 0

    def set_bounds(self, memory_bytes, disk_bytes) -> None:
        self.bounds = (memory_bytes, disk_bytes)

    def forget(self) -> None:
        self.engines.clear()

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class FakeParams:
    parts: int = 2
    threshold: float = 0.4
    method: Literal["plain", "fine"] = "plain"
    fail: bool = False

    def __post_init__(self):
        if self.threshold > 0.95:
            raise UsageError("the threshold is too high", hint="Lower it")


class FakeJobs:
    """Makes jobs that label bright pixels, one half of them as each part; can be held up and made to fail."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.seen: list[FakeParams] = []

    def make(self, request: MaskRequest):
        choice, params, refs = request.choice, request.params, request.refs
        self.seen.append(params)

        def run(backend, ctx: JobContext) -> MaskResult:
            backend.engine(choice)
            masks, failed = {}, {}
            for index, (image, ref) in enumerate(refs.items()):
                ctx.step(index, len(refs), f"Image {index + 1}")
                self.begun.set()
                while not self.gate.wait(0.01):
                    ctx.check()
                if params.fail:
                    raise RuntimeError("the model broke")
                try:
                    rgb = read_image(ref.path).rgb
                except Exception as error:  # noqa: BLE001
                    failed[image] = str(error)
                    continue
                bright = rgb.mean(axis=-1) > params.threshold * 255
                labels = np.zeros(bright.shape, np.uint8)
                centre = int(np.nonzero(bright.any(axis=0))[0].mean()) if bright.any() else 0
                labels[:, :centre][bright[:, :centre]] = 1
                labels[:, centre:][bright[:, centre:]] = min(2, params.parts)
                masks[image] = pack_labels(labels)
            names = {0: 0, **{n: f"part {n}" for n in range(1, params.parts + 1)}}
            ctx.step(len(refs), len(refs), "Done")
            return MaskResult(masks, names, Provenance("parts"), dict.fromkeys(masks, 0.25), failed, "Found 2 parts.")

        return run


def fake_preview(request: MaskRequest):
    """A preview of what `FakeJobs` gives: bright tokens, cut into as many upright stripes as there are parts."""

    def run(_backend, _ctx: JobContext) -> PreviewResult:
        grids = {}
        for image, ref in request.refs.items():
            feature_map = fake_features(ref)
            bright = feature_map.attention[0] > request.params.threshold
            stripes = np.arange(bright.shape[1]) * request.params.parts // bright.shape[1] + 1
            grids[image] = (np.where(bright, stripes[None], 0).astype(np.uint8), feature_map.geometry)
        names = {n: f"part {n}" for n in range(1, request.params.parts + 1)}
        colours = {n: (20 * n, 90, 200) for n in names}
        return PreviewResult(grids, names, colours, frozenset(), f"found {len(names)} parts")

    return run


FAKE_TASKS = (
    TaskSpec(
        "parts",
        "Parts",
        "Finds the parts that all images share",
        lambda _model: FakeParams(),
        lambda _model: {"parts": Knob("Parts", low=1, high=12, step=1), "threshold": Knob("Threshold", high=1.0)},
        ("parts",),
        ("threshold", "method", "fail"),
        "Find parts",
    ),
    TaskSpec(
        "object",
        "Object",
        "Finds the object that all images share",
        lambda _model: FakeParams(parts=1),
        lambda _model: {},
        ("threshold",),
        ("method",),
        "Find object",
    ),
)

FAKE_MODELS = [
    ModelEntry("dinov2_vits14_focus", "Focus", True, "For tests."),
    ModelEntry("dino_vits8", "DINO ViT-S/8", False, "Not here."),
]
