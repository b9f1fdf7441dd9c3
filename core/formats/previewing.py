"""What an import would do, before it does it: the command is rehearsed, nothing is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from counterpart.core.formats.base import ImportReport
from counterpart.core.formats.import_annotations import ImportAnnotations
from counterpart.core.formats.importing import plan_import
from counterpart.core.jobs import JobContext
from counterpart.core.project.changes import Diff
from counterpart.core.project.document import Document

_MASK_TABLES = ("label_maps", "label_parts", "label_tiles")


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What an import would do. Images are given by their names in the project.

    Attributes:
        report: What it would report.
        found: How many images the file names.
        matched: Images of the project that are named in the file.
        filled: Images that had no masks and would have.
        predictions_replaced: Images on which a program's masks would be replaced, and nothing of a person's.
        work_kept: Images on which a person's work would stay; what the file has may fill in around it.
        work_replaced: Images on which a person's work would be replaced; only where that was asked for.
        unchanged: Images whose masks are the file's already.
        overwrite: Whether it was asked for that a person's work is replaced.
        empty: Whether nothing at all would change.
    """

    report: ImportReport
    found: int = 0
    matched: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    predictions_replaced: list[str] = field(default_factory=list)
    work_kept: list[str] = field(default_factory=list)
    work_replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    overwrite: bool = False
    empty: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON report."""
        lists = ("matched", "filled", "predictions_replaced", "work_kept", "work_replaced", "unchanged")
        return {**self.report.as_dict(), "found": self.found, **{name: list(getattr(self, name)) for name in lists}}


def preview_import(
    document: Document,
    path: str | Path,
    format_name: str,
    ctx: JobContext,
    *,
    root: Path | None = None,
    overwrite: bool = False,
) -> tuple[ImportAnnotations, ImportPreview]:
    """Read annotations, and say what taking them over would do.

    May run on a worker, on its own view of the project; see `import_into` for the arguments and errors.

    Returns:
        The command that takes them over when it is applied, and what it would do.
    """
    command = plan_import(document, path, format_name, ctx, root=root, overwrite=overwrite)
    return command, rehearse_import(document, command)


def rehearse_import(document: Document, command: ImportAnnotations) -> ImportPreview:
    """What a planned import would do to a project; neither is changed."""
    report = copy.deepcopy(command.report)  # the trial adds to its lists
    trial = ImportAnnotations(command.dataset, report, command.overwrite, command.names, rehearsed=True)
    diff = document.rehearse(trial)
    preview = ImportPreview(
        trial.report, len(command.dataset.image_names()), overwrite=command.overwrite, empty=not diff
    )
    _sort_images(document, command, diff, preview)
    return preview


def _sort_images(document: Document, command: ImportAnnotations, diff: Diff, preview: ImportPreview) -> None:
    records = {record.id: record for record in document.images()}
    touched = {cast("int", key[0]) for table, key in diff if table in _MASK_TABLES}
    refused = {name for name, _ in preview.report.skipped}
    for image in command.dataset.images:
        record = records.get(image.id)
        if record is None:
            continue
        preview.matched.append(record.name)
        if image.labels is None:
            continue
        if image.name in refused:
            if record.state in ("reviewed", "skipped") and not command.overwrite:
                preview.work_kept.append(record.name)
            continue
        changes = record.id in touched
        _list_for(document, record.id, preview, changes=changes, overwrite=command.overwrite)(record.name)


def _list_for(
    document: Document, image: int, preview: ImportPreview, *, changes: bool, overwrite: bool
) -> Callable[[str], None]:
    """Where an image that has masks in the file belongs."""
    states = document.part_states(image)
    own = any(state != "predicted" for state, _ in states.values()) or document.touched(image) is not None
    if own and not overwrite:
        return preview.work_kept.append
    if not changes:
        return preview.unchanged.append
    if own:
        return preview.work_replaced.append
    return (preview.predictions_replaced if states else preview.filled).append
