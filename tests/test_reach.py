"""Every definition of `core` and `desktop` is used by the program, not by tests alone, or is listed with its reason."""

import ast
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import grimp
import pytest
from vulture import Vulture

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ("core", "desktop")
# Programs of their own, named in CONTRIBUTING: what measures and draws may ask for what the window does not.
TOOLS = ("docs", "tests/bench", "tests/quality", "dev.py")
SENT_BY_QT = ("*Event", "columnCount", "headerData")
SENT_BY_PYTHON = ("__getattr__", "__dir__", "_print_message")
SET_FOR_A_LIBRARY = ("argtypes", "epilog", "excepthook", "formatter_class", "restype", "thread_type")
ALLOWED = {
    "declare_*": "commands of the command line, found by name in core.cli.parser.COMMANDS",
    "put_into": "a method of the Python API, see docs/api.md",
    "qimage_to_rgb": "how tests read what was painted: qimage2ndarray has one importer",
    "choose_page": "how tests turn to a page of the Learn panel",
    "doubt_queue": "how tests ask for the whole queue that the window fills image by image",
    "ClearLabels": "how a project is rid of labels that are damaged; the window does not offer it yet",
}
ENTRIES = {"counterpart", "counterpart.__main__", "counterpart.desktop.app"}


def _without_exports(source: str) -> str:
    """The source with `__all__` blanked."""
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            for index in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[index] = ""
    return "\n".join(lines)


def _unused(sources: Mapping[Path, str]) -> dict[str, str]:
    """Where each definition of the program lies that none of the sources names, by its name."""
    found = Vulture()
    for file, source in sources.items():
        # What `import counterpart` offers is used by others; elsewhere a name is not used by being offered.
        found.scan(source if file.parent == ROOT / "core" / "api" else _without_exports(source), filename=file)
    places = {item.name: f"{item.filename.relative_to(ROOT)}:{item.first_lineno}" for item in found.get_unused_code()}
    return {name: place for name, place in places.items() if place.startswith(PROGRAM) and not _known(name)}


def _known(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in (*SENT_BY_QT, *SENT_BY_PYTHON, *SET_FOR_A_LIBRARY))


def test_nothing_is_reached_by_tests_alone():
    files = [file for place in (*PROGRAM, *TOOLS) for file in [ROOT / place, *(ROOT / place).rglob("*.py")]]
    unused = _unused({file: file.read_text(encoding="utf-8") for file in files if file.is_file()})
    assert {
        name: place for name, place in unused.items() if not any(fnmatch(name, allowed) for allowed in ALLOWED)
    } == {}
    stale = [allowed for allowed in ALLOWED if not any(fnmatch(name, allowed) for name in unused)]
    assert stale == [], "these are used now, or gone"


def _uncalled(files: Mapping[str, str]) -> set[str]:
    """Functions and classes, as `module.name`, that neither their own module nor an import of another names.

    Finds what the scan by names does not: a function with the name of another that is used.
    """
    own: dict[str, set[str]] = {}
    named: set[str] = set()
    for module, source in files.items():
        body = ast.parse(source).body
        own[module] = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for top in body:
            for node in ast.walk(top):
                if isinstance(node, ast.ImportFrom):
                    named |= {f"{node.module}.{alias.name}" for alias in node.names}
                elif isinstance(node, ast.Name) and node.id != getattr(top, "name", None):
                    named.add(f"{module}.{node.id}")
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    named.add(f"*.{node.value.id}.{node.attr}")  # of a module that was imported whole
    alike = {name.removeprefix("*.") for name in named if name.startswith("*.")}
    return {
        f"{module}.{name}"
        for module, names in own.items()
        for name in names
        if f"{module}.{name}" not in named
        and f"{module.rpartition('.')[0]}.{name}" not in named  # handed on by the package
        and f"{module.rpartition('.')[2]}.{name}" not in alike
    }


def test_every_function_is_imported_or_called_where_it_stands():
    files = {}
    for place in (*PROGRAM, *TOOLS):
        for file in (ROOT / place).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            files[f"counterpart.{name}" if place in PROGRAM else name] = file.read_text(encoding="utf-8")
    found = {name for name in _uncalled(files) if name.startswith("counterpart.")}
    assert {
        name
        for name in found
        if not name.startswith("counterpart.core.api.")
        and not any(fnmatch(name.rpartition(".")[2], allowed) for allowed in ALLOWED)
    } == set()


def test_a_function_with_the_name_of_another_that_is_used_would_be_found():
    files = {"a": "def twice(): pass\n", "b": "def twice(): pass\n", "c": "from a import twice\ntwice()\n"}
    assert _uncalled(files) == {"b.twice"}


def test_a_function_that_is_offered_and_never_called_would_be_found():
    source = "__all__ = ['lonely']\n\n\ndef lonely():\n    return busy()\n\n\ndef busy():\n    pass\n"
    assert _unused({ROOT / "core" / "planted.py": source}) == {"lonely": "core/planted.py:4"}


@pytest.fixture(scope="module")
def imported():
    """Modules that the program imports from where it starts, packages on the way included."""
    graph = grimp.build_graph("counterpart", exclude_type_checking_imports=False, cache_dir=None)
    commands = {name for name in graph.modules if name.startswith("counterpart.core.cli.")}  # loaded by name
    reached, ahead = set[str](), [*ENTRIES, *commands]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += graph.find_modules_directly_imported_by(name)
            ahead += [name.rpartition(".")[0]] if "." in name else []
    return graph.modules, reached


def test_every_module_is_imported_from_where_the_program_starts(imported):
    modules, reached = imported
    assert len(reached) > 200
    alone = {name for name in modules - reached if not name.startswith("counterpart.core.api")}  # `counterpart` itself
    assert alone == set()
