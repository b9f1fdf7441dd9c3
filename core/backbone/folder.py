"""The user's folder of model weights, and where in it what is half-way fetched lies."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from counterpart.core.errors import OutputError


def models_dir() -> Path:
    """Folder of installed models: `COUNTERPART_MODELS`, or the user's data folder. It need not exist."""
    chosen = os.environ.get("COUNTERPART_MODELS")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("counterpart", appauthor=False)) / "models"


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder beside the models for what is half-way fetched; gone afterwards whatever happens.

    Raises:
        OutputError: The folder of models cannot be written.
    """
    root = models_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for stale in root.glob(".partial-*"):
            # Left by a process that was killed; a download that runs right now is younger than a day.
            if stale.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(stale, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    except OSError as error:
        raise unwritable(root, error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for a folder of models that cannot be written, with what to do."""
    return OutputError(
        f"the folder of models cannot be written ({error.strerror or error})",
        path=path,
        hint="Free some space, or name another folder in COUNTERPART_MODELS",
    )
