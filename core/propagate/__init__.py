"""Few-shot parts: labels of some images carried over to all others, what is uncertain, and what is probably wrong."""

from counterpart.core.propagate.checks import (
    Finding,
    FindingKind,
    check_labels,
    check_reviewed,
    sorted_findings,
    usual_parts,
)
from counterpart.core.propagate.doubt import doubt_map, familiarity, image_doubt, next_to_label, unlike_the_rest
from counterpart.core.propagate.lessons import Lesson, lesson
from counterpart.core.propagate.model import PartModel, PartScores, fit, pixels, predict, widen
from counterpart.core.propagate.params import PropagateParams
from counterpart.core.propagate.quality import HeldOut, QualityEstimate, estimate_quality, expected_table, hold_out

__all__ = [
    "Finding",
    "FindingKind",
    "HeldOut",
    "Lesson",
    "PartModel",
    "PartScores",
    "PropagateParams",
    "QualityEstimate",
    "check_labels",
    "check_reviewed",
    "doubt_map",
    "estimate_quality",
    "expected_table",
    "familiarity",
    "fit",
    "hold_out",
    "image_doubt",
    "lesson",
    "next_to_label",
    "pixels",
    "predict",
    "sorted_findings",
    "unlike_the_rest",
    "usual_parts",
    "widen",
]
