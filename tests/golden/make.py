"""The golden set of the repository, and the formulas it comes from: `python -m tests.golden.make` writes it anew.

A DINO ViT with random weights, two small pictures drawn by code, and what the paper reads out of them, in plain numpy
and double precision. Written from the papers (Dosovitskiy et al. 2021; Caron et al. 2021; Amir et al. 2021) alone:
nothing of `counterpart` is imported here, so that agreement means something.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("dino_tiny_p8.npz")
PATCH, WIDTH, DEPTH, HEADS, SIDE = 8, 12, 12, 6, 28
STRIDES = (4, 8)
READ = (9, 11)
"""Blocks whose facets are kept."""
FACETS = ("query", "key", "value", "token")
SALIENT_HEADS = [0, 2, 4, 5]
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

Array = NDArray[np.float64]


# What goes in
def weights() -> dict[str, NDArray[np.float16]]:
    """A checkpoint in DINO's official layout; half precision holds it exactly.

    Drawn large enough for attention to choose and for every bias and norm to matter; from numpy's frozen generator,
    whose numbers no version may change.
    """
    draw = np.random.RandomState(2112_05814)

    def normal(*shape: int, std: float, mean: float = 0.0) -> NDArray[np.float16]:
        return (mean + std * draw.standard_normal(shape)).astype(np.float16)

    state = {
        "cls_token": normal(1, 1, WIDTH, std=0.5),
        "pos_embed": normal(1, 1 + SIDE * SIDE, WIDTH, std=0.3),
        "patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH, std=0.1),
        "patch_embed.proj.bias": normal(WIDTH, std=0.2),
        "norm.weight": normal(WIDTH, std=0.2, mean=1.0),
        "norm.bias": normal(WIDTH, std=0.2),
    }
    for block in range(DEPTH):
        for name in ("norm1", "norm2"):
            state[f"blocks.{block}.{name}.weight"] = normal(WIDTH, std=0.2, mean=1.0)
            state[f"blocks.{block}.{name}.bias"] = normal(WIDTH, std=0.2)
        for name, rows, columns, std in (
            ("attn.qkv", 3 * WIDTH, WIDTH, 0.4),
            ("attn.proj", WIDTH, WIDTH, 0.15),
            ("mlp.fc1", 4 * WIDTH, WIDTH, 0.3),
            ("mlp.fc2", WIDTH, 4 * WIDTH, 0.1),
        ):
            state[f"blocks.{block}.{name}.weight"] = normal(rows, columns, std=std)
            state[f"blocks.{block}.{name}.bias"] = normal(rows, std=0.1)
    return state


def picture(hw: tuple[int, int], centre_rc: tuple[int, int], radius: int) -> NDArray[np.uint8]:
    """A striped disc on a slope of colours, (height, width, 3): the same thing at another place in each picture."""
    row, column = np.mgrid[: hw[0], : hw[1]]
    inside = (row - centre_rc[0]) ** 2 + (column - centre_rc[1]) ** 2 <= radius**2
    stripes = 90 * ((row - centre_rc[0]) // 3 % 2)
    disc = np.stack([200 - stripes, 60 + stripes, 30 + 5 * (column - centre_rc[1]) % 120], axis=-1)
    ground = np.stack([3 * row % 160, 2 * column + 40, 150 - row - column // 2], axis=-1)
    return np.where(inside[..., None], disc, ground).astype(np.uint8)


def pictures() -> list[NDArray[np.uint8]]:
    """Two pictures of unlike shapes; the second leaves a remainder at both strides."""
    return [picture((56, 40), (30, 18), 14), picture((42, 63), (20, 40), 14)]


# The network
def layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    """Over the last axis, with DINO's epsilon."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6) * weight + bias


def gelu(x: Array) -> Array:
    """The exact one, x times the normal distribution's integral."""
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def softmax(x: Array) -> Array:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cubic_matrix(wanted: int, native: int) -> Array:
    """(wanted, native): cubic convolution, a = -0.75, borders repeated, at DINO's scale of (wanted + 0.1) / native."""
    a = -0.75
    matrix = np.zeros((wanted, native))
    for out in range(wanted):
        at = (out + 0.5) * native / (wanted + 0.1) - 0.5
        for tap in range(math.floor(at) - 1, math.floor(at) + 3):
            d = abs(at - tap)
            weight = ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else a * (((d - 5) * d + 8) * d - 4)
            matrix[out, min(max(tap, 0), native - 1)] += weight
    return matrix


