"""Finds the files that come with the program: the model registry, palettes, icons, sample images.

In a checkout they lie in the top-level folder `resources/`; a wheel and a bundle carry the same folder as
`counterpart/core/_resources`. Nothing else in the program needs to know which of the two it runs from.
"""

from pathlib import Path

from counterpart.core.errors import CounterpartError

_HERE = Path(__file__).resolve().parent


def resource_root() -> Path:
    """The folder that holds the program's own files.

    Raises:
        CounterpartError: the installation is incomplete.
    """
    # The installed place first: beside an installed `core`, a folder named `resources` is somebody else's.
    candidates = (_HERE / "_resources", _HERE.parent / "resources")
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise CounterpartError("The program's own files are missing", path=candidates[0], hint="Install the program again")


def resource_path(*parts: str) -> Path:
    """Path of a file or folder that comes with the program.

    Args:
        parts: Components below `resources/`, for example `resource_path("samples", "LICENSES.md")`.

    Raises:
        CounterpartError: there is no such file, which means that the installation is incomplete.
    """
    path = resource_root().joinpath(*parts)
    if not path.exists():
        raise CounterpartError("A file of the program is missing", path=path, hint="Install the program again")
    return path
