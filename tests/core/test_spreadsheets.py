"""Cells that a spreadsheet would run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpart.core.formats.base import AnnotatedImage, Dataset
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.core.spreadsheets import TableWriter, guarded, unguarded
from tests.core import format_tools


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "'=1"])
def test_what_would_run_is_text(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["wing", "a=b", "-1.5", "+3", "-1e-05", -1.5, 7, "", "'quoted'"])
def test_numbers_and_other_texts_stay(cell):
    assert guarded(cell) == cell


@given(st.text(alphabet="'=+-@\t\ra1.", max_size=6))
def test_reading_undoes_it(text):
    assert unguarded(str(guarded(text))) == text


def test_a_table_is_written_guarded():
    text = io.StringIO()
    TableWriter(text).writerow(["=1+1", -2, "-2.5"])
    assert next(csv.reader([text.getvalue()])) == ["'=1+1", "-2", "-2.5"]


@pytest.mark.parametrize("name", ["csv", "deeplabcut"])
def test_names_that_look_like_formulas_come_back(tmp_path, name):
    skeleton = Skeleton(("=1+1", "@tail", "-x"), name="+bird", id=1)
    points = KeypointSet.make([[-1.5, 2], [3, 4], [5, 6]])
    images = [AnnotatedImage("=a.jpg", (20, 30), id=1, keypoints=(points,))]
    format_tools.write(name, Dataset(skeletons=(skeleton,), images=images), tmp_path / "out.csv")
    assert "'=1+1" in (tmp_path / "out.csv").read_text()
    dataset, _ = format_tools.read(name, tmp_path / "out.csv", format_tools.source_of({"=a.jpg": (20, 30)}))
    assert dataset.skeletons[0].names == skeleton.names
    assert dataset.images[0].name == "=a.jpg"
    assert dataset.images[0].keypoints[0].xy.tolist() == points.xy.tolist()
