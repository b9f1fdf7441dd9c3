"""The status bar: bytes as people read them."""

import pytest

from counterpart.desktop.shell.status_bar import format_bytes


@pytest.mark.parametrize(("count", "text"), [(0, "0 kB"), (640_000_000, "640 MB"), (1_230_000_000, "1.2 GB")])
def test_bytes_are_written_as_people_read_them(count, text):
    assert format_bytes(count) == text
