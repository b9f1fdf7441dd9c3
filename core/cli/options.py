"""Options that several commands share, declared once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from counterpart.core.backbone.registry import DEFAULT_MODEL
from counterpart.core.errors import CounterpartError, UsageError
from counterpart.core.features.taps import FACETS, Tap

if TYPE_CHECKING:
    from counterpart.core.geometry import Size
    from counterpart.core.images.reading import ImageRef
    from counterpart.core.jobs import JobContext
    from counterpart.core.pipeline.engine import Engine

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name
else:
    Subparsers = object  # not subscriptable at run time
_Value = TypeVar("_Value")


def parsed(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Let argparse report what one of our own readers refuses, in its words."""

    def convert(text: str) -> _Value:
        try:
            return read(text)
        except CounterpartError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def integers(text: str) -> tuple[int, ...]:
    """Read `0,2,4`.

    Raises:
        UsageError: Not whole numbers separated by commas.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' is not a list of whole numbers", hint="Use 0,2,4") from None


def add_images(parser: argparse.ArgumentParser) -> None:
    """The images that a command works on."""
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders (recursive), globs")


def images_from(args: argparse.Namespace, ctx: JobContext) -> list[ImageRef]:
    """The images that were named, but for those below `--out`; what is left out of folders goes into the report.

    Raises:
        UsageError: There are none.
    """
    from counterpart.core.images.finding import search_images

    found = search_images(args.images, getattr(args, "out", None), ctx.check)
    found.left_out.tell(ctx)
    return found.refs


def add_mask_output(parser: argparse.ArgumentParser) -> None:
    """Where a command writes label pictures."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--overlays", action="store_true", help="also write overlays to look at, in DIR/overlays")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """`--json` and `--quiet`."""
    group = parser.add_argument_group("report")
    group.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of text")
    group.add_argument("--quiet", action="store_true", help="no progress on stderr")


def add_engine_options(parser: argparse.ArgumentParser, model: str | None = DEFAULT_MODEL) -> None:
    """The model and what it runs on; `model` is None where a file says which one it was made with."""
    group = parser.add_argument_group("model")
    given = "%(default)s" if model else "the one that the file was made with"
    group.add_argument("--model", default=model, help=f"name as in `counterpart models list` ({given})")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (%(default)s)")
    group.add_argument(
        "--precision",
        default="auto",
        choices=["auto", "float32", "bfloat16", "float16"],
        help="auto takes what is faster at equal results (%(default)s)",
    )
    group.add_argument("--cache", metavar="DIR", help="folder of cached features; `none` keeps nothing on disk")
    group.add_argument("--seed", type=int, default=0, help="of every random choice (%(default)s)")


def engine_from(args: argparse.Namespace) -> Engine:
    """The engine that the options describe; nothing is loaded yet."""
    from counterpart.core.pipeline.engine import Engine

    return Engine(args.model, args.device, args.precision, args.cache)


def _size(text: str) -> Size:
    from counterpart.core.geometry import parse_size

    return parse_size(text)


def add_resolution(group: argparse._ArgumentGroup, stride: str) -> None:
    """`--size`, and `--stride` with its help; `resolution` reads them."""
    group.add_argument(
        "--size",
        type=parsed(_size),
        default=argparse.SUPPRESS,
        help="longest side in pixels, WxH exactly, or none for the image's own size",
    )
    group.add_argument("--stride", type=int, help=stride)


def add_feature_options(parser: argparse.ArgumentParser) -> None:
    """Resolution and place of the descriptors; each falls back to the model's own setting for the task."""
    group = parser.add_argument_group("features (by default the model's own setting for the task)")
    add_resolution(group, "distance of patches in pixels; divides the patch size")
    group.add_argument("--layer", type=int, help="block, counted from 0")
    group.add_argument("--facet", choices=FACETS, help="what is read in the block")


@dataclass(frozen=True, slots=True)
class Resolution:
    """Size and stride for a task."""

    size: Size
    stride: int


def resolution(args: argparse.Namespace, size: Size, stride: int) -> Resolution:
    """What was typed, or the given defaults. `--size none` is a choice of its own, so absence is not None."""
    return Resolution(getattr(args, "size", size), args.stride or stride)


def tap_or(args: argparse.Namespace, default: Tap) -> Tap:
    """The typed layer and facet, each falling back to `default`'s."""
    return Tap(default.layer if args.layer is None else args.layer, args.facet or default.facet)
