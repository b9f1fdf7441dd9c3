"""Files in the exact dialect of each tool, made by hand, with what its reader finds in them beside.

A folder is a case. Its `answer.json` says which photographs to make (`photos`: height and width), which pictures of
labels (`pictures`: rows of letters, and what each letter is), what to open (`open`, the folder where left out), what is
recognised (`format`), and what a new project then has: for each image the parts with their pixels and box (left, top,
right, bottom), the instances with their points (x, y, visibility), the names of `individuals`, whether a program made
them (`state`), and words of the report (`said`); or why it is `refused`.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import guess_format, import_into
from counterpart.core.formats.individuals import names_of
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/answer.json"))


def make_picture(path, rows, mode, letters, **_):
    values = np.array([[letters[letter] for letter in row] for row in rows], np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "P":
        colours = list(letters.values())
        image = Image.fromarray(np.array([[colours.index(letters[c]) for c in row] for row in rows], np.uint8), "P")
        image.putpalette([value for colour in colours for value in colour])
        image.save(path)
    else:
        Image.fromarray(values).convert(mode).save(path)


def make_photos(folder, photos):
    random = np.random.default_rng(3)
    for name, (height, width) in photos.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (height, width, 3)).astype(np.uint8)).save(folder / name)


def contents(document):
    """What a project has, in the answer's terms."""
    parts, skeletons = {p.id: p.name for p in document.parts}, {s.id: s for s in document.skeletons}
    called, found = names_of(document.settings), {}
    for record in document.images():
        packed = document.packed_labels(record.id)
        areas = {}
        for part, count in () if packed is None else packed.areas.items():
            rows, cols = np.nonzero(packed.unpack() == part)
            box = (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)
            areas[parts[part]] = [count, *(int(side) for side in box)]
        instances = []
        for points in document.keypoints(record.id):
            skeleton = skeletons[points.skeleton]
            places = {
                name: [*(round(float(v), 3) for v in xy), int(seen)] if seen else None
                for name, xy, seen in zip(skeleton.names, points.xy, points.visibility, strict=True)
            }
            instances.append([skeleton.name, places, points.box and [round(side, 3) for side in points.box]])
        individuals = [called[one.instance] for one in document.keypoints(record.id) if one.instance in called]
        state = record.state if record.state == "predicted" else ""
        shown = {"parts": areas, "instances": instances, "individuals": individuals, "state": state}
        found[record.name] = {key: value for key, value in shown.items() if value}
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_file_of_another_tool_is_read_as_its_own_reader_does(case, tmp_path):
    folder = tmp_path / case
    shutil.copytree(HERE / case, folder)
    (folder / "answer.json").unlink()
    answer = json.loads((HERE / case / "answer.json").read_text(encoding="utf-8"))
    make_photos(folder, answer["photos"])
    for name, picture in answer.get("pictures", {}).items():
        make_picture(folder / name, **picture)
    place = folder / answer.get("open", "")
    assert guess_format(place) == answer["format"]
    with Document.new(tmp_path / "new.counterpart") as document:
        if "refused" in answer:
            with pytest.raises(FormatError, match=re.escape(answer["refused"])):
                import_into(document, place, answer["format"], silent())
            return
        report = import_into(document, place, answer["format"], silent())
        assert contents(document) == answer["images"]
        said = [f"{where}: {what}" for where, what in (*report.skipped, *report.lost, *report.notes)]
        assert said == answer.get("said", [])
        revision = document.revision
        import_into(document, place, answer["format"], silent())
        assert document.revision == revision  # reading it again changes nothing
