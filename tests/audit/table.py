"""The table of known holes: read, asked, and refreshed from what others export."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

TABLE = Path(__file__).with_name("advisories.json")


class TableError(ValueError):
    """A file is no table of advisories; says which and why."""


@dataclass(frozen=True, order=True)
class Advisory:
    """One hole.

    Attributes:
        package: Canonical name of the distribution.
        id: CVE, GHSA or PYSEC number.
        ranges: Versions that have it, as pip writes them; any of these.
        what: In a few words.
    """

    package: str
    id: str
    ranges: tuple[str, ...]
    what: str

    def affects(self, version: str) -> bool:
        """Whether a version has it; local parts (`+cu130`) do not count, and what is no version has none."""
        try:
            plain = Version(Version(version).public)
        except InvalidVersion:
            return False
        return any(SpecifierSet(text).contains(plain, prereleases=True) for text in self.ranges)

    def admitted_by(self, requirement: Requirement) -> bool:
        """Whether a requirement lets a version be installed that has it."""
        # Ranges overlap where the beginning of one lies in the other.
        begins = ["0"]
        for text in (str(requirement.specifier), *self.ranges):
            begins += [part.version for part in SpecifierSet(text) if part.operator in (">=", "==", "~=")]
        return any(requirement.specifier.contains(begin, prereleases=True) and self.affects(begin) for begin in begins)


def read_table(path: Path = TABLE) -> tuple[str, list[Advisory]]:
    """Date of the table, and its advisories."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["date"], [
        Advisory(canonicalize_name(item["package"]), item["id"], tuple(item["ranges"]), item["what"])
        for item in content["advisories"]
    ]


def write_table(advisories: Iterable[Advisory], path: Path = TABLE) -> None:
    """Write a table, sorted, with today's date."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    items = [{"package": a.package, "id": a.id, "ranges": a.ranges, "what": a.what} for a in sorted(set(advisories))]
    lines = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in items)
    path.write_text(f'{{\n "date": "{today}",\n "advisories": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def read_export(path: Path, packages: set[str]) -> list[Advisory]:
    """Advisories about some packages from a file or folder of OSV records (JSON, YAML), or from pip-audit's JSON.

    Raises:
        TableError: A file is neither.
    """
    files = sorted(f for f in path.rglob("*") if f.suffix in (".json", ".yaml")) if path.is_dir() else [path]
    found: list[Advisory] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            content = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
            found += _from_pip_audit(content) if "dependencies" in content else _from_osv(content)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise TableError(f"{file}: neither OSV records nor a report of pip-audit ({error})") from None
    return [advisory for advisory in found if advisory.package in packages]


def _from_osv(content: Any) -> Iterator[Advisory]:
    for record in content if isinstance(content, list) else [content]:
        if record.get("withdrawn"):
            continue
        what = str(record.get("summary") or record["details"]).strip().splitlines()[0][:120]
        ranges: dict[str, list[str]] = {}
        for entry in record["affected"]:
            if entry["package"]["ecosystem"] == "PyPI":
                texts = ranges.setdefault(canonicalize_name(entry["package"]["name"]), [])
                for each in entry.get("ranges", ()):
                    if each["type"] != "GIT":
                        texts += _spans(each["events"])
        number = next((alias for alias in record.get("aliases", ()) if alias.startswith("CVE-")), record["id"])
        yield from (Advisory(name, number, tuple(texts), what) for name, texts in ranges.items() if texts)


def _spans(events: list[dict[str, str]]) -> Iterator[str]:
    begin = ""
    for event in events:
        if "introduced" in event:
            begin = "" if event["introduced"] == "0" else f">={event['introduced']}"
        else:
            end = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
            yield f"{begin},{end}".lstrip(",")
            begin = ""
    if begin or "introduced" in events[-1]:
        yield begin or ">=0"


def _from_pip_audit(content: Any) -> Iterator[Advisory]:
    for dependency in content["dependencies"]:
        for hole in dependency.get("vulns", ()):
            have = Version(dependency["version"])
            fixes = sorted(fix for fix in map(Version, hole["fix_versions"]) if fix > have)
            span = f">={have.public},<{fixes[0]}" if fixes else f">={have.public}"
            number = next((alias for alias in hole.get("aliases", ()) if alias.startswith("CVE-")), hole["id"])
            what = str(hole.get("description") or hole["id"]).strip().splitlines()[0][:120]
            yield Advisory(canonicalize_name(dependency["name"]), number, (span,), what)
