"""Vision transformers: one strided forward pass reads several facets, class descriptors and the class attention.

The blocks are computed here from the bare tensors, so that nothing has to be hooked or patched and only what was
asked for is computed: the pass stops inside the last block that is needed, attention is fused, and of the attention
matrix only the class token's row exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from numpy.typing import NDArray

from counterpart.core.backbone.encoder import Encoder, RawFeatures, compute_dtype, to_storage
from counterpart.core.backbone.plan import EncoderPlan
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import PositionMode
from counterpart.core.features.values import FeatureSpec
from counterpart.core.jobs import JobContext

Tensor = torch.Tensor
_EPS = 1e-6  # of every layer norm in DINO, DINOv2 and timm's ViTs
# On a processor: tokens whose hidden layer exists at once (it is four times as wide as all else), and tokens that
# attend between two looks at the cancel flag (each look costs packing all keys and values once more). A GPU takes all
# at once.
_MLP_ROWS = 2_048
_QUERY_ROWS = 4_096
_FACETS = ("query", "key", "value")  # in the order of the fused projection


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """One transformer block. Norms are float32; products in the encoder's precision, layer scale folded into them."""

    norm1: tuple[Tensor, Tensor]
    qkv: tuple[Tensor, Tensor | None]
    query_norm: tuple[Tensor, Tensor] | None
    key_norm: tuple[Tensor, Tensor] | None
    proj: tuple[Tensor, Tensor]
    norm2: tuple[Tensor, Tensor]
    fc1: tuple[Tensor, Tensor]
    fc2: tuple[Tensor, Tensor]


