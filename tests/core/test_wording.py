"""Numbers and nouns in sentences."""

import pytest

from counterpart.core.wording import by_reason, counted, plural


@pytest.mark.parametrize(("number", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs")])
def test_one_alone_is_singular(number, words):
    assert counted(number, "pair") == words


def test_a_phrase_may_have_a_plural_of_its_own():
    assert plural(1, "image is", "images are") == "image is"
    assert plural(0, "image is", "images are") == "images are"
    assert plural(3, "new part") == "new parts"


def test_a_reason_that_many_things_have_is_said_once():
    names = [f"{letter}.jpg" for letter in "abcd"]
    assert by_reason([(name, "it has no labels") for name in names]) == [
        "4 times (a.jpg, b.jpg, c.jpg, …): it has no labels"
    ]
    assert by_reason([("a.jpg", "x"), ("b.jpg", "y")]) == ["a.jpg: x", "b.jpg: y"]
    places = [("k.json", f"annotations[{n}]: there is no image with the id 8") for n in range(2)]
    assert by_reason(places) == ["2 times (k.json): there is no image with the id 8"]
    assert by_reason(places[:1]) == ["k.json: annotations[0]: there is no image with the id 8"]
    assert by_reason([("a.jpg", "3 pixels are lost"), ("b.jpg", "7 pixels are lost")]) == [
        "2 times (a.jpg, b.jpg): N pixels are lost"
    ]
