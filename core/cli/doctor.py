"""What is installed, which device is used and why, which models are there, and what is wrong."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sqlite3
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from counterpart.core.backbone.folder import models_dir
from counterpart.core.backbone.registry import DEFAULT_MODEL, list_models
from counterpart.core.backbone.weights import how_to_install, installed, is_installed
from counterpart.core.errors import CounterpartError
from counterpart.core.jobs import JobContext

GIB = 1024**3
REQUIRED = (
    ("torch", "torch"),
    ("torchvision", "torchvision"),
    ("timm", "timm"),
    ("faiss-cpu", "faiss"),
    ("numpy", "numpy"),
    ("PySide6-Essentials", "PySide6.QtWidgets"),
    ("pyqtgraph", "pyqtgraph"),
    ("qimage2ndarray", "qimage2ndarray"),
    ("opencv-python-headless", "cv2"),
    ("Pillow", "PIL.Image"),
    ("tifffile", "tifffile"),
    ("imagecodecs", "imagecodecs"),
    ("safetensors", "safetensors"),
)
OPTIONAL = (("openTSNE", "openTSNE", "explore"), ("av", "av", "video"), ("pi-heif", "pi_heif", "heif"))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What.
        ok: Whether it is as it should be; optional parts that are absent are fine.
        detail: What was found.
        hint: What to do when it is not.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order they were made."""

    checks: tuple[Check, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def examine(ctx: JobContext) -> Report:
    """Look at everything the program needs. Never raises for what it finds wrong."""
    checks = [
        Check("Python", True, f"{platform.python_version()} on {platform.platform()}"),
        *_packages(ctx),
        _device(),
        *_models(),
        _folder("models folder", models_dir()),
        _folder("cache folder", _cache_dir()),
        Check("SQLite", sqlite3.sqlite_version_info >= (3, 24), sqlite3.sqlite_version, "Use a newer Python"),
    ]
    return Report(tuple(checks))


def _cache_dir() -> Path:
    from counterpart.core.features.cache import cache_dir

    return cache_dir()


def _packages(ctx: JobContext) -> list[Check]:
    checks = []
    for index, (package, module) in enumerate(REQUIRED):
        ctx.step(index, len(REQUIRED), f"Loading {package}")
        reason = _import_problem(module)
        if reason:
            hint = f"Install it again: pip install --force-reinstall {package}"
            checks.append(Check(package, False, reason, hint))
        else:
            checks.append(Check(package, True, _version(package)))
    for package, module, extra in OPTIONAL:
        missing = _import_problem(module)
        detail = f"not installed (optional: pip install 'counterpart[{extra}]')" if missing else _version(package)
        checks.append(Check(package, True, detail))
    return checks


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "present (version unknown)"  # a bundled program carries modules without their metadata


def _import_problem(module: str) -> str:
    """Why a module cannot be imported; empty if it can."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        return str(error)
    except (OSError, RuntimeError) as error:  # a native library that does not fit this machine
        return f"{type(error).__name__}: {error}"
    return ""


def _device() -> Check:
    try:
        from counterpart.core.backbone.device import place
    except ImportError as error:
        return Check("device", False, str(error), "torch must work first")
    try:
        found = place()
    except CounterpartError as error:
        return Check("device", False, error.what, error.hint)
    return Check("device", True, f"{found.device}, {found.precision}: {found.why}; {os.cpu_count()} cores")


def _models() -> list[Check]:
    present = [info for info in list_models() if is_installed(info.name)]
    names = ", ".join(info.name for info in present) or "none"
    default = next((info for info in list_models() if info.name == DEFAULT_MODEL), None)
    checks = [
        Check(
            "models installed",
            bool(present),
            names,
            "" if default is None or present else how_to_install(default),
        )
    ]
    for info in present:
        record = installed(info.name)
        from counterpart.core.backbone.weights import file_sha256

        if file_sha256(record.file) != record.sha256:
            checks.append(Check(info.name, False, f"the weights are damaged: {record.file}", how_to_install(info)))
    return checks


def _folder(name: str, folder: Path) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, False, f"{folder} cannot be written ({error.strerror})", "Check its permissions")
    if free < GIB:
        return Check(name, False, f"{folder}: only {free / GIB:.1f} GiB free", "Free some space")
    return Check(name, True, f"{folder} ({free / GIB:.0f} GiB free)")
