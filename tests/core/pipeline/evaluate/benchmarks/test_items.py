"""Results of items, kept as they come."""

import pytest

from counterpart.core.errors import ImageError, JobCancelledError, ProtocolError
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.evaluate.benchmarks.items import ItemStore, run_items


def measure(store, items, ctx=None, log=None):
    def work(item, part):
        if log is not None:
            log.append(item)
        if item == "bad":
            raise ImageError("it is damaged", path=item)
        return {"length": len(item)}

    return run_items(items, str, work, store, ctx or silent())


def test_results_are_kept_and_only_what_is_missing_is_measured(tmp_path):
    measure(ItemStore(tmp_path, {"a": 1}, silent()), ["one", "three"])
    log = []
    store = ItemStore(tmp_path, {"a": 1}, silent())
    assert store.resumed == 2
    assert measure(store, ["one", "two", "three"], log=log) == {
        "one": {"length": 3},
        "two": {"length": 3},
        "three": {"length": 5},
    }
    assert log == ["two"]


def test_other_parameters_start_anew_with_a_warning(tmp_path):
    measure(ItemStore(tmp_path, {"a": 1}, silent()), ["one"])
    ctx = silent()
    assert "one" not in ItemStore(tmp_path, {"a": 2}, ctx)
    assert "parameters have changed" in ctx.warnings[0]


@pytest.mark.parametrize("content", ["", "no json\n", '{"version": 1}\n', '[1]\n{"item": "one"}\n'])
def test_a_damaged_state_is_measured_anew_and_said_so(tmp_path, content):
    (tmp_path / "state.jsonl").write_text(content)
    ctx = silent()
    store = ItemStore(tmp_path, {"a": 1}, ctx)
    assert store.resumed == 0
    assert "damaged" in ctx.warnings[0]
    measure(store, ["one"])
    assert ItemStore(tmp_path, {"a": 1}, silent()).resumed == 1


def test_a_result_that_changed_on_the_disk_is_measured_again(tmp_path):
    measure(ItemStore(tmp_path, {"a": 1}, silent()), ["one", "three"])
    file = tmp_path / "state.jsonl"
    file.write_text(file.read_text().replace('{"length": 5}', '{"length": 4}'))
    store = ItemStore(tmp_path, {"a": 1}, silent())
    assert ("one" in store, "three" in store) == (True, False)


def test_a_failed_item_is_named_and_tried_again_next_time(tmp_path):
    ctx, log = silent(), []
    assert list(measure(ItemStore(tmp_path, {}, silent()), ["one", "bad", "two"], ctx)) == ["one", "two"]
    assert [str(error.path) for error in ctx.failures] == ["bad"]
    measure(ItemStore(tmp_path, {}, silent()), ["one", "bad", "two"], log=log)
    assert log == ["bad"]
    with pytest.raises(ProtocolError, match="nothing could be measured"):
        measure(ItemStore(None, {}, silent()), ["bad"])


def test_images_that_were_named_one_by_one_are_not_named_again_as_a_whole():
    ctx = silent()

    def work(item, part):
        if item == "odd":
            part.fail(ImageError("it is damaged", path="1.jpg"))
            raise ImageError("none of the images can be used")
        return {}

    run_items(["even", "odd"], str, work, ItemStore(None, {}, ctx), ctx)
    assert [error.what for error in ctx.failures] == ["it is damaged"]


def test_what_was_measured_before_a_cancel_is_kept(tmp_path):
    token = CancelToken()
    ctx = JobContext(None, token)

    def work(item, part):
        if item == 2:
            token.cancel()
        part.check()
        return {"value": item}

    with pytest.raises(JobCancelledError):
        run_items([0, 1, 2, 3], str, work, ItemStore(tmp_path, {}, silent()), ctx)
    kept = ItemStore(tmp_path, {}, silent())
    assert [str(item) in kept for item in range(4)] == [True, True, False, False]
