"""Projects of the Python API: opened, and annotations taken in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.errors import UsageError
from counterpart.reporting import reported

if TYPE_CHECKING:
    from counterpart.core.formats.base import ExportOptions, ExportReport, ImportReport
    from counterpart.core.project.document import Document


def open_project(path: str | Path | None = None, *, create: bool = False, read_only: bool = False) -> Document:
    """Open a project to read it, and to change it through `counterpart.commands`.

    Changes are in the file when `apply` returns, or stay in memory until they can be written, as on a full disk; a
    `with` block raises at its end if they still cannot. Close it, or open it in such a block, so that others may write.

    Args:
        path: The project file; None for a new one in memory, which `save_as` gives a file.
        create: Make the file where there is none.
        read_only: Leave the file to others.

    Raises:
        ProjectError: Not there, not a project, or damaged past reading.
        OutputError: It cannot be made.
    """
    from counterpart.core.project.document import Document

    if path is None:
        return Document.untitled()
    if create and not Path(path).exists():
        return Document.new(path)
    return Document.open(path, read_only=read_only)


def import_annotations(
    project: Document,
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word that a reader looks for
    *,
    root: str | Path | None = None,
    overwrite: bool = False,
) -> ImportReport:
    """Take annotations of a file or folder into an open project. One step of its history.

    Args:
        project: From `open_project`.
        path: What to read.
        format: A key of `counterpart.FORMATS`; recognised where left out.
        root: Folder that image names in the file are relative to; the file's own by default.
        overwrite: Replace what a person drew in the project too.

    Raises:
        UsageError: The format is not recognised, or cannot be read.
        FormatError: The file is damaged or of another kind. Nothing changed.
    """
    from counterpart.core.formats import guess_format, import_into

    chosen = format or guess_format(path)
    if chosen is None:
        raise UsageError("its format is not recognised", path=Path(path), hint="Name it: format='coco'")
    with reported(None) as ctx:
        return import_into(project, path, chosen, ctx, root=None if root is None else Path(root), overwrite=overwrite)


def export(
    project: Document,
    path: str | Path,
    format: str,  # noqa: A002
    options: ExportOptions | None = None,
) -> ExportReport:
    """Write a project in a format that others read. The target appears whole or not at all.

    Args:
        project: From `open_project`.
        path: File or folder, as the format has it.
        format: A key of `counterpart.FORMATS`.
        options: Which images, and how; everything by default.

    Raises:
        UsageError: There is no such format, it cannot be written, or `path` would replace a source.
        OutputError: `path` cannot be written.
    """
    from counterpart.core.formats import ExportOptions, export_project

    with reported(None) as ctx:
        return export_project(project, format, Path(path), options or ExportOptions(), ctx)
