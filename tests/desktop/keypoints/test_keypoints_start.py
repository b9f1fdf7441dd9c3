"""Where keypoints begin: a project without a skeleton."""

from counterpart.desktop.keypoints.skeleton_dialog import SkeletonDialog


def test_without_a_skeleton_the_tool_asks_for_one_and_a_built_in_one_is_two_clicks(qtbot, opened):
    opened.bench.toolbox.choose("keypoint")
    dialog = next(each for each in opened.findChildren(SkeletonDialog) if each.isVisible())
    menu = dialog.new_button.menu()
    words = [action.text() for action in menu.actions()]
    assert "Quadruped (20 keypoints)" in words
    menu.actions()[words.index("Quadruped (20 keypoints)")].trigger()
    dialog.ok.click()
    (skeleton,) = opened.bench.session.document.skeletons
    assert (skeleton.name, len(skeleton)) == ("quadruped", 20)
    assert (0, 1) in skeleton.mirror_pairs
    assert opened.keypoints.view.wanted(0).name == "left_eye"
