"""`python -m tests.quality [NAME …]`: accuracy of the embedded backbone on the measurement data, as Markdown tables."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main() -> int:
    """Run the tables named, all by default; the exit code says whether all of them ran."""
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    shared = Path(os.environ.get("COUNTERPART_SHARED") or ROOT.parent / "shared")
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(known)} (all)")
    parser.add_argument(
        "--data", type=Path, default=shared / "data", help="folder of the measurement data (%(default)s)"
    )
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(known))
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(known)}")
    if not args.data.is_dir():
        parser.error(f"there is no folder {args.data}; CONTRIBUTING.md says what the measurement data are")
    failed = []
    for name in args.names or known:
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"tests.quality.{name}", "--data", str(args.data)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
