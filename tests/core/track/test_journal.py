"""What a killed run goes on from: frames that are there as they were written, and a state that is not ahead of them."""

import hashlib
import json

import numpy as np
import pytest

from counterpart.core.images.video import ArrayFrames
from counterpart.core.jobs import silent
from counterpart.core.track import TrackState
from counterpart.core.track.flow import Basis
from counterpart.core.track.journal import JOURNAL_NAME, Journal, run_digest


def state(index):
    return TrackState(index, Basis(np.zeros(3, np.float32), None), (), ())


def run(out, count, *, digest="abc", first=0, states=True):
    """A run that writes some frames and is killed; the journal it ended with."""
    journal = Journal(out, digest, silent())
    for frame in range(first, first + count):
        data = f"labels of {frame}".encode()
        (out / f"{frame}.png").write_bytes(data)
        journal.add(frame, f"{frame}.png", frame / 10, data, state(frame + 1) if states else None)
    return journal


def test_a_killed_run_goes_on_after_its_last_frame(tmp_path):
    assert Journal(tmp_path, "abc", silent()).start == 0
    journal = run(tmp_path, 3)
    assert journal.start == 3
    again = Journal(tmp_path, "abc", silent())
    assert (again.start, again.entries) == (3, journal.entries)
    assert [(one.frame, one.file, one.confidence) for one in again.entries] == [
        (0, "0.png", 0.0), (1, "1.png", 0.1), (2, "2.png", 0.2)
    ]  # fmt: skip
    assert again.entries[2].sha256 == hashlib.sha256(b"labels of 2").hexdigest()


def test_a_run_that_goes_on_keeps_what_was_done_before_it(tmp_path):
    run(tmp_path, 3)
    run(tmp_path, 2, first=3)
    assert [one.frame for one in Journal(tmp_path, "abc", silent()).entries] == [0, 1, 2, 3, 4]


def test_nothing_is_left_behind_before_the_first_frame(tmp_path):
    Journal(tmp_path, "abc", silent())
    assert not (tmp_path / JOURNAL_NAME).exists()


def test_the_state_is_kept_every_ten_frames(tmp_path):
    run(tmp_path, 9)
    assert Journal(tmp_path, "abc", silent()).state is None
    run(tmp_path, 10, first=9)  # counted from where this run began
    assert Journal(tmp_path, "abc", silent()).state.index == 19
    run(tmp_path, 9, first=19)
    assert Journal(tmp_path, "abc", silent()).state.index == 19
    run(tmp_path, 12, first=28, states=False)  # no state to keep
    assert Journal(tmp_path, "abc", silent()).state.index == 19


def test_a_state_ahead_of_the_frames_that_are_there_is_not_used(tmp_path):
    run(tmp_path, 10)
    (tmp_path / "9.png").write_bytes(b"something else")
    again = Journal(tmp_path, "abc", silent())
    assert (again.start, again.state) == (9, None)
    run(tmp_path, 1, first=9)
    assert Journal(tmp_path, "abc", silent()).state.index == 10


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_everything_from_the_first_file_that_is_not_as_it_was_is_done_again(tmp_path, damage):
    run(tmp_path, 4)
    if damage == "missing":
        (tmp_path / "1.png").unlink()
    else:
        (tmp_path / "1.png").write_bytes(b"something else")
    assert Journal(tmp_path, "abc", silent()).start == 1


@pytest.mark.parametrize("tail", ['{"frame": 3, "fi', '{"frame": 3}', "[1]"])
def test_a_line_that_was_cut_off_is_as_if_it_were_not_there(tmp_path, tail):
    run(tmp_path, 3)
    with (tmp_path / JOURNAL_NAME / "frames.jsonl").open("a") as file:
        file.write(tail)
    assert Journal(tmp_path, "abc", silent()).start == 3


def test_a_line_whose_confidence_changed_is_done_again_with_what_follows(tmp_path):
    run(tmp_path, 4)
    file = tmp_path / JOURNAL_NAME / "frames.jsonl"
    lines = file.read_text().splitlines()
    entry = json.loads(lines[3])
    lines[3] = json.dumps({**entry, "confidence": entry["confidence"] + 0.01})
    file.write_text("\n".join(lines) + "\n")
    assert Journal(tmp_path, "abc", silent()).start == 2


def test_a_frame_that_could_not_be_read_has_no_file(tmp_path):
    journal = Journal(tmp_path, "abc", silent())
    journal.add(0, None, 0.0, b"", None)
    assert Journal(tmp_path, "abc", silent()).start == 1


def test_another_digest_starts_over_and_says_so(tmp_path):
    run(tmp_path, 3)
    ctx = silent()
    assert Journal(tmp_path, "abd", ctx).start == 0
    assert len(ctx.warnings) == 1
    assert "starts over" in ctx.warnings[0]
    ctx = silent()
    assert Journal(tmp_path, "abc", ctx).start == 3
    assert ctx.warnings == []


@pytest.mark.parametrize("head", ["", "not json", '{"other": 1}', "[]"])
def test_a_journal_without_its_head_is_none(tmp_path, head):
    run(tmp_path, 3)
    file = tmp_path / JOURNAL_NAME / "frames.jsonl"
    file.write_text("\n".join([head, *file.read_text().splitlines()[1:]]))
    assert Journal(tmp_path, "abc", silent()).start == 0


def test_a_damaged_state_costs_only_the_state(tmp_path):
    run(tmp_path, 10)
    (tmp_path / JOURNAL_NAME / "state.safetensors").write_bytes(b"damaged")
    again = Journal(tmp_path, "abc", silent())
    assert (again.start, again.state) == (10, None)


def test_a_finished_run_leaves_no_journal(tmp_path):
    run(tmp_path, 3).finish()
    assert not (tmp_path / JOURNAL_NAME).exists()
    assert (tmp_path / "0.png").exists()


def test_the_digest_is_of_everything_that_labels_depend_on(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"abc")
    frames = [np.zeros((4, 5, 3), np.uint8)] * 2
    mask = np.zeros((4, 5), np.uint8)
    about = {"top_k": 5}

    def digest(source=frames, path=folder, masks=None, about=about):
        return run_digest(ArrayFrames(source), path, {0: mask} if masks is None else masks, about)

    other = mask.copy()
    other[1, 2] = 1
    seen = [
        digest(),
        digest(source=frames[:1]),
        digest(masks={1: mask}),
        digest(masks={0: other}),
        digest(masks={0: mask.astype(np.uint16)}),
        digest(masks={0: mask.reshape(5, 4)}),
        digest(about={"top_k": 6}),
        digest(path=tmp_path / "nothing"),
        digest(path=folder / "0.png"),
    ]
    assert digest() == seen[0]
    assert digest(path=folder / "0.png") == seen[-1] == seen[0]  # the one file of the folder
    (folder / "0.png").write_bytes(b"abcd")
    seen.append(digest())
    (folder / "1.png").write_bytes(b"")
    seen.append(digest())
    assert len(set(seen)) == len(seen) - 1
