"""Labels through a video: masks and points on one or more frames are carried to all others.

Label propagation along descriptor similarity as in DINO's evaluation on DAVIS, which the paper repeats at a finer
stride (supplement, table 1), and improved: descriptors centred on the video, labels finer than tokens, edges of
the photograph, several annotated frames. `MaskTracker` carries label maps, `PointTracker` keypoints.
"""

from counterpart.core.track.masks import MaskTracker, TrackedFrame
from counterpart.core.track.params import TrackParams, default_tap, governed
from counterpart.core.track.points import PointTracker, TrackedPoints
from counterpart.core.track.state import TrackState
from counterpart.core.track.tracker import Encode

__all__ = [
    "Encode",
    "MaskTracker",
    "PointTracker",
    "TrackParams",
    "TrackState",
    "TrackedFrame",
    "TrackedPoints",
    "default_tap",
    "governed",
]
