"""The main job on the sample photographs: their parts, as files and as a project for the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from counterpart.core.errors import ProjectError
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.outputs import check_writable
from counterpart.core.pipeline.parts.discovery import PartsJob, find_parts
from counterpart.core.pipeline.parts.mask_files import WrittenMask, write_masks
from counterpart.core.pipeline.parts.masks import MaskRun, take_over
from counterpart.core.project.document import Document
from counterpart.core.resources import resource_path


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration left.

    Attributes:
        folder: Where its files are.
        project: The project to open in the window.
        names: The images.
        summary: What was found, for a person.
    """

    folder: Path
    project: Path
    names: list[str]
    summary: str


def run_demo(parts: int, out: Path | None, ctx: JobContext) -> Demo:
    """Find the parts of the sample photographs; write label maps, overlays and a project.

    Args:
        parts: Number of parts.
        out: Where to write, `counterpart-demo` in the current folder by default. A project that is there from an
            earlier demonstration is kept, with what a person did in it.
        ctx: Progress and cancellation.

    Raises:
        ModelNotInstalledError: The default model is not installed.
        OutputError: The folder cannot be written.
    """
    folder = (out or Path.cwd() / "counterpart-demo").resolve()
    check_writable(folder)
    engine = Engine()
    refs = find_images([resource_path("samples")])
    found = find_parts(engine, refs, PartsJob.for_model(engine.defaults, parts), ctx.stage(0.0, 0.8))
    run = found.masks
    if found.codebook is not None:
        found.codebook.save(folder / "codebook.safetensors")
    written = write_masks(run, engine, refs, folder, ctx.stage(0.8, 0.9), overlays=True)
    project = folder / "samples.counterpart"
    _fill(project, run, engine, ctx.stage(0.9, 1.0))
    return Demo(folder, project, [ref.name for ref in refs], _summary(run, written, folder))


def _fill(path: Path, run: MaskRun, engine: Engine, ctx: JobContext) -> None:
    document = Document.open(path) if path.exists() else Document.new(path)
    with document:
        if document.read_only:
            raise ProjectError(
                "the project of an earlier demonstration cannot be written", path=path, hint=document.why_read_only
            )
        take_over(document, run, engine, ctx)


def _summary(run: MaskRun, written: list[WrittenMask], folder: Path) -> str:
    lines = [f"{run.note}:"]
    width = max(len(mask.name) for mask in written)
    for mask in written:
        shares = "  ".join(f"{name} {share:4.0%}" for name, share in mask.shares.items())
        lines.append(f"  {mask.name:<{width}}  {shares}")
    lines.append(f"Label maps, overlays, a codebook and a project are in {folder}")
    return "\n".join(lines)
