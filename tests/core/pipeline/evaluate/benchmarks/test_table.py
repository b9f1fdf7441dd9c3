"""Tables of figures: text, Markdown, JSON, and what was published."""

import json

from counterpart.core.pipeline.evaluate.benchmarks.published import PUBLISHED
from counterpart.core.pipeline.evaluate.benchmarks.table import Row, Table

TABLE = Table(
    "Cats: a model",
    ("J", "P"),
    (Row("lion", (50.25, None)), Row("tiger", (70.0, 90.0))),
    Row("mean", (60.125, 90.0)),
    (Row("paper", (61.0, 91.5)),),
    ("Two cats.",),
)


def test_a_table_lines_up_its_columns_and_parts_the_mean_from_rows_and_literature():
    lines = TABLE.text().splitlines()
    assert lines[0] == "Cats: a model"
    assert lines[2].split() == ["lion", "50.2", "–"]
    assert {len(line) for line in lines[2:4]} == {len(lines[2])}
    assert [set(lines[4]), lines[5].split()[0], set(lines[6]), lines[7].split()[0]] == [{"-"}, "mean", {"-"}, "paper"]
    assert lines[-1] == "Two cats."


def test_a_table_as_markdown_has_one_width_and_a_bold_mean():
    rows = [line for line in TABLE.markdown().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}
    assert "| **mean** | **60.1** | **90.0** |" in rows
    assert "| lion | 50.2 | – |" in rows


def test_a_table_as_json_has_no_nan():
    odd = Table("t", ("a",), (Row("x", (float("nan"),)),), Row("mean", (None,)))
    assert json.loads(odd.render("json"))["categories"] == {"x": {"a": None}}
    assert "–" in odd.text()


def test_published_rows_fit_their_columns():
    widths = {"davis-2017": 3, "davis-2016": 3, "celeba": 2, "spair": 1}
    for name, rows in PUBLISHED.items():
        assert all(len(row.values) == widths.get(name, 2) for row in rows), name
    assert PUBLISHED["pascal-voc"][0].values == (60.7, 88.2)
    assert PUBLISHED["internet300"][1].values == (73.8, 92.6)
