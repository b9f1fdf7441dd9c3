"""Small encoders with random weights: the real classes at a size where a test takes milliseconds."""

import dataclasses
import json

import numpy as np

from counterpart.core.backbone.convert import build_module
from counterpart.core.backbone.device import Placement
from counterpart.core.backbone.plan import EncoderPlan
from counterpart.core.backbone.registry import Architecture, ModelInfo, user_model
from counterpart.core.backbone.vit import VitEncoder
from counterpart.core.backbone.weights import store_weights

TINY = Architecture(patch=8, width=24, depth=4, heads=3, hidden=48, grid=4)


def describe(shape: Architecture, name: str = "tiny", **other) -> dict:
    """What an import would write beside the weights of a model of this shape."""
    return {
        "name": name, "title": name, "arch": "vit", "family": "dino", "timm_name": "", "patch": shape.patch,
        "width": shape.width, "depth": shape.depth, "heads": shape.heads, "num_registers": shape.registers,
        "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "position_mode": "reference", "licence": "none",
        "note": "", "architecture": dataclasses.asdict(shape), **other,
    }  # fmt: skip


def tiny_info(shape: Architecture = TINY, **other) -> ModelInfo:
    return user_model(json.loads(json.dumps(describe(shape, **other))))


def tiny_state(shape: Architecture = TINY, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tensors of a shape, large enough that every block changes the tokens noticeably."""
    rng = np.random.default_rng(seed)
    state = {}
    for name, value in build_module(tiny_info(shape)).state_dict().items():
        centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        state[name] = (centre + 0.3 * rng.standard_normal(tuple(value.shape))).astype(np.float32)
    return state


def tiny_encoder(shape: Architecture = TINY, state=None, precision: str = "float32", **other) -> VitEncoder:
    state = tiny_state(shape) if state is None else state
    return VitEncoder(EncoderPlan(tiny_info(shape, **other), "w", Placement("cpu", precision, "test")), state)


def install_tiny(monkeypatch, folder, shape: Architecture = TINY, name: str = "tiny", seed: int = 0) -> str:
    """Install a tiny model in a folder of models of the test's own; returns its name."""
    monkeypatch.setenv("COUNTERPART_MODELS", str(folder))
    store_weights(name, tiny_state(shape, seed), "a test", describe(shape, name))
    return name


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8 noise, smooth enough to survive a resize."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(4, 0).repeat(4, 1)[:height, :width])
