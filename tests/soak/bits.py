"""Single bits, and pieces, of cached features and of checkpoints are damaged at random.

What is cached is never used with a bit that changed. A checkpoint is refused in one line, or gives the tensors of the
architecture that it is for, finite, and no larger than the file; in an archive, which has checksums, the right ones.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from counterpart.core.backbone.checkpoints import import_checkpoint
from counterpart.core.backbone.weights import read_weights
from counterpart.core.errors import CheckpointError, UsageError
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from tests.core.backbone_tiny import tiny_state

IMAGE = "a" * 64
_WRITERS: dict[str, Callable[[dict[str, torch.Tensor], Path], None]] = {
    "archive": torch.save,
    "stream": lambda tensors, path: torch.save(tensors, path, _use_new_zipfile_serialization=False),
    "safetensors": save_file,
}


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A flipped bit; now and then a few, a piece overwritten, or the end cut off."""
    out = bytearray(data)
    kind = rng.integers(0, 10)
    if kind == 0:
        del out[int(rng.integers(0, len(out))) :]
    elif kind == 1:
        place = int(rng.integers(0, len(out)))
        out[place : place + 16] = rng.bytes(len(out[place : place + 16]))
    else:
        for place in rng.integers(0, 8 * len(out), 1 if kind < 8 else 5):
            out[place // 8] ^= 1 << int(place) % 8
    return bytes(out)


def cached(folder: Path, rng: np.random.Generator) -> str:
    """Damage one entry and ask for it.

    Raises:
        AssertionError: It was used.
    """
    geometry = GridGeometry.plan((60, 90), 64, 8, 8)
    rows, columns = geometry.grid_hw
    spec = FeatureSpec("m", "w", (Tap(9, "key"),), 8, 64, None)
    maps = rng.standard_normal((rows, columns, 6)).astype(np.float16)
    made = FeatureMap(spec, IMAGE, geometry, (maps,), (np.zeros(6, np.float32),), None)
    cache = FeatureCache(folder, memory_bytes=0)
    assert cache.put(made)
    (file,) = folder.rglob("*.safetensors")
    whole = file.read_bytes()
    broken = damaged(whole, rng)
    file.write_bytes(broken)
    found = cache.get(IMAGE, spec)
    assert (found is not None) == (broken == whole), "damaged features were used"
    return "cache: computed again" if found is None else "cache: as it was"


def imported(folder: Path, form: str, right: dict[str, np.ndarray], rng: np.random.Generator) -> str:
    """Damage one checkpoint and import it.

    Raises:
        AssertionError: Something other than the network, or a message of several lines.
    """
    path = folder / "model.pth"
    _WRITERS[form]({name: torch.from_numpy(value) for name, value in right.items()}, path)
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, rng))
    try:
        import_checkpoint(path, name="soak", heads=3)
    except (CheckpointError, UsageError) as error:
        assert "\n" not in str(error)
        return f"{form}: refused"
    state, _ = read_weights("soak")
    assert {name: value.shape for name, value in state.items()} == {name: value.shape for name, value in right.items()}
    same = all(np.array_equal(state[name], value) for name, value in right.items())
    assert same or form != "archive", "an archive's checksums were not compared"
    return f"{form}: {'as it was' if same else 'other numbers, which nothing in this form can tell'}"


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Damage `count` files, each time afresh."""
    os.environ["COUNTERPART_MODELS"] = str(folder / "models")
    rng = np.random.default_rng(seed)
    right = tiny_state()
    results: Counter[str] = Counter()
    for number in range(count):
        form = str(rng.choice([*_WRITERS, "cache"]))
        try:
            results[cached(folder / "cache", rng) if form == "cache" else imported(folder, form, right, rng)] += 1
        except BaseException as error:
            error.add_note(f"damage {number} of seed {seed}: {form}")
            raise
    return {"damaged": count, **dict(sorted(results.items()))}
