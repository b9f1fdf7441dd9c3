"""`check`: annotated keypoints that look wrong, the most doubtful first."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_report_options,
    engine_from,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted


def declare_check(parser: argparse.ArgumentParser) -> None:
    """`counterpart check`."""
    parser.add_argument("file", type=Path, metavar="COCO.json")
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder that file names are relative to")
    parser.add_argument("--category", metavar="NAME", help="which one, where the file has several with keypoints")
    parser.add_argument("--top", type=int, default=50, metavar="N", help="points to list (%(default)s)")
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_check)


def _check(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.keypoints.project_keypoints import check_annotated
    from counterpart.core.pipeline.keypoints.transfer import TransferJob
    from counterpart.core.pipeline.keypoints.transfer_files import read_templates

    engine = engine_from(args)
    own = TransferJob.for_model(engine.defaults)
    chosen = resolution(args, own.size, own.stride)
    params = dataclasses.replace(own.params, tap=tap_or(args, engine.defaults.transfer_tap))
    skeleton, items = read_templates(args.file, args.root, ctx, args.category)
    found = check_annotated(engine, items, skeleton, TransferJob(params, chosen.size, chosen.stride), ctx)
    rows = [
        {
            "file_name": items[each.instance].ref.name,
            "keypoint": skeleton.names[each.index],
            "xy": [round(value, 2) for value in each.xy],
            "doubt": round(each.doubt, 3),
            "suggestion": [round(value, 2) for value in each.suggestion],
            "swapped_with": skeleton.names[each.twin] if each.swapped and each.twin >= 0 else None,
        }
        for each in found[: max(args.top, 0)]
    ]
    width = max([0, *(len(str(row["keypoint"])) for row in rows)])
    checked = f"{counted(len(found), 'point')} of {counted(len(items), 'instance')} checked"
    lines = [f"{checked}; the {len(rows)} most doubtful:"]
    for row, each in zip(rows, found, strict=False):
        note = f"  swapped with {row['swapped_with']}?" if row["swapped_with"] else ""
        place, better = (f"({x:.0f}, {y:.0f})" for x, y in (each.xy, each.suggestion))
        lines.append(f"{each.doubt:6.2f}  {row['keypoint']:<{width}}  {row['file_name']}  {place} -> {better}{note}")
    return Outcome("\n".join(lines), {"checked": len(found), "instances": len(items), "points": rows})
