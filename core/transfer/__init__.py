"""Keypoint transfer from one or several templates: appearance, a shape prior, and a calibrated score per point."""

from counterpart.core.transfer.bank import Template, TemplateBank
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.params import TransferParams
from counterpart.core.transfer.prediction import KeypointPrediction, Target, predict, transfer
from counterpart.core.transfer.skeleton import derive_mirror_pairs, mirror_order
from counterpart.core.transfer.views import View, ViewKey, box_window, template_window

__all__ = [
    "Calibration",
    "KeypointPrediction",
    "Target",
    "Template",
    "TemplateBank",
    "TransferParams",
    "View",
    "ViewKey",
    "box_window",
    "derive_mirror_pairs",
    "mirror_order",
    "predict",
    "template_window",
    "transfer",
]
