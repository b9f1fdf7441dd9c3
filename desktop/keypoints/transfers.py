"""Transfer in the window: from the templates of the project to its other images, as a job and one undoable step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Slot

from counterpart.core.images.reading import ImageRef
from counterpart.core.project.commands import PredictKeypoints
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Origin
from counterpart.core.wording import counted
from counterpart.desktop.jobs.backend import ModelChoice
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.keypoints.instance_index import InstanceIndex
from counterpart.desktop.keypoints.keypoint_jobs import MakeTransferJob, TransferFunction, landmark_job, transfer_job
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.keypoints.point_notes import PointNotes
from counterpart.desktop.keypoints.task import KEYPOINTS, transfer_params
from counterpart.desktop.workbench import Workbench

if TYPE_CHECKING:
    from counterpart.core.pipeline.keypoints.project_keypoints import PointTransfer, Snapshot
    from counterpart.core.pipeline.keypoints.transfer import TransferJob

_TRANSFER = "Transfer keypoints"
_LEAST_LANDMARKS = 3


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
        panel: Has the button, and says what there is to do.
        index: The instances of the project, and the skeleton that is worked with.
        notes: Take the swaps that a transfer suspects.
        scope: Gives the images that the panel's button and landmarks work on.

    Attributes:
        make: Makes the job; replaced in tests.
    """

    def __init__(
        self,
        bench: Workbench,
        panel: KeypointsPanel,
        index: InstanceIndex,
        notes: PointNotes,
        scope: Callable[[], list[int]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench, self._panel, self._index, self._notes, self._scope = bench, panel, index, notes, scope
        self.make: MakeTransferJob = transfer_job
        panel.transfer_wanted.connect(self.start)
        panel.transfer_button.follow(bench.jobs, lambda: self._asks(_TRANSFER))

    # What there is to do ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Say what transfer would work from."""
        document, skeleton = self._bench.document, self._index.skeleton
        if document is None or skeleton is None:
            return
        from counterpart.core.pipeline.keypoints.project_keypoints import serves

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
        self._panel.show_sources(words, self._bench.needs.writable.reason if document.read_only else why)

    # Running ------------------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Transfer with the parameters that were chosen last; without its model, offer to install that."""
        models, images = self._bench.models, self._scope()
        choice = models.choice
        if choice is None:
            models.ask_install(models.name)
        elif not images:
            self._bench.messages.tell("warning", "There are no images to run on. Choose others under Images.")
        else:
            self.run(choice, images, transfer_params(self._bench.settings, choice.name))

    def run(self, choice: ModelChoice, images: Sequence[int], params: TransferJob, *, again: bool = False) -> bool:
        """Transfer to these images; whether a job was started. What cannot be is told, unless it starts by itself."""
        made = self._made(images, again=again)
        if made is None:
            return False
        points, targets, ticket = made
        self._submit(_TRANSFER, self.make(choice, points, targets, params), ticket)
        return True

    @Slot()
    def predict_landmarks(self) -> bool:
        """Predict landmarks from parts; whether a job was started."""
        choice = self._bench.models.choice
        if choice is None:
            self._bench.messages.tell("warning", "Landmarks need a model. Install one in the Run panel.")
            return False
        made = self._made(self._scope())
        if made is None:
            return False
        points, targets, ticket = made
        if len({each.image for each in points.templates}) < _LEAST_LANDMARKS:
            text = f"Landmarks need at least {_LEAST_LANDMARKS} images with their points placed."
            self._bench.messages.tell("warning", text)
            return False
        self._submit("Landmarks from parts", landmark_job(choice, points, targets), ticket)
        return True

    def _submit(self, title: str, fn: TransferFunction, ticket: _Ticket) -> None:
        # What starts by itself after a confirmation is never a second press.
        asks = None if ticket.again else self._asks(title)
        self._bench.jobs.submit(Job(title, fn, KEYPOINTS.id, asks), partial(self._take_over, ticket))

    def _asks(self, title: str) -> Hashable:
        """What a transfer depends on: all that was done to the project, the skeleton, model, parameters and images."""
        document, skeleton, choice = self._bench.document, self._index.skeleton, self._bench.models.choice
        if document is None or skeleton is None or choice is None:
            return None
        params = repr(transfer_params(self._bench.settings, choice.name))
        return title, id(document), document.revision, skeleton.id, choice, params, tuple(self._scope())

    def _made(
        self, images: Sequence[int], *, again: bool = False
    ) -> tuple[Snapshot, dict[int, ImageRef], _Ticket] | None:
        """What a job works from, and its ticket; None where there is nothing to do, which is told."""
        document, skeleton = self._bench.document, self._index.skeleton
        if document is None or skeleton is None:
            self._refuse(again, "Choose a skeleton first, and place its points on an image.")
            return None
        from counterpart.core.pipeline.keypoints.project_keypoints import snapshot

        points = snapshot(document, skeleton)
        taken = {each.image for each in points.templates}
        targets = {
            image: document.image_ref(image)
            for image in images
            if image not in taken and document.image(image).state not in ("reviewed", "skipped")
        }
        if not taken:
            self._refuse(again, "There is no template yet. Place the points of an image, or mark one with the pin.")
            return None
        if not targets:
            self._refuse(again, "These images have their points already, or are reviewed or skipped.")
            return None
        ticket = _Ticket(document, document.revision, tuple(targets), skeleton.id, again)
        return points, targets, ticket

    def _refuse(self, quiet: bool, text: str) -> None:
        if not quiet:
            self._bench.messages.tell("warning", text)

    @Slot(int)
    def confirmed(self, image: int) -> None:
        """Points were confirmed: once all of an instance are, they help with what is predicted, if that is wanted."""
        from counterpart.core.pipeline.keypoints.project_keypoints import serves

        if not any(serves(each) for each in self._index.by_image.get(image, ())):
            return
        if not self._panel.again.isChecked() or any(job.kind == KEYPOINTS.id for job in self._bench.jobs.waiting):
            return
        choice, document = self._bench.models.choice, self._bench.document
        if choice is None or document is None:
            return
        guessed = [each for each in document.image_ids if _any_guess(self._index.by_image.get(each, ()))]
        if guessed:
            self.run(choice, guessed, transfer_params(self._bench.settings, choice.name), again=True)

    # Results ------------------------------------------------------------------------------------------------------

    def _take_over(self, ticket: _Ticket, outcome: JobOutcome) -> None:
        """Put a job's points into the document as one step; what has changed since is left and named."""
        found, provenance = outcome.result
        for image, why in found.failed.items():
            self._bench.images.model.set_problem(image, why)
        document = ticket.document
        if self._bench.document is not document:
            self._bench.messages.tell("info", "Transfer finished for a project that is no longer open.")
            return
        before = _certainty(document, found.results, ticket.skeleton)
        command = PredictKeypoints(dict(found.results), ticket.revision, provenance)
        if self._bench.session.do(command):
            self._notes.take_swaps(found, ticket.skeleton)
            gain = _gain(found, before, _certainty(document, found.results, ticket.skeleton))
            if gain:
                self._panel.show_gain(gain)
        self._report(ticket, found, command)

    def _report(self, ticket: _Ticket, found: PointTransfer, command: PredictKeypoints) -> None:
        document = ticket.document
        done = len(command.outcome.changed)
        lines = []
        if found.failed:
            first = ", ".join(document.name_of(image) for image in list(found.failed)[:3])
            lines.append(f"{len(found.failed)} of {len(ticket.images)} images could not be used: {first}.")
        if command.outcome.skipped:
            image, why = command.outcome.skipped[0]
            more = len(command.outcome.skipped) - 1
            lines.append(f"Left as they are: {document.name_of(image)}{f' and {more} more' if more else ''} ({why}).")
        if lines:
            self._bench.messages.tell("warning", " ".join(lines))
        elif not ticket.again and done:
            doubtful = _doubtful(document, command.outcome.changed, ticket.skeleton)
            end = f"{doubtful} are doubtful and shown in orange." if doubtful else "None is doubtful."
            crossed = sum(1 for pairs in found.swaps.values() if any(pairs))
            if crossed:
                end += f" On {crossed}, left and right may be swapped: see Check."
            self._bench.messages.tell("info", f"Keypoints placed on {counted(done, 'image')}. {end}")


def _gain(found: PointTransfer, before: Mapping[tuple[int, int], float], after: Mapping[tuple[int, int], float]) -> str:
    """How sure the points are now, and were before; empty where there are none."""
    if not after:
        return ""
    templates, now = counted(found.templates, "template"), np.mean(list(after.values()))
    both = [key for key in after if key in before]
    if not both:
        return f"{templates}: {len(after)} points, {now:.0%} sure on average"
    was, now = np.mean([before[key] for key in both]), np.mean([after[key] for key in both])
    return f"{templates}: {now:.0%} sure on average, {'up' if now >= was else 'down'} from {was:.0%}"


def _any_guess(found: Sequence[KeypointSet]) -> bool:
    return any(((each.origin == Origin.TRANSFERRED) & each.present).any() for each in found)


def _points_of(document: Document, images: Sequence[int], skeleton: int) -> list[KeypointSet]:
    return [points for image in images for points in document.keypoints(image) if points.skeleton == skeleton]


def _certainty(
    document: Document, results: Mapping[int, Sequence[KeypointSet]], skeleton: int
) -> dict[tuple[int, int], float]:
    """Score of every point that is still a prediction, by instance and keypoint."""
    return {
        (points.instance, index): float(points.score[index])
        for points in _points_of(document, list(results), skeleton)
        for index in np.flatnonzero(points.present & (points.origin == Origin.TRANSFERRED)).tolist()
    }


def _doubtful(document: Document, images: Sequence[int], skeleton: int) -> int:
    return sum(
        int(((points.origin == Origin.TRANSFERRED) & (points.visibility == 1)).sum())
        for points in _points_of(document, images, skeleton)
    )
