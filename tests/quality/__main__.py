"""`python -m tests.quality [NAME …]`: accuracy of the embedded backbone on the measurement data, as Markdown tables.

`--quick` runs each table on a few drawn faces with a tiny model instead: it shows that they run, and needs no data.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
QUICK = {
    "buddies": ["--pairs", "1", "--k", "3"],
    "calibrate": ["--templates", "1", "--seeds", "1"],
    "landmarks": ["--labelled", "3", "--draws", "1"],
    "parts": ["--shots", "1", "2", "--seeds", "1", "--limit", "4"],
    "planted": ["--seeds", "1", "--fit", "2"],
    "points": ["--templates", "1", "--seeds", "1"],
    "segmentation": ["--seeds", "0", "--parts", "2", "--draws", "1"],
    "video": ["--size", "224"],
}
"""Every table, and the options that leave little of it."""


def quick(names: Sequence[str]) -> None:
    """Run tables on drawn faces with a tiny model, in this process and in folders of their own."""
    from tests.quality import drawn

    with tempfile.TemporaryDirectory() as folder:
        own = {"COUNTERPART_MODELS": str(Path(folder, "models")), "COUNTERPART_CACHE": str(Path(folder, "cache"))}
        with mock.patch.dict(os.environ, own):
            data, model = Path(folder, "data"), drawn.install_model()
            drawn.write_data(data)
            for name in names:
                print(f"\n## {name}, on drawn faces with a tiny model: the figures mean nothing\n", flush=True)
                table = importlib.import_module(f"tests.quality.{name}")
                table.main(["--data", str(data), "--model", model, *QUICK[name]])


def main(arguments: list[str] | None = None) -> int:
    """Run the tables named, all by default; the exit code says whether all of them ran."""
    shared = Path(os.environ.get("COUNTERPART_SHARED") or ROOT.parent / "shared")
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(QUICK)} (all)")
    parser.add_argument(
        "--data", type=Path, default=shared / "data", help="folder of the measurement data (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="only show that the tables run")
    args = parser.parse_args(arguments)
    unknown = sorted(set(args.names) - set(QUICK))
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(QUICK)}")
    names = args.names or list(QUICK)
    if args.quick:
        quick(names)
        return 0
    if not args.data.is_dir():
        parser.error(f"there is no folder {args.data}; CONTRIBUTING.md says what the measurement data are")
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"tests.quality.{name}", "--data", str(args.data)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
