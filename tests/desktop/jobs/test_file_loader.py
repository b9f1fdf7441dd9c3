"""The loader of images: the last request first, what nobody wants never."""

import threading

from counterpart.core.errors import ImageError
from counterpart.desktop.jobs.file_loader import FileLoader


def test_the_last_request_is_loaded_first_and_unwanted_ones_never(qtbot):
    loader = FileLoader("test")
    gate, order = threading.Event(), []
    loader.loaded.connect(lambda key, value: order.append((key, value)))
    loader.request("first", lambda: gate.wait(5))
    qtbot.waitUntil(lambda: not loader._stack)
    for key in ("a", "b", "c"):
        loader.request(key, lambda key=key: key.upper())
    loader.request("later", lambda: "LATER", urgent=False)
    loader.forget(lambda key: key == "b")
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 4)
    assert [key for key, _ in order] == ["first", "c", "a", "later"]
    loader.close()


def test_what_is_being_loaded_is_not_loaded_twice_and_never_delivered_once_cleared(qtbot):
    loader = FileLoader("test")
    gate, begun, order = threading.Event(), threading.Event(), []
    loader.loaded.connect(lambda key, value: order.append(value))

    def slow():
        begun.set()
        return gate.wait(5)

    loader.request("slow", slow)
    assert begun.wait(5)
    loader.request("slow", lambda: "twice", again=False)
    loader.request("slow", lambda: "file changed")
    gate.set()
    qtbot.waitUntil(lambda: order == [True, "file changed"])
    gate.clear(), begun.clear()
    loader.request(1, slow)
    assert begun.wait(5)
    loader.clear()
    loader.request(1, lambda: "of the next project", again=False)
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 3)
    assert order[2] == "of the next project"
    loader.close()


def test_a_failure_while_loading_is_told_in_words_and_the_next_one_is_loaded(qtbot):
    loader = FileLoader("test")
    failed, loaded = [], []
    loader.failed.connect(lambda key, text: failed.append((key, text)))
    loader.loaded.connect(lambda key, value: loaded.append(key))

    def broken():
        raise ImageError("the image is damaged", path="x.jpg")

    loader.request("bad", broken)
    loader.request("odd", lambda: 1 / 0)
    loader.request("good", lambda: 1)
    qtbot.waitUntil(lambda: len(failed) == 2 and loaded == ["good"])
    assert dict(failed)["bad"] == "x.jpg: the image is damaged"
    assert "ZeroDivisionError" in dict(failed)["odd"]
    loader.close()
