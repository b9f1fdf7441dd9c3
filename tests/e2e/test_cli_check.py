"""`counterpart check`, as a person runs it."""

import json

import pytest

from counterpart.core.cli import main
from counterpart.core.resources import resource_path

pytestmark = pytest.mark.usefixtures("focus_model")


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_a_planted_slip_is_on_top(tmp_path, capsys):
    data = json.loads(resource_path("samples", "keypoints.json").read_text())
    tail = data["categories"][0]["keypoints"].index("tail_base")
    data["annotations"][1]["keypoints"][3 * tail : 3 * tail + 2] = [370, 300]
    file = tmp_path / "points.json"
    file.write_text(json.dumps(data))
    code, report = run(capsys, "check", file, "--root", resource_path("samples"), "--top", "5")
    assert code == 0
    assert (report["checked"], report["instances"], len(report["points"])) == (45, 3, 5)
    first = report["points"][0]
    assert (first["keypoint"], first["file_name"], first["xy"]) == ("tail_base", "ibex.jpg", [370, 300])
    doubts = [point["doubt"] for point in report["points"]]
    assert doubts == sorted(doubts, reverse=True)


def test_a_single_instance_cannot_be_checked(tmp_path, capsys):
    data = json.loads(resource_path("samples", "keypoints.json").read_text())
    data["annotations"] = data["annotations"][:1]
    file = tmp_path / "points.json"
    file.write_text(json.dumps(data))
    code, report = run(capsys, "check", file, "--root", resource_path("samples"))
    assert code == 2
    assert "no two images" in str(report["error"])