class VitEncoder(Encoder):
    """A ViT in the layout of DINO, DINOv2 and timm.

    Args:
        plan: Model, weights and placement.
        state: Tensors by timm's names.
    """

    def __init__(self, plan: EncoderPlan, state: Mapping[str, NDArray[Any]]) -> None:
        super().__init__(plan)
        self._dtype = compute_dtype(plan)
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        # The first layer stays in float32: what it rounds off is lost to every block, and it costs two per cent.
        self._patch_weight = tensors["patch_embed.proj.weight"].to(self.device)
        self._patch_bias = tensors["patch_embed.proj.bias"].to(self.device)
        self._positions = _Positions(tensors["pos_embed"])
        self._prefix = self._prefix_tokens(tensors).to(self.device)
        self._norm = self._float_pair(tensors, "norm")
        self._blocks = [self._block(tensors, f"blocks.{index}") for index in range(self.depth)]

    def _prefix_tokens(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """(1, 1 + registers, width): the class token with its position, then registers, which have none."""
        first = tensors["cls_token"]
        if self._positions.class_position is not None:
            first = first + self._positions.class_position
        registers = tensors.get("reg_token")
        return first if registers is None else torch.cat([first, registers], dim=1)

    def _float_pair(self, tensors: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
        return tensors[f"{name}.weight"].to(self.device), tensors[f"{name}.bias"].to(self.device)

    def _block(self, tensors: Mapping[str, Tensor], prefix: str) -> _Block:
        def product(name: str, scale: str | None = None) -> tuple[Tensor, Tensor]:
            weight, bias = tensors[f"{prefix}.{name}.weight"], tensors[f"{prefix}.{name}.bias"]
            if scale is not None and f"{prefix}.{scale}.gamma" in tensors:
                gamma = tensors[f"{prefix}.{scale}.gamma"]
                weight, bias = weight * gamma[:, None], bias * gamma
            return weight.to(self.device, self._dtype), bias.to(self.device, self._dtype)

        def head_norm(name: str) -> tuple[Tensor, Tensor] | None:
            there = f"{prefix}.attn.{name}.weight" in tensors
            return self._float_pair(tensors, f"{prefix}.attn.{name}") if there else None

        qkv_bias = tensors.get(f"{prefix}.attn.qkv.bias")
        return _Block(
            norm1=self._float_pair(tensors, f"{prefix}.norm1"),
            qkv=(
                tensors[f"{prefix}.attn.qkv.weight"].to(self.device, self._dtype),
                None if qkv_bias is None else qkv_bias.to(self.device, self._dtype),
            ),
            query_norm=head_norm("q_norm"),
            key_norm=head_norm("k_norm"),
            proj=product("attn.proj", "ls1"),
            norm2=self._float_pair(tensors, f"{prefix}.norm2"),
            fc1=product("mlp.fc1"),
            fc2=product("mlp.fc2", "ls2"),
        )

    def _forward(self, pixels: Tensor, spec: FeatureSpec, ctx: JobContext) -> list[RawFeatures]:
        x, grid_hw = self._embed(pixels, spec.stride, spec.position_mode)
        reader = _Reader(spec, grid_hw, len(x), self._prefix.shape[1], self.heads)
        last = max([tap.layer for tap in spec.taps] + [-1 if spec.saliency_layer is None else spec.saliency_layer])
        for index, block in enumerate(self._blocks[: last + 1]):
            ctx.check()
            if index == last and not reader.wants_output(index):
                self._read_only(x, block, index, reader)
                break
            x = self._attend(x, block, index, reader, ctx)
            _add_mlp(x, block, self._dtype)
            reader.take_output(index, x, self._norm)
        return reader.results()

    def _embed(self, pixels: Tensor, stride: int, mode: PositionMode) -> tuple[Tensor, tuple[int, int]]:
        """(B, prefix + rows * columns, width) float32 tokens of overlapping patches, and the grid."""
        patches = F.conv2d(pixels, self._patch_weight, self._patch_bias, stride=stride)
        grid_hw = (patches.shape[2], patches.shape[3])
        tokens = patches.flatten(2).transpose(1, 2) + self._positions.on_grid(grid_hw, mode).to(self.device)
        return torch.cat([self._prefix.expand(len(tokens), -1, -1), tokens], dim=1), grid_hw

    def _attend(self, x: Tensor, block: _Block, index: int, reader: _Reader, ctx: JobContext) -> Tensor:
        """Add the attention branch to the stream, reading what was asked for on the way."""
        batch, tokens, width = x.shape
        qkv = F.linear(_normed(x, block.norm1, self._dtype), *block.qkv)
        for part, facet in enumerate(_FACETS):
            reader.take(index, facet, qkv[..., part * width : (part + 1) * width])
        query, key, value = qkv.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key = _normed_heads(query, block.query_norm), _normed_heads(key, block.key_norm)
        reader.take_attention(index, query[:, :, :1], key)
        for rows in _runs(tokens, _QUERY_ROWS, x):
            ctx.check()
            mixed = F.scaled_dot_product_attention(query[:, :, rows], key, value)
            x[:, rows].add_(F.linear(mixed.transpose(1, 2).flatten(2), *block.proj))
        return x

    def _read_only(self, x: Tensor, block: _Block, index: int, reader: _Reader) -> None:
        """The last block when only its queries, keys, values or class attention are wanted: no more than these."""
        width = x.shape[-1]
        normed = _normed(x, block.norm1, self._dtype)

        def project(facet: str, tokens: Tensor) -> Tensor:
            start = _FACETS.index(facet) * width
            weight, bias = block.qkv
            return F.linear(
                tokens, weight[start : start + width], None if bias is None else bias[start : start + width]
            )

        parts = {facet: project(facet, normed) for facet in _FACETS if reader.wants(index, facet)}
        for facet, values in parts.items():
            reader.take(index, facet, values)
        if reader.wants_attention(index):
            key = parts["key"] if "key" in parts else project("key", normed)
            query = project("query", normed[:, :1])
            query, key = (
                _normed_heads(t.view(*t.shape[:2], self.heads, -1).transpose(1, 2), norm)
                for t, norm in ((query, block.query_norm), (key, block.key_norm))
            )
            reader.take_attention(index, query, key)


def _runs(count: int, longest: int, x: Tensor) -> list[slice]:
    """`count` rows in equal runs of at most `longest` on a processor, in one elsewhere."""
    runs = -(-count // longest) if x.device.type == "cpu" else 1
    step = -(-count // runs)  # equal: a short last run would cost as much as a long one
    return [slice(start, start + step) for start in range(0, count, step)]


def _normed(x: Tensor, norm: tuple[Tensor, Tensor], dtype: torch.dtype) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], *norm, eps=_EPS).to(dtype)


def _normed_heads(x: Tensor, norm: tuple[Tensor, Tensor] | None) -> Tensor:
    return x if norm is None else F.layer_norm(x.float(), x.shape[-1:], *norm, eps=_EPS).to(x.dtype)


def _add_mlp(x: Tensor, block: _Block, dtype: torch.dtype) -> None:
    """Add the MLP branch to the stream in place, a run of tokens at a time."""
    flat = x.view(-1, x.shape[-1])
    for rows in _runs(len(flat), _MLP_ROWS, x):
        hidden = F.gelu(F.linear(_normed(flat[rows], block.norm2, dtype), *block.fc1))
        flat[rows].add_(F.linear(hidden, *block.fc2))  # not +=, which would write the rows a second time


class _Reader:
    """Collects what a spec asks for while the pass goes by, in the type it is kept in."""

    def __init__(self, spec: FeatureSpec, grid_hw: tuple[int, int], batch: int, prefix: int, heads: int) -> None:
        self._spec, self._grid_hw, self._batch, self._prefix, self._heads = (
            spec,
            grid_hw,
            batch,
            prefix,
            heads,
        )
        self._maps: dict[tuple[int, str], list[NDArray[np.floating]]] = {}
        self._cls: dict[tuple[int, str], NDArray[np.float32]] = {}
        self._attention: NDArray[np.float32] | None = None
        self._wanted = {(tap.layer, tap.facet) for tap in spec.taps}

    def wants(self, layer: int, facet: str) -> bool:
        return (layer, facet) in self._wanted

    def wants_output(self, layer: int) -> bool:
        return self.wants(layer, "token") or self.wants(layer, "normtoken")

    def wants_attention(self, layer: int) -> bool:
        return layer == self._spec.saliency_layer

    def take(self, layer: int, facet: str, values: Tensor) -> None:
        """Keep (B, prefix + N, D) values of a facet if it was asked for."""
        if not self.wants(layer, facet):
            return
        shape = (*self._grid_hw, values.shape[-1])
        maps = [to_storage(image[self._prefix :], self._spec.storage).reshape(shape) for image in values]
        self._maps[layer, facet] = maps
        self._cls[layer, facet] = to_storage(values[:, 0], "float32")

    def take_output(self, layer: int, x: Tensor, norm: tuple[Tensor, Tensor]) -> None:
        """Keep a block's output and its normalised form if asked for."""
        self.take(layer, "token", x)
        if self.wants(layer, "normtoken"):
            self.take(layer, "normtoken", _normed(x, norm, torch.float32))

    def take_attention(self, layer: int, query: Tensor, key: Tensor) -> None:
        """Keep softmax of (B, heads, 1, d) class query times (B, heads, T, d) keys: the one row that is needed."""
        if not self.wants_attention(layer):
            return
        scores = query.float() @ key.float().transpose(-2, -1) * query.shape[-1] ** -0.5
        rows = scores.softmax(dim=-1)[:, :, 0, self._prefix :]
        self._attention = rows.reshape(self._batch, self._heads, *self._grid_hw).cpu().numpy()

    def results(self) -> list[RawFeatures]:
        keys = [(tap.layer, tap.facet) for tap in self._spec.taps]
        return [
            RawFeatures(
                maps=tuple(self._maps[key][image] for key in keys),
                cls=tuple(self._cls[key][image].copy() for key in keys),
                attention=None if self._attention is None else self._attention[image].copy(),
            )
            for image in range(self._batch)
        ]


class _Positions:
    """The position embedding, resampled to the grids that come along (the last few are kept)."""

    _KEPT = 16

    def __init__(self, embedding: Tensor) -> None:
        count = embedding.shape[1]
        side = int(count**0.5 + 0.5)
        with_class = side * side != count
        if with_class:
            side = int((count - 1) ** 0.5 + 0.5)
        self.class_position = embedding[:, :1] if with_class else None
        self._native = embedding[:, int(with_class) :].reshape(1, side, side, -1).float()
        self._grids: dict[tuple[tuple[int, int], PositionMode], Tensor] = {}

    def on_grid(self, grid_hw: tuple[int, int], mode: PositionMode) -> Tensor:
        """(1, rows * columns, width) float32, on the processor: not every device has the bicubic filter."""
        found = self._grids.pop((grid_hw, mode), None)
        if found is None:
            found = resample_positions(self._native, grid_hw, mode).flatten(1, 2)
        self._grids[grid_hw, mode] = found
        if len(self._grids) > self._KEPT:
            self._grids.pop(next(iter(self._grids)))
        return found


def resample_positions(native: Tensor, grid_hw: tuple[int, int], mode: PositionMode) -> Tensor:
    """Resample a position embedding to a grid of tokens.

    Args:
        native: (1, side, side, width) float32, without the class token's.
        grid_hw: Rows and columns wanted.
        mode: `reference`: what DINO's, DINOv2's and the paper's code do, bicubic without antialiasing with scale
        factors of
            (grid + 0.1) / side. The 0.1 guarded their rounding against an off-by-one and shifts the sampling a
            little; it is kept because the published results have it. `antialias`: what timm does.

    Returns:
        (1, rows, columns, width) float32. On the native grid, the embedding itself.
    """
    side_h, side_w = native.shape[1:3]
    if (side_h, side_w) == grid_hw:
        return native
    planes = native.permute(0, 3, 1, 2)
    if mode == "antialias":
        planes = F.interpolate(planes, size=grid_hw, mode="bicubic", align_corners=False, antialias=True)
    elif mode == "reference":
        factors = ((grid_hw[0] + 0.1) / side_h, (grid_hw[1] + 0.1) / side_w)
        planes = F.interpolate(
            planes, scale_factor=factors, mode="bicubic", align_corners=False, recompute_scale_factor=False
        )
    else:
        raise UsageError(f"'{mode}' is no way to resample positions", hint="Use reference or antialias")
    return planes.permute(0, 2, 3, 1)
