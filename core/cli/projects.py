"""Commands on project files: `export`, `import`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.options import add_report_options
from counterpart.core.cli.runner import Outcome
from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext
from counterpart.core.wording import by_reason, counted

if TYPE_CHECKING:
    from counterpart.core.formats import ImportReport
    from counterpart.core.project.document import Document


def declare_export(parser: argparse.ArgumentParser) -> None:
    """`counterpart export`."""
    from counterpart.core.formats import FORMATS
    from counterpart.core.project.model import IMAGE_STATES

    written = sorted(name for name, item in FORMATS.items() if item.write is not None)
    parser.epilog = _table()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument("--format", required=True, choices=written, metavar="F", help=", ".join(written))
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="file or folder, as the format has it")
    parser.add_argument("--state", action="append", choices=IMAGE_STATES, help="only images in this state (repeatable)")
    parser.add_argument("--polygons", action="store_true", help="outlines where the format could hold exact masks too")
    parser.add_argument("--copy-images", action="store_true", help="put the images where the format expects them")
    add_report_options(parser)
    parser.set_defaults(command=_export)


def declare_statistics(parser: argparse.ArgumentParser) -> None:
    """`counterpart statistics`."""
    parser.add_argument("project", type=Path, metavar="PROJECT")
    parser.add_argument("--out", type=Path, metavar="CSV", help="write the table of parts as CSV too")
    add_report_options(parser)
    parser.set_defaults(command=_statistics)


def declare_import(parser: argparse.ArgumentParser) -> None:
    """`counterpart import`."""
    from counterpart.core.formats import FORMATS

    read = sorted(name for name, item in FORMATS.items() if item.read is not None)
    parser.epilog = _table()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("path", type=Path, metavar="PATH", help="file or folder, as the format has it")
    parser.add_argument("--format", choices=read, metavar="F", help=f"recognised when left out: {', '.join(read)}")
    parser.add_argument("--project", type=Path, required=True, metavar="PROJECT", help="made if it does not exist")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder that image names are relative to")
    parser.add_argument("--overwrite", action="store_true", help="replace what a person drew in the project too")
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken over, and change nothing")
    add_report_options(parser)
    parser.set_defaults(command=_import)


def _table() -> str:
    from counterpart.core.formats import FORMATS

    width = max(map(len, FORMATS))
    lines = [f"  {name:<{width}}  {item.title}: {', '.join(item.holds)}. {item.note}" for name, item in FORMATS.items()]
    return "formats:\n" + "\n".join(lines)


def _export(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.formats import ExportOptions, export_project
    from counterpart.core.project.document import Document
    from counterpart.core.project.work import predictions_among

    states = None if args.state is None else tuple(args.state)
    options = ExportOptions(states=states, polygons=args.polygons, copy_images=args.copy_images)
    with Document.open(args.project, read_only=True) as document:
        _warn_of_damage(document, ctx)
        report = export_project(document, args.format, args.out, options, ctx)
        among = predictions_among(each for each in document.images() if states is None or each.state in states)
    if report.images == 0:
        ctx.warn("No image was exported: none is in the states asked for, or none has what this format holds")
    what = f"{counted(report.annotations, 'annotation')} of {counted(report.images, 'image')}"
    lines = [f"{what} in {report.path}"]
    if among.predicted:
        hint = "; --state reviewed --state edited leaves them out" if among.looked_at else ""
        lines.append(f"  {among.words()}{hint}")
    lines += [f"  left out: {line}" for line in by_reason(report.skipped)]
    lines += [f"  lost: {line}" for line in by_reason(report.lost)]
    lines += [f"  note: {note}" for note in report.notes]
    counts = {"images_predicted": among.predicted, "images_edited_or_reviewed": among.looked_at}
    return Outcome("\n".join(lines), report.as_dict() | counts)


def _statistics(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.project.document import Document
    from counterpart.core.project.statistics import set_statistics, write_statistics

    with Document.open(args.project, read_only=True) as document:
        _warn_of_damage(document, ctx)
        found = set_statistics(document)
    if args.out is not None:
        write_statistics(args.out, found.parts)
    states = ", ".join(f"{count} {state}" for state, count in found.states.items() if count)
    lines = [f"{counted(found.images, 'image')} ({states}); {found.labelled} have parts"]
    width = max((len(part.part.name) for part in found.parts), default=0)
    lines += [
        f"  {part.part.name:<{width}}  {part.images:>7} images  {part.mean_area:>6.1%} of the image on average  "
        f"{part.predicted} predicted, {part.edited} edited, {part.reviewed} reviewed"
        for part in found.parts
    ]
    return Outcome("\n".join(lines), found.as_dict())


def _import(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.formats import import_into
    from counterpart.core.project.document import Document
    from counterpart.core.project.sqlite import remove_project

    chosen, exists = _format(args), args.project.exists()
    if args.dry_run:
        with Document.open(args.project, read_only=True) if exists else Document.untitled() as document:
            _warn_of_damage(document, ctx)
            return _previewed(document, chosen, args, ctx)
    try:
        with Document.open(args.project) if exists else Document.new(args.project) as document:
            _warn_of_damage(document, ctx)
            report = import_into(document, args.path, chosen, ctx, root=args.root, overwrite=args.overwrite)
    except BaseException:
        if not exists:
            remove_project(args.project)  # nothing was taken over, and an empty project would be in the way
        raise
    what = f"{counted(report.annotations, 'annotation')} of {counted(report.images, 'image')}"
    lines = [f"{what} taken into {args.project}"]
    if report.added_images:
        lines.append(f"  {len(report.added_images)} images were new")
    lines += _remarks(report)
    return Outcome("\n".join(lines), {**report.as_dict(), "project": str(args.project)})


def _format(args: argparse.Namespace) -> str:
    """The format that was named, or else the one that the file looks like.

    Raises:
        UsageError: None was named, and nothing is recognised.
    """
    from counterpart.core.formats import guess_format, why_unknown

    found = args.format or guess_format(args.path)
    if found is None:
        if not args.path.exists():
            raise UsageError("there is no such file or folder", path=args.path, hint="Check the path")
        raise UsageError("its format is not recognised", path=args.path, hint=why_unknown(args.path))
    return str(found)


def _previewed(document: Document, chosen: str, args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.formats import preview_import

    _, preview = preview_import(document, args.path, chosen, ctx, root=args.root, overwrite=args.overwrite)
    report = preview.report
    what = f"{counted(report.annotations, 'annotation')} of {counted(report.images, 'image')}"
    lines = [f"{what} would be taken into {args.project}"]
    rows = (
        ("images of the project are named in the file", preview.matched),
        ("images would be new", report.added_images),
        ("images would have their first masks", preview.filled),
        ("images would have their predictions replaced", preview.predictions_replaced),
        ("images would keep what a person drew", preview.work_kept),
        ("images would LOSE what a person drew", preview.work_replaced),
        ("images have these masks already", preview.unchanged),
    )
    lines += [f"  {len(names)} {what}" for what, names in rows if names]
    lines += _remarks(report)
    return Outcome("\n".join(lines), {**preview.as_dict(), "project": str(args.project), "dry_run": True})


def _remarks(report: ImportReport) -> list[str]:
    """What an import left out, lost and took otherwise, by reason; `--json` has it all."""
    kinds = (("left out", report.skipped), ("lost", report.lost), ("note", report.notes))
    return [f"  {kind}: {line}" for kind, found in kinds for line in by_reason(found)]


def _warn_of_damage(document: Document, ctx: JobContext) -> None:
    for problem in document.problems:
        ctx.warn(problem)
