"""Match JSON: correspondences of pairs of images, with score, cycle error and a person's verdict.

```
{"sets": [{"image_a": "a.jpg", "image_b": "b.jpg",
           "pairs": [{"xy_a": [x, y], "xy_b": [x, y], "score": 0.8, "cycle_error": 1.5,
                      "state": "accepted", "locked": false}]}]}
``` Points are xy in pixels of each image, pixel centres at integers. An unknown score or cycle error is null. Read, a
file that is itself one such set is one set, and what is left out of a pair is unknown, proposed, not locked.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from counterpart.core.files import write_json
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    NamedMatches,
)
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import MatchSet, MatchState


def write_matches(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the matches of a dataset."""
    report = ExportReport("matches", out)
    sets = []
    names: set[str] = set()
    for number, named in enumerate(dataset.matches):
        ctx.step(number, len(dataset.matches), f"Writing {named.name_a}")
        sets.append({"image_a": named.name_a, "image_b": named.name_b, "pairs": _pairs(named.matches)})
        names |= {named.name_a, named.name_b}
        report.annotations += len(named.matches)
    report.images = len(names)
    report.skipped = [(name, "it has no matches") for name in dataset.image_names() if name not in names]
    write_json(out, {"sets": sets}, indent=1)
    return report


def _pairs(matches: MatchSet) -> list[dict[str, object]]:
    return [
        {
            "xy_a": matches.xy_a[index].tolist(),
            "xy_b": matches.xy_b[index].tolist(),
            "score": _known(float(matches.score[index])),
            "cycle_error": _known(float(matches.cycle_error[index])),
            "state": MatchState(int(matches.state[index])).name.lower(),
            "locked": bool(matches.locked[index]),
        }
        for index in range(len(matches))
    ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_matches(path: Path, source: Source, _ctx: JobContext, _report: ImportReport) -> Dataset:
    """Read matches.

    Raises:
        FormatError: The file is not match JSON; the pair and field are named.
    """
    data = read_json(path)
    sets = [data] if data.get("sets") is None else list(data["sets"])
    matches = [_set(entry) for entry in sets]
    names = dict.fromkeys(name for named in matches for name in (named.name_a, named.name_b))
    images = [AnnotatedImage.at(source.place(name)) for name in names]
    return Dataset(images=images, matches=matches)


def _set(entry: Node) -> NamedMatches:
    pairs = list(entry["pairs"])
    xy_a = np.array([pair["xy_a"].numbers(2) for pair in pairs]).reshape(-1, 2)
    xy_b = np.array([pair["xy_b"].numbers(2) for pair in pairs]).reshape(-1, 2)
    matches = MatchSet.make(
        0,
        1,
        xy_a,
        xy_b,
        np.array([_number(pair, "score") for pair in pairs], np.float32),
        np.array([_number(pair, "cycle_error") for pair in pairs], np.float32),
        np.array([_state(pair) for pair in pairs], np.uint8),
        np.array([_flag(pair, "locked") for pair in pairs], np.bool_),
    )
    return NamedMatches(_image(entry["image_a"]), _image(entry["image_b"]), matches)


def _image(node: Node) -> str:
    """The name of an image, given as such or in an object that describes it."""
    if isinstance(node.value, dict):
        for field in ("name", "file", "path", "file_name"):
            if node.get(field) is not None:
                return node[field].text()
    return node.text()


def _number(pair: Node, name: str) -> float:
    node = pair.get(name)
    return math.nan if node is None else node.number()


def _state(pair: Node) -> int:
    node = pair.get("state")
    if node is None:
        return MatchState.PROPOSED
    try:
        return MatchState[node.text().upper()]
    except KeyError:
        raise node.error("expected proposed, accepted or rejected") from None


def _flag(pair: Node, name: str) -> bool:
    node = pair.get(name)
    if node is None:
        return False
    if not isinstance(node.value, bool):
        raise node.error("expected true or false")
    return node.value
