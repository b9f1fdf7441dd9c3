"""What the versions that the program may run with are known for."""

import json

import pytest
from packaging.requirements import Requirement

from tests.audit.__main__ import LOCK, ROOT, declared, holes, installed, locked, main, write_lock
from tests.audit.table import Advisory, TableError, read_export, read_table, write_table

TIFF = Advisory("pillow", "CVE-1", (">=10.3,<12.2.0",), "a bomb")
PARTS = Advisory("protobuf", "CVE-2", ("<5.29.6", ">=6.30.0,<6.33.5"), "recursion")


@pytest.mark.parametrize(
    ("advisory", "version", "affected"),
    [
        (TIFF, "12.1.1", True), (TIFF, "12.2.0", False), (TIFF, "10.2.0", False), (TIFF, "10.3", True),
        (TIFF, "11.0+local.5", True), (TIFF, "no version", False),
        (PARTS, "5.29.6", False), (PARTS, "6.30.0", True), (PARTS, "4.0", True), (PARTS, "6.33.5", False),
    ],
)  # fmt: skip
def test_a_version_is_in_a_range_or_it_is_not(advisory, version, affected):
    assert advisory.affects(version) is affected


@pytest.mark.parametrize(
    ("requirement", "admitted"),
    [
        ("pillow>=12.2", False), ("pillow>=13", False), ("pillow>=12.1.1", True), ("pillow>=9", True),
        ("pillow", True), ("pillow<10", False), ("pillow==12.1.0", True), ("pillow==12.2.0", False),
        ("pillow>=12.1,!=12.1,!=12.1.1", False),
    ],
)  # fmt: skip
def test_a_requirement_admits_a_hole_where_the_ranges_overlap(requirement, admitted):
    assert TIFF.admitted_by(Requirement(requirement)) is admitted


def test_no_floor_of_ours_and_no_locked_version_has_a_known_hole():
    _, advisories = read_table()
    assert list(holes(advisories, declared(ROOT / "pyproject.toml"), {LOCK.name: locked(LOCK)})) == []


def test_every_requirement_is_locked_at_a_version_that_it_admits():
    pins = locked(LOCK)
    for requirement in declared(ROOT / "pyproject.toml"):
        if requirement.marker is None or requirement.marker.evaluate():
            name = requirement.name.lower().replace("_", "-")
            assert requirement.specifier.contains(pins.get(name, "0")), f"{requirement}: run dev.py lock"


def test_each_hole_is_a_line_with_its_place():
    found = list(holes([TIFF, PARTS], [Requirement("Pillow>=11")], {"constraints.txt": {"protobuf": "6.31"}}))
    assert [line.split(":")[0] for line in found] == ["pyproject.toml", "constraints.txt"]
    assert "CVE-1" in found[0]
    assert "protobuf 6.31 has CVE-2" in found[1]


def test_the_command_ends_with_1_where_there_is_a_hole(tmp_path, capsys):
    old = tmp_path / "freeze.txt"
    old.write_text("# a comment\nPillow==11.0.0\nnumpy==2.0 ; python_version > '3'\n")
    assert main(["--versions", str(old)]) == 1
    said = capsys.readouterr().out
    assert "freeze.txt: pillow 11.0.0 has CVE-2026-40192" in said
    old.write_text("numpy==2.0.0\n")
    assert main(["--versions", str(old)]) == 0
    assert "0 known holes" in capsys.readouterr().out
    assert main(["--versions", str(tmp_path / "absent")]) == 1


def test_what_is_installed_is_followed_to_what_it_requires_and_no_further():
    found = installed(
        [Requirement("import-linter"), Requirement("no-such-distribution"), Requirement("numpy; python_version < '3'")]
    )
    assert {"import-linter", "grimp", "click"} <= found.keys()
    assert "numpy" not in found
    assert "no-such-distribution" not in found


def test_a_lock_names_versions_without_the_build(tmp_path):
    write_lock(tmp_path / "lock.txt", {"torch": "2.14.1+cu130", "a": "1.0"})
    assert locked(tmp_path / "lock.txt") == {"a": "1.0", "torch": "2.14.1"}


OSV = {
    "id": "GHSA-x",
    "aliases": ["PYSEC-1", "CVE-3"],
    "summary": "A hole.\nMore.",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Pillow"},
            "ranges": [
                {"type": "GIT", "repo": "r", "events": [{"introduced": "0"}, {"fixed": "abc"}]},
                {
                    "type": "ECOSYSTEM",
                    "events": [{"introduced": "0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"last_affected": "3.5"}],
                },
                {"type": "ECOSYSTEM", "events": [{"introduced": "9.0"}]},
            ],
        },
        {"package": {"ecosystem": "npm", "name": "pillow"}, "ranges": []},
    ],
}
PIP_AUDIT = {
    "dependencies": [
        {
            "name": "torch",
            "version": "2.5.0",
            "vulns": [{"id": "PYSEC-2", "aliases": ["CVE-4"], "fix_versions": ["2.6.0", "1.9"]}],
        },
        {
            "name": "pillow",
            "version": "12.0",
            "vulns": [{"id": "PYSEC-3", "fix_versions": [], "description": "No fix."}],
        },
        {"name": "numpy", "version": "2.0", "vulns": []},
        {"name": "counterpart", "skip_reason": "not on the index"},
    ],
    "fixes": [],
}


def test_records_of_osv_become_advisories(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").write_text(json.dumps(OSV))
    (tmp_path / "b.yaml").write_text(json.dumps({**OSV, "aliases": []}))  # JSON is YAML
    (tmp_path / "c.json").write_text(json.dumps({**OSV, "withdrawn": "2026-01-01T00:00:00Z"}))
    spans = ("<2.0", ">=3.0,<=3.5", ">=9.0")
    assert read_export(tmp_path, {"pillow"}) == [
        Advisory("pillow", "GHSA-x", spans, "A hole."),
        Advisory("pillow", "CVE-3", spans, "A hole."),
    ]
    assert read_export(tmp_path, {"torch"}) == []


def test_a_report_of_pip_audit_becomes_advisories(tmp_path):
    (tmp_path / "audit.json").write_text(json.dumps(PIP_AUDIT))
    assert read_export(tmp_path / "audit.json", {"torch", "pillow"}) == [
        Advisory("torch", "CVE-4", (">=2.5.0,<2.6.0",), "PYSEC-2"),
        Advisory("pillow", "PYSEC-3", (">=12.0",), "No fix."),
    ]


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"affected": 3, "details": "x"}'])
def test_something_else_is_named(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(TableError, match=r"x\.json: neither OSV"):
        read_export(tmp_path / "x.json", {"pillow"})


def test_a_table_comes_back_as_it_was_written(tmp_path):
    write_table([PARTS, TIFF, TIFF], tmp_path / "t.json")
    date, found = read_table(tmp_path / "t.json")
    assert found == [TIFF, PARTS]
    assert len(date) == 10
