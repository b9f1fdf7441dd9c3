"""What runs on the worker thread: the engines, and the job functions that the window submits.

Every function here is called on the worker thread with immutable arguments, and returns values. None of them
knows the document or a widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from counterpart.core.backbone.registry import DEFAULT_MODEL, list_models, model_info
from counterpart.core.backbone.weights import is_installed
from counterpart.core.features.cache import FeatureCache, cache_dir
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.desktop.jobs.warm_up import warm_up
from counterpart.desktop.shell.settings import Preferences


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model computes, and where.

    Attributes:
        name: Registry name.
        device: `auto`, `cpu`, `cuda`, `mps`.
        precision: `auto` or a type.
    """

    name: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model as a person chooses among them.

    Attributes:
        name: Registry name.
        title: Name for a person.
        installed: Whether its weights are here.
        note: What a person should know before using it.
        fetchable: Whether it can be fetched, or comes from a file only.
    """

    name: str
    title: str
    installed: bool
    note: str = ""
    fetchable: bool = True


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the status bar says about the engine.

    Attributes:
        device, precision: In use.
        why: Why these.
    """

    device: str
    precision: str
    why: str


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What cached features hold, bytes."""

    memory: int
    disk: int


class Backend:
    """The engines of the worker thread. One is kept: another choice replaces it; the cache stays.

    Args:
        memory_bytes: Bound of the features kept in memory.
        disk_bytes: Bound of the features kept on disk.
        folder: Where they are kept; None for the user's cache folder.
    """

    def __init__(
        self, memory_bytes: int = 1024 * 1024 * 1024, disk_bytes: int = 10_000_000_000, folder: Path | None = None
    ) -> None:
        self.cache = FeatureCache(folder or cache_dir(), disk_bytes, memory_bytes)
        self._choice: ModelChoice | None = None
        self._engine: Engine | None = None

    @property
    def used(self) -> bool:
        """Whether an engine was asked for: torch may be in memory."""
        return self._engine is not None

    def engine(self, choice: ModelChoice) -> Engine:
        """The engine of a choice; the first one brings torch into memory."""
        warm_up()
        if self._engine is None or self._choice != choice:
            self._engine = None  # let go of the old weights before new ones are read
            self._engine = Engine(choice.name, choice.device, choice.precision, self.cache)
            self._choice = choice
        return self._engine

    def forget(self) -> None:
        """Read the weights anew next time: they were installed meanwhile."""
        self._engine = None

    def state(self, choice: ModelChoice) -> EngineState:
        """Where a choice computes.

        Raises:
            CounterpartError: It is not installed, or there is no such device.
        """
        plan = self.engine(choice).plan
        return EngineState(plan.device, plan.precision, plan.why)

    def cache_use(self) -> CacheUse:
        """What cached features hold."""
        stats = self.cache.stats()
        return CacheUse(stats.memory_bytes, stats.disk_bytes)

    def cache_bytes(self) -> int:
        """What the cache holds on disk, counted anew."""
        return self.cache.on_disk_bytes()

    def clear_cache(self) -> None:
        """Remove all features that are kept."""
        self.cache.clear()

    def set_bounds(self, memory_bytes: int, disk_bytes: int) -> None:
        """Keep as many features from now on."""
        self.cache.set_bounds(memory_bytes, disk_bytes)

    def close(self) -> None:
        """Let go of the weights."""
        self._engine = None


def cache_bounds(preferences: Preferences) -> tuple[int, int]:
    """Bytes of features that may be kept in memory and on disk."""
    return preferences.memory_mb * 1024 * 1024, preferences.disk_gb * 1_000_000_000


def backend_maker(preferences: Preferences) -> Callable[[], Backend]:
    """Makes the backend that a person's settings ask for, when it is called on the worker's thread."""
    memory, disk = cache_bounds(preferences)
    folder = Path(preferences.cache_folder).expanduser() if preferences.cache_folder else None
    return lambda: Backend(memory, disk, folder)


@dataclass(frozen=True, slots=True)
class FeaturesRequest:
    """Features of some images for looking at.

    Attributes:
        choice: The model.
        refs: The images, by id.
        taps: Where to read.
        size, stride: Input size and distance of patches, pixels.
    """

    choice: ModelChoice
    refs: Mapping[int, ImageRef]
    taps: Sequence[Tap]
    size: Size
    stride: int

    @classmethod
    def for_points(cls, choice: ModelChoice, refs: Mapping[int, ImageRef]) -> FeaturesRequest:
        """What a model compares points by."""
        defaults = model_info(choice.name).defaults
        return cls(choice, refs, (defaults.match_tap,), defaults.points_size, defaults.points_stride)


def features_job(request: FeaturesRequest) -> Callable[[Backend, JobContext], dict[int, FeatureMap]]:
    """A job that gives features by image id; images that cannot be used are left out and named in the outcome."""

    def run(backend: Backend, ctx: JobContext) -> dict[int, FeatureMap]:
        engine = backend.engine(request.choice)
        ids = list(request.refs)
        found = engine.features(list(request.refs.values()), request.taps, request.size, request.stride, ctx)
        return {ids[place]: found[index] for index, place in enumerate(found.indices)}

    return run


def install_job(name: str) -> Callable[[Backend, JobContext], Path]:
    """A job that fetches a model. Submitted only after the person agreed to it."""

    def run(backend: Backend, ctx: JobContext) -> Path:
        from counterpart.core.backbone.install import install

        path = install(name, ctx)
        backend.forget()
        return path

    return run


def import_job(file: Path, name: str, arch: str) -> Callable[[Backend, JobContext], str]:
    """A job that takes a model's weights from a file."""

    def run(backend: Backend, ctx: JobContext) -> str:
        from counterpart.core.backbone.checkpoints import import_checkpoint

        info = import_checkpoint(file, name=name, arch=arch, ctx=ctx)
        backend.forget()
        return info.name

    return run


def model_entries() -> list[ModelEntry]:
    """The models for the Run panel, those that are installed first. Needs no torch."""
    entries = [
        ModelEntry(
            info.name,
            info.title,
            is_installed(info.name),
            info.note,
            any(source.kind != "file" for source in info.sources),
        )
        for info in list_models()
    ]
    return sorted(entries, key=lambda entry: (not entry.installed, entry.name != DEFAULT_MODEL))


def describe_model(name: str) -> str:
    """What a model is and where it comes from, for the question before it is fetched."""
    info = model_info(name)
    sources = [f"{source.name} {source.version}".strip() for source in info.sources if source.kind != "file"]
    lines = [info.title, f"Licence: {info.licence}", f"Source: {' or '.join(sources)}"]
    checked = " and checked against its known digest" if info.sha256 else ""
    rest = f"It is fetched once{checked}, and kept in your models folder. Nothing else is sent or fetched."
    return "\n\n".join(filter(None, ("\n".join(lines), info.note, rest)))
