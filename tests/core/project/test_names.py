"""Names are written down one way, and none that looks like another is taken; what is in a project already stays."""

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.project.commands import (
    AddPart,
    AddSkeleton,
    ChangeSkeleton,
    EditPart,
    ReplaceMasks,
    SplitPart,
)
from counterpart.core.project.document import Document
from counterpart.core.project.model import PartLabel
from counterpart.core.project.names import checked_name, free_name, lookalike, same_name, tidy_name
from counterpart.core.project.points import Skeleton
from counterpart.core.project.skeletons import add_point, rename_point
from counterpart.core.project.tiles import pack_labels
from tests.core.project_tools import HW, new_images

TIDY = {
    "wing": "wing",
    "  left \t wing\n": "left wing",
    "left\u00a0wing": "left wing",
    "left\u3000\u2003wing": "left wing",
    "Flu\u0308gel": "Flügel",
    "\u1112\u1161\u11ab": "한",
    "\ufeffwing\u200b": "wing",
    "wi\u00adng": "wing",
    "\u202ewing": "wing",
    "wing\x00\x07": "wing",
    "wi\ud800ng": "wing",
    "می\u200cخواهم": "می\u200cخواهم",
    "\u200dwing\u200c": "wing",
    "❤\ufe0f": "❤\ufe0f",
    "\u200b": "",
    " \t ": "",
}


@pytest.mark.parametrize(("text", "tidy"), TIDY.items(), ids=ascii)
def test_a_name_is_written_down_one_way(text, tidy):
    assert tidy_name(text) == tidy
    assert tidy_name(tidy) == tidy
    assert same_name(text, tidy)