def embed(rgb: NDArray[np.uint8], state: Mapping[str, Array], stride: int) -> tuple[Array, tuple[int, int]]:
    """(1 + rows * columns, width) tokens of overlapping patches with positions, the class token first; the grid."""
    kernel = state["patch_embed.proj.weight"]
    patch = kernel.shape[-1]
    image = (rgb / 255.0 - MEAN) / STD
    rows, columns = ((side - patch) // stride + 1 for side in image.shape[:2])
    tokens = np.array(
        [
            np.einsum("ijc,dcij->d", image[r * stride : r * stride + patch, c * stride : c * stride + patch], kernel)
            for r in range(rows)
            for c in range(columns)
        ]
    )
    position = state["pos_embed"][0]
    side = math.isqrt(len(position) - 1)
    native = position[1:].reshape(side, side, -1)
    if (rows, columns) != (side, side):
        native = np.einsum("ri,cj,ijd->rcd", cubic_matrix(rows, side), cubic_matrix(columns, side), native)
    tokens = tokens + state["patch_embed.proj.bias"] + native.reshape(rows * columns, -1)
    return np.vstack([state["cls_token"][0] + position[:1], tokens]), (rows, columns)


def forward(
    rgb: NDArray[np.uint8], state: Mapping[str, Array], stride: int, heads: int
) -> dict[str, NDArray[np.float64]]:
    """Everything that is read of one picture at one stride, by its name in the file."""
    x, grid = embed(rgb, state, stride)
    depth = sum(name.endswith(".norm1.weight") for name in state)
    out: dict[str, NDArray[np.float64]] = {"grid": np.array(grid)}
    for block in range(depth):

        def linear(values: Array, name: str, block: int = block) -> Array:
            return values @ state[f"blocks.{block}.{name}.weight"].T + state[f"blocks.{block}.{name}.bias"]

        def normed(values: Array, name: str, block: int = block) -> Array:
            return layer_norm(values, state[f"blocks.{block}.{name}.weight"], state[f"blocks.{block}.{name}.bias"])

        facets = np.split(linear(normed(x, "norm1"), "attn.qkv"), 3, axis=1)
        query, key, value = (facet.reshape(len(x), heads, -1).swapaxes(0, 1) for facet in facets)
        attention = softmax(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1]))
        x = x + linear((attention @ value).swapaxes(0, 1).reshape(len(x), -1), "attn.proj")
        x = x + linear(gelu(linear(normed(x, "norm2"), "mlp.fc1")), "mlp.fc2")
        if block in READ:
            for name, facet in zip(FACETS, (*facets, x), strict=True):
                out[f"layer{block}/{name}_with_cls"] = facet
        if block == depth - 1:
            out["cls_attention_heads"] = attention[:, 0, 1:]
    saliency = out["cls_attention_heads"][SALIENT_HEADS].mean(axis=0)
    out["saliency_heads0245"] = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    out["layer9/key_logbin_h2"] = log_bin(out["layer9/key_with_cls"][1:].reshape(*grid, -1))
    return out


# What the paper makes of it
def log_bin(descriptors: Array) -> Array:
    """(tokens, 17 * D): the eight neighbours and the token itself, then eight means over 3 x 3 three tokens away."""
    rows, columns = descriptors.shape[:2]

    def mean(r: int, c: int, reach: int) -> Array:
        r, c = min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)
        near = descriptors[max(r - reach, 0) : r + reach + 1, max(c - reach, 0) : c + reach + 1]
        return near.reshape(-1, descriptors.shape[2]).mean(axis=0)

    bins = [(0, r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    bins += [(1, 3 * r, 3 * c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]
    return np.array(
        [
            np.concatenate([mean(r + down, c + right, reach) for reach, down, right in bins])
            for r in range(rows)
            for c in range(columns)
        ]
    )


def buddies(first: Array, second: Array) -> dict[str, NDArray[np.generic]]:
    """Nearest neighbours by cosine both ways, the best buddies among them, and how clear the first's choices are."""
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second))
    similarity = first @ second.T
    there, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    best = np.sort(similarity, axis=1)
    return {
        "nn_0to1": there,
        "nn_1to0": back,
        "best_buddy_mask0": back[there] == np.arange(len(there)),
        "margin0": best[:, -1] - best[:, -2],
    }


def compute(
    state: Mapping[str, NDArray[np.floating]], images: list[NDArray[np.uint8]], heads: int
) -> dict[str, NDArray]:
    """All numbers of a set, by their names in the file."""
    exact = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
    out: dict[str, NDArray] = {}
    for stride in STRIDES:
        found = [forward(image, exact, stride, heads) for image in images]
        for index, values in enumerate(found):
            out |= {f"image{index}/stride{stride}/{name}": value for name, value in values.items()}
        pair = buddies(*(values["layer9/key_logbin_h2"] for values in found))
        out |= {f"pair/stride{stride}/{name}": value for name, value in pair.items()}
    return out


def inputs() -> dict[str, NDArray]:
    """The checkpoint and the pictures, by their names in the file."""
    state = {f"state/{name}": value for name, value in weights().items()}
    return state | {f"image{index}/rgb": rgb for index, rgb in enumerate(pictures())}


def main() -> None:
    numbers = compute(weights(), pictures(), HEADS)
    single = {name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in numbers.items()}
    np.savez_compressed(FILE, **inputs(), **single)


if __name__ == "__main__":
    main()
