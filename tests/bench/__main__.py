"""`python -m tests.bench [NAME …] [OPTION …]`: speed and memory, as ratios within one run, one process per benchmark.

Options go to every benchmark that is named; all of them know `--quick`, which only shows that they run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, all by default; the exit code says whether all of them ran."""
    first = next((index for index, each in enumerate(arguments) if each.startswith("-")), len(arguments))
    names, options = arguments[:first], arguments[first:]
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or known:
        print(f"\n## {name}\n", flush=True)
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, "-m", f"tests.bench.bench_{name}", *options]
        if subprocess.run(command, cwd=HERE.parent.parent, env=environment, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
