"""Transfer in the window: from the templates of the project to its other images, as a job and one undoable step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.keypoints.project_keypoints import (
    PointTransfer,
    Snapshot,
    serves,
    snapshot,
    transfer_in_project,
)
from counterpart.core.pipeline.keypoints.transfer import TransferJob
from counterpart.core.project.commands import PredictKeypoints
from counterpart.core.project.document import Document
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.wording import counted
from counterpart.desktop.jobs.backend import Backend, ModelChoice
from counterpart.desktop.jobs.job_runner import Job, JobRunner, Outcome
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.project.session import Session

__all__ = ["KIND", "TransferFunction", "Transfers", "transfer_job"]

_LEAST_LANDMARKS = 3
KIND = "keypoints"
"""Name of the task in the Run panel, and kind of its jobs."""
TransferFunction = Callable[[Backend, JobContext], tuple[PointTransfer, Provenance]]
MakeTransferJob = Callable[[ModelChoice, Snapshot, Mapping[int, ImageRef], TransferJob], TransferFunction]
"""Makes the job; replaced in tests."""


def transfer_job(
    choice: ModelChoice, points: Snapshot, targets: Mapping[int, ImageRef], job: TransferJob
) -> TransferFunction:
    """A job that transfers keypoints within a project and says where they come from."""

    def run(backend: Backend, ctx: JobContext) -> tuple[PointTransfer, Provenance]:
        engine = backend.engine(choice)
        found = transfer_in_project(engine, points, targets, job, ctx)
        return found, engine.provenance("transfer", job)

    return run


def landmark_job(choice: ModelChoice, points: Snapshot, targets: Mapping[int, ImageRef]) -> TransferFunction:
    """A job that predicts landmarks of a project from the parts of its images."""

    def run(backend: Backend, ctx: JobContext) -> tuple[PointTransfer, Provenance]:
        from counterpart.core.pipeline.keypoints.landmarks import LandmarkJob
        from counterpart.core.pipeline.keypoints.project_landmarks import landmarks_in_project

        engine = backend.engine(choice)
        job = LandmarkJob.for_engine(engine)
        found = landmarks_in_project(engine, points, targets, job, ctx)
        return found, engine.provenance("landmarks", job)

    return run


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    """What a job was started for."""

    document: Document
    revision: int
    images: tuple[int, ...]
    skeleton: int
    again: bool


class Transfers(QObject):
    """Starts transfers, takes their results over, and says what they gained.

    Args:
        index: The instances of the project.
        skeleton: Gives the skeleton that is worked with.
        start: Starts the task of the Run panel, as its button does.
        again: Gives model, parameters and images for a transfer that starts by itself; None where it cannot.
        make: Makes the job.

    Signals:
        notice: Kind (`info`, `warning`, `error`) and text for the person.
        unreadable: Image and why it could not be used.
        swaps_found: By instance, the pairs of keypoints that may have changed sides.
    """

    notice = Signal(str, str)
    unreadable = Signal(int, str)
    swaps_found = Signal(object)

    def __init__(
        self,
        session: Session,
        panel: KeypointsPanel,
        runner: JobRunner,
        index: InstanceIndex,
        skeleton: Callable[[], Skeleton | None],
        start: Callable[[], None],
        again: Callable[[], tuple[ModelChoice, TransferJob, list[int]] | None],
        make: MakeTransferJob = transfer_job,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self._runner = session, panel, runner
        self._index = index
        self._skeleton, self._start, self._again, self.make = skeleton, start, again, make
        panel.transfer_wanted.connect(self._transfer)
        runner.succeeded.connect(self._succeeded)

    # What there is to do ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Say what transfer would work from."""
        document, skeleton = self._session.document, self._skeleton()
        if document is None or skeleton is None:
            return
        there = self._index.by_image
        templates = {image for image, found in there.items() if any(serves(each) for each in found)}
        guessed = sum(1 for image, found in there.items() if image not in templates and _any_guess(found))
        rest = len(document) - len(templates)
        if not templates:
            enough = (len(skeleton) + 1) // 2
            text = f"No template yet: place {enough} of {len(skeleton)} keypoints of an image, or mark it with the pin."
            self._panel.show_sources(text, "There is no template yet")
            return
        words = f"{counted(len(templates), 'image')} to learn from · {rest} to do"
        words += f", {guessed} predicted" if guessed else ""
        why = "" if rest else "Every image has its points"
        self._panel.show_sources(words, "The project is open for looking only" if document.read_only else why)

    # Running ------------------------------------------------------------------------------------------------------

    @Slot()
    def _transfer(self) -> None:
        self._start()

    def run(self, choice: ModelChoice, images: Sequence[int], job: TransferJob, *, again: bool = False) -> bool:
        """Transfer to these images; whether a job was started. What cannot be is told, unless it starts by itself."""
        made = self._made(images, again=again)
        if made is None:
            return False
        points, targets, ticket = made
        self._runner.submit(Job("Transfer keypoints", self.make(choice, points, targets, job), KIND, tag=ticket))
        return True

    def landmarks(self, choice: ModelChoice, images: Sequence[int]) -> bool:
        """Predict landmarks from parts on these images; whether a job was started."""
        made = self._made(images)
        if made is None:
            return False
        points, targets, ticket = made
        if len({each.image for each in points.templates}) < _LEAST_LANDMARKS:
            self.notice.emit("warning", f"Landmarks need at least {_LEAST_LANDMARKS} images with their points placed.")
            return False
        self._runner.submit(Job("Landmarks from parts", landmark_job(choice, points, targets), KIND, tag=ticket))
        return True

    def _made(
        self, images: Sequence[int], *, again: bool = False
    ) -> tuple[Snapshot, dict[int, ImageRef], _Ticket] | None:
        """What a job works from, and its ticket; None where there is nothing to do, which is told."""
        document, skeleton = self._session.document, self._skeleton()
        if document is None or skeleton is None:
            self._tell(again, "Choose a skeleton first, and place its points on an image.")
            return None
        points = snapshot(document, skeleton)
        taken = {each.image for each in points.templates}
        targets = {
            image: document.image_ref(image)
            for image in images
            if image not in taken and document.image(image).state not in ("reviewed", "skipped")
        }
        if not taken:
            self._tell(again, "There is no template yet. Place the points of an image, or mark one with the pin.")
            return None
        if not targets:
            self._tell(again, "These images have their points already, or are reviewed or skipped.")
            return None
        ticket = _Ticket(document, document.revision, tuple(targets), skeleton.id, again)
        return points, targets, ticket

    def _tell(self, quiet: bool, text: str) -> None:
        if not quiet:
            self.notice.emit("warning", text)

    @Slot(int)
    def confirmed(self, image: int) -> None:
        """Points were confirmed: once all of an instance are, they help with what is predicted, if that is wanted."""
        if not any(serves(each) for each in self._index.by_image.get(image, ())):
            return
        if not self._panel.again.isChecked() or any(job.kind == KIND for job in self._runner.waiting):
            return
        ready = self._again()
        document, skeleton = self._session.document, self._skeleton()
        if ready is None or document is None or skeleton is None:
            return
        choice, job, images = ready
        guessed = [image for image in images if _any_guess(self._index.by_image.get(image, ()))]
        if guessed:
            self.run(choice, guessed, job, again=True)

    # Results ------------------------------------------------------------------------------------------------------

    @Slot(object, object)
    def _succeeded(self, job: Job, outcome: Outcome) -> None:
        if not isinstance(job.tag, _Ticket):
            return
        ticket, (found, provenance) = job.tag, outcome.result
        for image, why in found.failed.items():
            self.unreadable.emit(image, why)
        document = ticket.document
        if self._session.document is not document:
            self.notice.emit("info", "Transfer finished for a project that is no longer open.")
            return
        before = _certainty(document, found.results, ticket.skeleton)
        command = PredictKeypoints(dict(found.results), ticket.revision, provenance)
        if not self._session.do(command):
            self._report(ticket, found, command, None, None)
            return
        after = _certainty(document, found.results, ticket.skeleton)
        self.swaps_found.emit(_by_instance(document, found, ticket.skeleton))
        self._report(ticket, found, command, before, after)

    def _report(
        self,
        ticket: _Ticket,
        found: PointTransfer,
        command: PredictKeypoints,
        before: dict[tuple[int, int], float] | None,
        after: dict[tuple[int, int], float] | None,
    ) -> None:
        document = ticket.document
        done = len(command.outcome.changed)
        placed = list((after or {}).values())
        templates = counted(found.templates, "template")
        if placed and after is not None:
            text = f"{templates}: {len(placed)} points, {np.mean(placed):.0%} sure on average"
            both = [key for key in after if before and key in before]
            if both and before:
                was, now = np.mean([before[key] for key in both]), np.mean([after[key] for key in both])
                sign = "up" if now >= was else "down"
                text = f"{templates}: {now:.0%} sure on average, {sign} from {was:.0%}"
            self._panel.show_gain(text)
        lines = []
        if found.failed:
            first = ", ".join(document.name_of(image) for image in list(found.failed)[:3])
            lines.append(f"{len(found.failed)} of {len(ticket.images)} images could not be used: {first}.")
        if command.outcome.skipped:
            image, why = command.outcome.skipped[0]
            more = len(command.outcome.skipped) - 1
            lines.append(f"Left as they are: {document.name_of(image)}{f' and {more} more' if more else ''} ({why}).")
        if lines:
            self.notice.emit("warning", " ".join(lines))
        elif not ticket.again and done:
            doubtful = _doubtful(document, command.outcome.changed, ticket.skeleton)
            end = f"{doubtful} are doubtful and shown in orange." if doubtful else "None is doubtful."
            crossed = sum(1 for pairs in found.swaps.values() if any(pairs))
            if crossed:
                end += f" On {crossed}, left and right may be swapped: see Check."
            self.notice.emit("info", f"Keypoints placed on {counted(done, 'image')}. {end}")


