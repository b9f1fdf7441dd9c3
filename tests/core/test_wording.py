"""Numbers and nouns in sentences."""

import pytest

from counterpart.core.wording import counted, plural


@pytest.mark.parametrize(("number", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs")])
def test_one_alone_is_singular(number, words):
    assert counted(number, "pair") == words


def test_a_phrase_may_have_a_plural_of_its_own():
    assert plural(1, "image is", "images are") == "image is"
    assert plural(0, "image is", "images are") == "images are"
    assert plural(3, "new part") == "new parts"
