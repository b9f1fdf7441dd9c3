"""A short variant of the long run of random hands at the window."""

from tests.soak import hands


def test_random_hands_lose_nothing(tmp_path, make_window):
    window = make_window()
    window.bench.session.open_project(hands.project(tmp_path / "soak"))
    report = hands.play(window, tmp_path, 300, seed=3, every=100)
    assert report["events"] == 300
