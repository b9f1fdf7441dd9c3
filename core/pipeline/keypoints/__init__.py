"""Use cases on keypoints: transferred, checked, predicted from parts."""
