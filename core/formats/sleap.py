"""SLEAP's .slp through `sleap-io` (the optional dependency set `sleap`).

Coordinates are zero-based pixels, as in the project. Every image is a video of one frame; transferred points become
predicted instances, a person's become user instances. SLEAP knows no occluded points apart from a flag on visible ones;
boxes are lost.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.films import Films
from counterpart.core.formats.instances import on_photograph
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, Origin, Skeleton


def _sleap_io() -> Any:
    try:
        return importlib.import_module("sleap_io")
    except ImportError:
        raise UsageError("SLEAP files need sleap-io", hint="pip install 'counterpart[sleap]'") from None


def write_sleap(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of a dataset.

    Raises:
        UsageError: sleap-io is not installed.
    """
    sio = _sleap_io()
    report = ExportReport("sleap", out)
    skeletons = {skeleton.id: _sleap_skeleton(sio, skeleton) for skeleton in dataset.skeletons}
    tracks: dict[str, Any] = {}
    videos, frames = [], []
    for image in with_progress(dataset.images, ctx, "Writing"):
        if not image.keypoints:
            report.skipped.append((image.name, "it has no keypoints"))
            continue
        file = image.file.as_posix() if image.file is not None else image.name
        video = sio.Video(filename=[file], open_backend=False, backend_metadata=_image_video(file, image.hw))
        called = image.individuals or ("",) * len(image.keypoints)
        instances = []
        for points, who in zip(image.keypoints, called, strict=True):
            track = tracks.setdefault(who, sio.Track(who)) if who else None
            instances.append(_sleap_instance(sio, points, skeletons[points.skeleton], track))
        videos.append(video)
        frames.append(sio.LabeledFrame(video=video, frame_idx=0, instances=instances))
        report.images += 1
        report.annotations += len(instances)
        if any((points.visibility == 1).any() for points in image.keypoints):
            report.lost.append((image.name, "which points are occluded"))
        if any(points.box is not None for points in image.keypoints):
            report.lost.append((image.name, "boxes of instances"))
    labels = sio.Labels(frames, videos=videos, skeletons=list(skeletons.values()), tracks=list(tracks.values()))
    with tempfile.TemporaryDirectory() as folder:
        file_slp = Path(folder) / "labels.slp"
        labels.save(file_slp.as_posix(), verbose=False)
        with atomic_write(out) as handle, file_slp.open("rb") as source:
            shutil.copyfileobj(source, handle)
    return report


def _image_video(file: str, hw: tuple[int, int]) -> dict[str, object]:
    """What sleap-io writes about a video that is an image, given here so that it need not open the image."""
    height, width = hw
    return {
        "type": "ImageVideo",
        "shape": [1, height, width, 3],
        "filename": file,
        "filenames": [file],
        "height_": height,
        "width_": width,
        "channels_": 3,
        "grayscale": False,
    }


def _sleap_skeleton(sio: Any, skeleton: Skeleton) -> Any:
    nodes = [sio.Node(name) for name in skeleton.names]
    edges = [sio.Edge(nodes[a], nodes[b]) for a, b in skeleton.edges]
    symmetries = [sio.Symmetry([nodes[a], nodes[b]]) for a, b in skeleton.mirror_pairs]
    return sio.Skeleton(nodes=nodes, edges=edges, symmetries=symmetries, name=skeleton.name)


def _sleap_instance(sio: Any, points: KeypointSet, skeleton: Any, track: Any) -> Any:
    xy = np.where(points.present[:, None], points.xy, np.nan)
    if (points.origin[points.present] == Origin.TRANSFERRED).any():
        return sio.PredictedInstance.from_numpy(
            points_data=xy,
            skeleton=skeleton,
            point_scores=points.score.astype(np.float64),
            score=float(points.score[points.present].mean()),
            track=track,
        )
    return sio.Instance.from_numpy(points_data=xy, skeleton=skeleton, track=track)


def read_sleap(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read labelled frames: of image videos, of films where they are found, and those that the file itself carries.

    Raises:
        UsageError: sleap-io is not installed.
        FormatError: It is no .slp file.
    """
    sio = _sleap_io()
    if not path.is_file():
        raise FormatError("there is no such file", path=path, hint="Check the path")
    try:
        _refuse_impossible_sizes(path)
        return _read(sio, path, source, ctx, report)
    except (UsageError, FormatError) as error:
        raise FormatError(error.what, path=path, hint="Correct the skeleton") from None
    except Exception as error:  # HDF5 raises whatever a damaged file leads it to
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FormatError(
            f"this is not a SLEAP file, or it is damaged ({first})", path=path, hint="Save it again in SLEAP"
        ) from error


def _refuse_impossible_sizes(path: Path) -> None:
    """A damaged length must not make HDF5 ask for more memory than there is.

    Raises:
        ValueError: A table claims to be far larger than the file.
    """
    h5py = importlib.import_module("h5py")
    most = 1000 * path.stat().st_size + 2**26

    def check(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.size * item.dtype.itemsize > most:
            raise ValueError(f"{name} claims to be larger than the file")

    with h5py.File(path, "r") as file:
        file.visititems(check)


def _read(sio: Any, path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    labels = sio.load_slp(path.as_posix(), open_videos=False)
    skeletons = {id(found): _own_skeleton(found, number) for number, found in enumerate(labels.skeletons, start=1)}
    frames = Films(path, source, ctx, report)
    images = []
    for frame in labels:
        if not len(frame.instances):
            continue
        placed, picture = frames.place(frame.video, int(frame.frame_idx))
        if placed is None:
            continue
        instances = [
            on_photograph(_own_points(sio, one, skeletons[id(one.skeleton)]), placed) for one in _current(sio, frame)
        ]
        who = tuple("" if one.track is None else str(one.track.name) for one in _current(sio, frame))
        images.append(AnnotatedImage.at(placed, keypoints=tuple(instances), picture=picture, individuals=who))
    frames.report_missing()
    return Dataset(skeletons=tuple(skeletons.values()), images=images)


def _current(sio: Any, frame: Any) -> list[Any]:
    """The instances of a frame without the predictions that a person's took the place of."""
    replaced = {id(getattr(one, "from_predicted", None)) for one in frame.instances}
    return [one for one in frame.instances if not (isinstance(one, sio.PredictedInstance) and id(one) in replaced)]


def _own_skeleton(found: Any, number: int) -> Skeleton:
    names = [str(name) for name in found.node_names]
    edges = tuple((int(a), int(b)) for a, b in found.edge_inds)
    pairs = []
    for symmetry in found.symmetries:
        first, second = sorted(names.index(node.name) for node in symmetry.nodes)
        pairs.append((first, second))
    return Skeleton(tuple(names), edges, (), tuple(pairs), found.name or "object", number)


def _own_points(sio: Any, instance: Any, skeleton: Skeleton) -> KeypointSet:
    xy = np.asarray(instance.numpy(), np.float64)[:, :2]
    predicted = isinstance(instance, sio.PredictedInstance)
    score = np.asarray(instance.points["score"], np.float32) if predicted else None
    return KeypointSet.make(
        xy,
        None,
        None if score is None else np.nan_to_num(score, nan=0.0),
        Origin.TRANSFERRED if predicted else Origin.USER,
        skeleton=skeleton.id,
    )
