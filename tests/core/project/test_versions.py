"""Projects of every version that was ever released open, with all that was in them."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from counterpart.core.project import schema
from counterpart.core.project.commands import AddPart
from counterpart.core.project.document import Document
from counterpart.core.project.points import Visibility

PROJECTS = Path(__file__).parents[1] / "projects"


def test_there_is_a_project_of_every_version():
    """Whoever raises the version adds a dump of a project as that version writes it."""
    versions = sorted(int(path.stem.removeprefix("version-")) for path in PROJECTS.glob("version-*.sql"))
    assert versions == list(range(1, schema.SCHEMA_VERSION + 1))


@pytest.mark.parametrize("version", range(1, schema.SCHEMA_VERSION + 1))
def test_a_project_of_an_older_version_opens_with_all_that_is_in_it(version, tmp_path):
    path = tmp_path / "old.counterpart"
    connection = sqlite3.connect(path)
    connection.executescript((PROJECTS / f"version-{version}.sql").read_text())
    connection.close()
    with Document.open(path) as document:
        assert not document.read_only
        assert document._store._connection.execute("PRAGMA user_version").fetchone() == (schema.SCHEMA_VERSION,)
        assert [image.name for image in document.images()] == ["img1.jpg", "img2.jpg"]
        assert document.image_path(1) == Path("/photos/img1.jpg")
        assert [image.state for image in document.images()] == ["edited", "reviewed"]
        assert document.image(1).doubt == 0.25
        labels = np.zeros((300, 270), np.uint8)
        labels[20:90, 30:200], labels[100:200, 50:60], labels[:9, :9] = 1, 2, 2
        found = document.label_map(1)
        assert np.array_equal(found.labels, labels)
        assert found.states == {1: "predicted", 2: "edited"}
        assert document.provenance(found.provenance).model == "model"
        assert document.touched(1).sum() == 81
        (points,) = document.keypoints(2)
        assert points.xy[:2].tolist() == [[10, 11], [20, 21]]
        assert points.visibility.tolist() == [Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.ABSENT]
        assert points.box == (1, 2, 30, 40)
        assert document.skeleton(1).names == ("nose", "left ear", "right ear")
        assert document.matches(1, 2).xy_b.tolist() == [[3, 4]]
        assert document.settings["k"] == 4
        document.apply(AddPart("new"))
        assert document.saved.saved
        assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
