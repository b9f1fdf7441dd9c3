"""Keypoint transfer from one or several templates: appearance, a shape prior, and a calibrated score per point."""

from core.transfer.bank import Template, TemplateBank
from core.transfer.calibration import Calibration
from core.transfer.params import TransferParams
from core.transfer.prediction import KeypointPrediction, Target, predict, transfer
from core.transfer.skeleton import derive_mirror_pairs, mirror_order
from core.transfer.views import View, ViewKey, box_window, template_window

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