ALIKE = [
    ("wing", "Wing"),
    ("straße", "STRASSE"),
    ("İstanbul", "i̇stanbul"),
    ("ﬁn", "fin"),
    ("leg²", "leg2"),
    ("ｗｉｎｇ", "wing"),
    ("left wing", "left  Wing"),
    ("wi\u200dng", "wing"),
    ("wing\ufe0f", "wing"),
    ("wing\u3164", "wing"),
    ("w\u0456ng", "wing"),
    ("\u0421OP", "cop"),
    ("КОТ", "кот"),
    ("left\u2013wing", "left-wing"),
    ("bird’s", "bird's"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=ascii)
def test_what_a_person_cannot_tell_apart_is_alike_either_way_round(one, other):
    assert lookalike(one, ["x", other]) == other
    assert lookalike(other, [one, "x"]) == one


@pytest.mark.parametrize(
    ("one", "other"),
    [("wing", "wings"), ("part 1", "part 11"), ("left wing", "leftwing"), ("e", "é"), ("o", "ø"), ("翼", "翅")],
)
def test_what_a_person_can_tell_apart_is_not_alike(one, other):
    assert lookalike(one, [other]) is None
    assert not same_name(one, other)


@pytest.mark.parametrize("nothing", ["", "  ", "\u200b", "\u3164", "\ufe0f", "\u200d \u200c", "\x00"])
def test_a_name_of_which_nothing_is_seen_is_none(nothing):
    with pytest.raises(UsageError, match="a keypoint needs a name"):
        checked_name(nothing, [], "keypoint")


def test_the_refusal_names_what_it_is_mistaken_for():
    with pytest.raises(UsageError, match=r"^there is a part named wing already\. Names must differ$"):
        checked_name(" wing ", ["wing"], "part")
    with pytest.raises(UsageError, match=r"^Wing looks like the part wing\. Names must differ in more than case"):
        checked_name("Wing", ["tail", "wing"], "part")


def test_a_free_number_passes_over_what_looks_taken():
    assert free_name("part", ["part 1", "PART 2", "part\u00a03"]) == "part 4"
    assert free_name("wing", ["wing"], 2) == "wing 2"


@pytest.fixture
def document(tmp_path):
    with Document.new(tmp_path / "a.counterpart") as made:
        made.add_images(new_images(tmp_path, 2))
        yield made


def test_parts_are_named_by_these_rules(document):
    document.apply(AddPart("  left   wing "))
    document.apply(AddPart("tail"))
    assert [part.name for part in document.parts] == ["left wing", "tail"]
    for name in ("Left Wing", "left\u200b wing ", "ｔａｉｌ"):
        with pytest.raises(UsageError, match=r"looks like the part|there is a part named left wing"):
            document.apply(AddPart(name))
    with pytest.raises(UsageError, match="TAIL looks like the part tail"):
        document.apply(EditPart(1, name=" TAIL"))
    assert document.apply(EditPart(2, name="Tail"))  # its own name in another case is no other part's
    assert not document.apply(EditPart(2, name=" Tail "))


def test_a_part_that_is_divided_gets_a_name_of_its_own(document):
    document.apply(ReplaceMasks({1: np.ones(HW, np.uint8)}, {0: 0, 1: "wing"}))
    document.apply(AddPart("Wing 2"))
    pieces = np.ones(HW, np.uint8)
    pieces[:25] = 2
    document.apply(SplitPart(1, {1: pack_labels(pieces)}))
    assert [part.name for part in document.parts] == ["wing", "Wing 2", "wing 3"]


def test_names_of_a_file_join_what_is_the_same_and_nothing_else(document):
    document.apply(AddPart("left wing"))
    labels = np.ones(HW, np.uint8)
    labels[:10], labels[10:20] = 2, 3
    document.apply(ReplaceMasks({1: labels}, {0: 0, 1: "left  wing ", 2: "Left wing", 3: "\u200b"}))
    assert [part.name for part in document.parts] == ["left wing", "Left wing", "part 3"]
    assert set(document.label_map(1).areas()) >= {1, 2, 3}


def test_a_project_that_holds_such_names_opens_and_takes_changes(tmp_path):
    file = tmp_path / "old.counterpart"
    with Document.new(file) as old:
        edit = old._begin()  # as an older program wrote it, past the rules
        edit.put_part(PartLabel(1, "wing ", (1, 2, 3), 0))
        edit.put_part(PartLabel(2, "Wing", (3, 2, 1), 1))
        edit.put_skeleton(Skeleton(("a", "A"), name="beast ", id=1))
        old._commit(edit.diff(), {}, {}, revise=True)
    with Document.open(file) as again:
        assert [part.name for part in again.parts] == ["wing ", "Wing"]
        again.apply(EditPart(1, locked=True))
        skeleton = again.skeleton(1)
        again.apply(ChangeSkeleton(add_point(skeleton, "tail")))
        assert again.skeleton(1).names == ("a", "A", "tail")
        with pytest.raises(UsageError, match="Tail looks like the keypoint tail"):
            add_point(again.skeleton(1), "Tail")
        again.apply(EditPart(1, name="left wing"))
        assert again.parts[0].name == "left wing"


def test_skeletons_and_keypoints_are_named_by_these_rules(document):
    document.apply(AddSkeleton(Skeleton((" nose", "left  ear"), name=" horse "), typed=True))
    made = document.skeletons[0]
    assert (made.name, made.names) == ("horse", ("nose", "left ear"))
    with pytest.raises(UsageError, match="Horse looks like the skeleton horse"):
        document.apply(AddSkeleton(Skeleton(("x",), name="Horse"), typed=True))
    with pytest.raises(UsageError, match="looks like the keypoint Nose"):
        document.apply(AddSkeleton(Skeleton(("nose", "Nose"), name="cow"), typed=True))
    with pytest.raises(UsageError, match="Nose looks like the keypoint nose"):
        rename_point(made, 1, "Nose")
    document.apply(AddSkeleton(Skeleton(("nose ", "Nose"), name="horse")))
    assert document.skeletons[1].names == ("nose", "Nose")
