"""Landmarks from parts: a linear map, fitted on a few labelled images, from part scores to places.

The paper's supplement (table 2, after SCOPS) regresses landmarks from the centroids of discovered parts: the method
"centroids". A centroid says little about a part's outline; "scores" maps the soft part maps themselves, laid on a
canonical grid, each landmark looking at the surroundings of its usual place. Both are ridge regressions in closed
form, so that leave-one-out errors cost nothing: they choose the settings, find mislabelled images, and tell how far
to trust each landmark.

Parts come in as arrays, whichever way they were made: the background first, then the parts.
"""

from counterpart.core.landmarks.features import CoordinateFrame, LandmarkParams, PartMaps
from counterpart.core.landmarks.fit import fit_landmarks
from counterpart.core.landmarks.model import LandmarkModel, Landmarks, predict_landmarks
from counterpart.core.landmarks.predictor import LandmarkPredictor

__all__ = [
    "CoordinateFrame",
    "LandmarkModel",
    "LandmarkParams",
    "LandmarkPredictor",
    "Landmarks",
    "PartMaps",
    "fit_landmarks",
    "predict_landmarks",
]
