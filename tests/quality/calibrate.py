"""The score of transferred points: how well it is calibrated on kinds of animals it was not fitted on.

Run `python -m tests.quality.calibrate --data DIR`. The logistic regression that turns cues into a chance is fitted on
four classes and tested on the fifth, for each class in turn; the figures are of these held-out scores. `--write` stores
the fit over all classes in `resources/transfer_calibration.json`, `--plot FILE` draws the held-out scores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.evaluate.keypoints import Outcomes, auroc, calibration_error, evaluate_group, reliability
from counterpart.core.files import write_json
from counterpart.core.jobs import silent
from counterpart.core.pipeline.engine import Engine, open_cache
from counterpart.core.transfer.calibration import Calibration
from counterpart.core.transfer.decode import CUES
from counterpart.core.transfer.params import TransferParams
from tests.quality.points import SET, load_groups, view_encoder

RESOURCE = Path(__file__).resolve().parents[2] / "resources" / "transfer_calibration.json"
Case = tuple[int, bool]


def measure_cases(args: argparse.Namespace) -> dict[Case, list[Outcomes]]:
    """Outcomes of each number of templates and with or without boxes, one entry per class."""
    engine = Engine(args.model, cache=open_cache())
    params = TransferParams.for_model(engine.defaults)
    encode = view_encoder(engine, params, silent())
    # Only cues are asked for: the stored calibration may not know all of them yet.
    unused = Calibration((0.0,) * len(CUES), 0.0)
    found = {}
    groups = load_groups(args.data)
    for templates in args.templates:
        for boxes in (False, True):
            found[templates, boxes] = [
                Outcomes.join(
                    [
                        evaluate_group(g, templates, s, params, encode, silent(), boxes=boxes, calibration=unused)
                        for s in args.seeds
                    ]
                )
                for g in groups
            ]
    return found


def fit(parts: list[Outcomes]) -> Calibration:
    """One calibration for all of them."""
    joined = Outcomes.join(parts)
    return Calibration.fit(joined.cues, joined.error <= 0.1, penalty=5.0)


def held_out(cases: dict[Case, list[Outcomes]]) -> dict[Case, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """(score, right) of every point, the score fitted without its class."""
    classes = len(next(iter(cases.values())))
    fits = [fit([p for parts in cases.values() for i, p in enumerate(parts) if i != out]) for out in range(classes)]
    scores = {}
    for case, parts in cases.items():
        score = np.concatenate([own.chance(part.cues) for own, part in zip(fits, parts, strict=True)])
        scores[case] = score, np.concatenate([part.error <= 0.1 for part in parts])
    return scores


def show(scores: dict[Case, tuple[NDArray[np.float64], NDArray[np.bool_]]], cases: dict[Case, list[Outcomes]]) -> None:
    """Print the table."""
    print("| templates | box | AUROC | ECE | ECE within a class | doubtful below 0.5 | right among the rest |")
    print("|---|---|---|---|---|---|---|")
    for (templates, boxes), (score, right) in scores.items():
        ends = np.cumsum([len(part.error) for part in cases[templates, boxes]])[:-1]
        each = zip(np.split(score, ends), np.split(right, ends), strict=True)
        within = np.mean([calibration_error(s, r) for s, r in each])
        sure = score >= 0.5
        print(
            f"| {templates} | {'yes' if boxes else 'no'} | {auroc(score, right):.3f}"
            f" | {calibration_error(score, right):.3f} | {within:.3f} | {100 * (~sure).mean():.0f} %"
            f" | {100 * right[sure].mean():.0f} % |",
            flush=True,
        )


def plot(scores: dict[Case, tuple[NDArray[np.float64], NDArray[np.bool_]]], file: Path) -> None:
    """Share right over score, in bins of a tenth with 30 points or more, without boxes; areas are counts."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 4.6), dpi=130)
    axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, zorder=0)
    colours = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00")
    for colour, (templates, boxes) in zip(colours, [case for case in scores if not case[1]], strict=False):
        rows = np.array([row for row in reliability(*scores[templates, boxes]) if row[2] >= 30])
        label = f"{templates} template{'s' if templates > 1 else ''}"
        axes.plot(rows[:, 0], rows[:, 1], color=colour, linewidth=1.5, label=label)
        axes.scatter(rows[:, 0], rows[:, 1], s=rows[:, 2] / 8, color=colour, alpha=0.8, linewidths=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="share of points that are right", aspect="equal")
    axes.set_title("Score of transferred points, classes held out", fontsize=10)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file)


def write(cases: dict[Case, list[Outcomes]], args: argparse.Namespace) -> None:
    """Store the fit over all classes."""
    source = (
        f"{args.model} on {SET}, five classes, {' / '.join(map(str, args.templates))} templates without and with"
        f" boxes, seeds {' '.join(map(str, args.seeds))}: python -m tests.quality.calibrate --write"
    )
    whole = fit([part for parts in cases.values() for part in parts])
    weights = {name: round(weight, 5) for name, weight in zip(CUES, whole.weights, strict=True)}
    write_json(RESOURCE, {"weights": weights, "bias": round(whole.bias, 5), "source": source}, indent=2)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; write and draw where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.calibrate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14_focus")
    parser.add_argument("--templates", type=int, nargs="+", default=[1, 3, 5, 9])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--write", action="store_true", help=f"store the fit in {RESOURCE.name}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the held-out scores (needs matplotlib)")
    args = parser.parse_args(arguments)
    cases = measure_cases(args)
    scores = held_out(cases)
    show(scores, cases)
    if args.plot:
        plot(scores, args.plot)
    if args.write:
        write(cases, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
