"""What starting costs: processor time until help is shown, a project is open, or the window has painted.

Run `python -m tests.bench start`; `--json` prints one object, `--runs N` takes the best of N (5), `--modules` lists the
costliest imports of the window. Ratios are to `python -c pass`: user and system time of the whole process, which other
programs on the machine disturb less than wall time. Needs a system that counts its children's time: not Windows.

Which modules may be loaded is asserted in `tests/core/cli/test_start.py` and `tests/core/api/test_notebook.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

WINDOW = """\
import os
from PySide6.QtCore import QEvent, QObject
from counterpart.desktop.app import MainWindow, Settings, apply_theme, make_application

class FirstPaint(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.seen = True
        return False

application = make_application(["counterpart"])
first = FirstPaint()
first.seen = False
settings = Settings()
apply_theme(application, settings.preferences.theme)
window = MainWindow(settings)
application.installEventFilter(first)
window.show()
while not first.seen:
    application.processEvents()
os._exit(0)
"""
STARTS = {
    "python -c pass": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import PySide6.QtWidgets": ["-c", "import PySide6.QtWidgets"],
    "import counterpart": ["-c", "import counterpart"],
    "counterpart.open_project()": ["-c", "import counterpart; counterpart.open_project()"],
    "counterpart --help": ["-m", "counterpart", "--help"],
    "counterpart --version": ["-m", "counterpart", "--version"],
    "counterpart parts --help": ["-m", "counterpart", "parts", "--help"],
    "counterpart export --help": ["-m", "counterpart", "export", "--help"],
    "window, until it has painted": ["-c", WINDOW],
}


def processor_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time that one process took, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def costliest_imports(environment: dict[str, str], count: int = 25) -> list[tuple[str, float]]:
    """Modules that the window imports, with the milliseconds of their own code, the costliest first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", WINDOW], env=environment, capture_output=True, text=True, check=True
    )
    rows = []
    for line in done.stderr.splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            rows.append((fields[2].strip(), int(fields[0]) / 1000))
    return sorted(rows, key=lambda row: -row[1])[:count]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--modules", action="store_true")
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    args = parser.parse_args(arguments)
    if args.quick:
        args.runs = 1
    with tempfile.TemporaryDirectory(prefix="counterpart-start-") as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode")),  # compiled in the first run, as after an installation
            "QT_QPA_PLATFORM": "offscreen",
            "COUNTERPART_CACHE": str(Path(folder, "cache")),
            "COUNTERPART_SETTINGS": str(Path(folder, "settings")),
            "XDG_CONFIG_HOME": str(Path(folder, "config")),
        }
        best = {
            name: min([processor_seconds(command, environment) for _ in range(args.runs + 1)][1:])
            for name, command in STARTS.items()
        }
        imports = costliest_imports(environment) if args.modules else []
    base = best["python -c pass"]
    if args.json:
        print(json.dumps({"seconds": best, "ratio": {name: value / base for name, value in best.items()}}))
        return 0
    print(f"{'start':<30} processor s   × python -c pass")
    for name, value in best.items():
        print(f"{name:<30} {value:11.3f}   {value / base:6.1f}")
    for name, milliseconds in imports:
        print(f"{milliseconds:8.1f} ms  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