def _any_guess(found: Sequence[KeypointSet]) -> bool:
    return any(((each.origin == Origin.TRANSFERRED) & each.present).any() for each in found)


def _guesses(document: Document, images: Sequence[int], skeleton: int) -> list[tuple[int, KeypointSet]]:
    return [(image, points) for image in images for points in document.keypoints(image) if points.skeleton == skeleton]


def _certainty(
    document: Document, results: Mapping[int, Sequence[KeypointSet]], skeleton: int
) -> dict[tuple[int, int], float]:
    """Score of every point that is still a prediction, by instance and keypoint."""
    found = {}
    for _, points in _guesses(document, list(results), skeleton):
        for index in np.flatnonzero(points.present & (points.origin == Origin.TRANSFERRED)).tolist():
            found[points.instance, index] = float(points.score[index])
    return found


def _doubtful(document: Document, images: Sequence[int], skeleton: int) -> int:
    return sum(
        int(((points.origin == Origin.TRANSFERRED) & (points.visibility == 1)).sum())
        for _, points in _guesses(document, images, skeleton)
    )


def _by_instance(document: Document, found: PointTransfer, skeleton: int) -> dict[int, list[tuple[int, int]]]:
    """Suspected swaps by instance; a new instance is the last of its image."""
    swaps: dict[int, list[tuple[int, int]]] = {}
    for image, results in found.results.items():
        there = [points.instance for points in document.keypoints(image) if points.skeleton == skeleton]
        for points, pairs in zip(results, found.swaps[image], strict=True):
            number = points.instance if points.instance in there else there[-1] if there else 0
            if number:
                swaps[number] = list(pairs)
    return swaps
