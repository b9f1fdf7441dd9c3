"""`python -m tests.soak NAME [--count N] [--seed S]`: one long run, its figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak import bits, commands, damage, exports, folders, forged, hands, images, imports, kill

RUNS: dict[str, tuple[Callable[[Path, int, int], dict[str, object]], int]] = {
    "kill": (kill.run, 200),
    "commands": (commands.run, 10_000),
    "damage": (damage.run, 500),
    "imports": (imports.run, 300),
    "bits": (bits.run, 1_000),
    "folders": (folders.run, 300),
    "images": (images.run, 20_000),
    "exports": (exports.run, 200),
    "forged": (forged.run, 2_000),
    "hands": (hands.run, 30_000),
}


def main() -> int:
    """Run one of them in a temporary folder; 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("name", choices=RUNS)
    parser.add_argument("--count", type=int, help="kills, commands, damaged or forged files, folders, events")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run, usual = RUNS[options.name]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), options.count or usual, options.seed)
    print(json.dumps({"run": options.name, **report, "seconds": round(time.perf_counter() - started, 1)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
