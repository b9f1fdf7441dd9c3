"""Labels through a video: masks and points on one or more frames are carried to all others.

Label propagation along descriptor similarity as in DINO's evaluation on DAVIS, which the paper repeats at a finer
stride (supplement, table 1), and improved: descriptors centred on the video, labels finer than tokens, edges of
the photograph, several annotated frames.
"""

from counterpart.core.track.engine import Encode
from counterpart.core.track.masks import TrackedFrame, Tracker, track
from counterpart.core.track.params import TrackParams, default_tap, governed
from counterpart.core.track.points import PointTracker, TrackedPoints, track_points
from counterpart.core.track.state import TrackState

__all__ = [
    "Encode",
    "PointTracker",
    "TrackParams",
    "TrackState",
    "TrackedFrame",
    "TrackedPoints",
    "Tracker",
    "default_tap",
    "governed",
    "track",
    "track_points",
]
