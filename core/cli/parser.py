"""The parser of `counterpart`: a table of commands, each declared by its own module when it is first used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from counterpart.core.cli.process import UsageExit, report, say

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "gui": ("manage", "open the window"),
    "demo": ("manage", "find the parts of the sample photographs and open the window on them (or write overlays)"),
    "models": ("manage", "list, install and import the weights of backbones"),
    "doctor": ("manage", "what is installed, which device, which models, what is wrong"),
    "extract": ("features", "descriptors, saliency and CLS descriptor: one .safetensors per image"),
    "explore": ("features", "look at the feature space: pca, clusters, tsne, saliency, similarity"),
    "cosegment": ("masks", "the object that the images share: one 0/255 PNG per image, report.json"),
    "parts": ("masks", "the parts of the shared object: one indexed PNG per image, a codebook, report.json"),
    "propagate": (
        "propagation",
        "labels of some images carried over to all: one indexed PNG per image, report.json",
    ),
    "split": ("propagation", "one part of labelled images divided by looks: indexed PNGs, report.json"),
    "match": ("points", "corresponding points of two images, as JSON"),
    "transfer": ("points", "keypoints of annotated images, placed in others (COCO files)"),
    "check": ("checks", "keypoints of a COCO file that look wrong, the most doubtful first"),
    "landmarks": (
        "landmarks",
        "landmarks learnt from a few annotated images by way of the parts that all images share",
    ),
    "frames": ("frames", "the frames of a video as images in a folder, to annotate them"),
    "track-project": ("frames", "masks and keypoints of a project's annotated frames, carried to its other frames"),
    "track": (
        "sequences",
        "masks or keypoints of one or more frames, carried through a video: a PNG per frame, or COCO",
    ),
    "evaluate": ("evaluate", "measure on a data set with human truth"),
    "export": ("projects", "write a project in a format that others read"),
    "statistics": ("projects", "what a project has of each part, over all its images"),
    "import": ("projects", "take annotations in a format into a project"),
}
"""Each command with its module in `core.cli`, whose `declare_NAME` says what it takes, and its line in `--help`."""

EPILOG = """\
IMAGES are files, folders (recursive) and glob patterns. Outputs mirror the relative path of each image under --out,
in the image's own pixel size. Exit codes: 0 all done, 1 something failed (named; the rest of a batch is done),
2 usage, 130 cancelled with Ctrl-C (129 and 143: SIGHUP, SIGTERM). Without a command the window opens."""


_Declare = Callable[[argparse.ArgumentParser], None]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments, and passes it on; help that cannot be written is an error."""

    def _print_message(self, message: str, file: object = None) -> None:
        if file is not sys.stdout:
            say(message, end="")
        elif unheard := report(message.removesuffix("\n")):
            raise SystemExit(unheard)

    def error(self, message: str) -> NoReturn:
        say(f"{self.format_usage()}{self.prog}: error: {message}")
        raise UsageExit(message)


class _CommandParser(_Parser):
    """Parser of one command. Its options are declared when it is first asked to parse, `--help` included."""

    def __init__(self, *args: Any, declare: _Declare | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._declare = declare

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        declare, self._declare = self._declare, None
        if declare is not None:
            declare(self)
        return super().parse_known_args(args, namespace)


class _Version(argparse.Action):
    """Prints the version and ends; looking it up reads the installed packages, which no other option needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata

        try:
            version = importlib.metadata.version("counterpart")
        except importlib.metadata.PackageNotFoundError:
            version = "(from a checkout)"
        parser.exit(report(f"counterpart {version}"))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; no command's module is imported yet."""
    parser = _Parser(
        prog="counterpart",
        description="Find the object that images share, its parts, and the points that correspond.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", title="commands", parser_class=_CommandParser)
    for name, (module, text) in COMMANDS.items():
        commands.add_parser(name, help=text, declare=_declare(name, module))
    return parser


def _declare(name: str, module: str) -> _Declare:
    def declare(parser: argparse.ArgumentParser) -> None:
        found = importlib.import_module(f"counterpart.core.cli.{module}")
        getattr(found, f"declare_{name.replace('-', '_')}")(parser)

    return declare
