"""Cost of encoding: against the bare stack of timm's fused blocks, of bfloat16 against float32, and in memory.

Run `python -m tests.bench encoder`; needs no installed weights (times do not depend on their values). All ratios
are measured in one run, in turns, in CPU time of one thread, so that other work on the machine counts little.
`--threads 2` measures wall time instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

CASES = [  # (model, input side, stride, images at once)
    ("dinov2_vits14", 224, 14, 1),
    ("dinov2_vits14", 224, 14, 8),
    ("dinov2_vits14", 448, 14, 1),
    ("dinov2_vits14", 224, 7, 1),
    ("dino_vits8", 224, 4, 1),
]
MEMORY_SIDE = 1_540  # at stride 14: 110 x 110 = 12,100 tokens


def random_encoder(name: str, precision: str):
    """An encoder of a registry model's shape with random weights, and timm's module with the same."""
    import timm
    import torch

    from counterpart.core.backbone.device import Placement
    from counterpart.core.backbone.plan import EncoderPlan
    from counterpart.core.backbone.registry import model_info
    from counterpart.core.backbone.vit import VitEncoder

    torch.manual_seed(0)
    info = model_info(name)
    module = timm.create_model(info.timm_name, pretrained=False, num_classes=0).eval()
    state = {key: value.numpy() for key, value in module.state_dict().items()}
    plan = EncoderPlan(info, "random", Placement("cpu", precision, "benchmark"))
    return VitEncoder(plan, state), module


def take_turns(rounds: int, clock: Callable[[], float], *jobs: Callable[[], object]) -> list[list[float]]:
    """Milliseconds of each job in each round, the jobs taking turns."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, own in zip(jobs, times, strict=True):
            start = clock()
            job()
            own.append(1e3 * (clock() - start))
    return times


def typical_ratio(above: list[float], below: list[float]) -> float:
    """Median of the ratios of neighbours in time: what disturbs one disturbs the other."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)


def measure_times(
    cases: list[tuple[str, int, int, int]], rounds: int, clock: Callable[[], float]
) -> list[dict[str, object]]:
    """Encoding from uint8 pixels to stored descriptors of two taps, beside timm's blocks on as many tokens."""
    import numpy as np
    import torch

    from counterpart.core.features.taps import Tap

    rows = []
    for name, side, stride, count in cases:
        images = [np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8) for i in range(count)]
        taps = [Tap(9, "key"), Tap(11, "token")]
        ours, bare, tokens = {}, {}, 0
        for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            encoder, module = random_encoder(name, precision)
            module = module.to(dtype)
            spec = encoder.spec(taps, stride, None)
            grid = encoder.encode(images[:1], spec)[0].maps[0].shape
            tokens = grid[0] * grid[1]
            x = torch.randn(count, tokens + 1, encoder.width, dtype=dtype)

            def run_bare(module=module, x=x):
                with torch.inference_mode():
                    return module.blocks(x)

            def run_ours(encoder=encoder, spec=spec, images=images):
                return encoder.encode(images, spec)

            bare[precision], ours[precision] = take_turns(rounds, clock, run_bare, run_ours)
        rows.append(
            {
                "model": name,
                "input": f"{count} x {side} px, stride {stride}",
                "tokens": tokens,
                "float32 ms": round(min(ours["float32"]) / count, 1),
                "bfloat16 ms": round(min(ours["bfloat16"]) / count, 1),
                "float32 / bare": typical_ratio(ours["float32"], bare["float32"]),
                "bfloat16 / bare": typical_ratio(ours["bfloat16"], bare["bfloat16"]),
                "bfloat16 speed-up": round(min(ours["float32"]) / min(ours["bfloat16"]), 2),
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def peak_kilobytes() -> int:
    """Peak resident size of this process. Not `getrusage`, which counts the parent's size before exec too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def peak_memory(precision: str, side: int) -> dict[str, int]:
    """Encode one square image at stride 14; the peak resident size of this process, which should do nothing else."""
    import numpy as np

    from counterpart.core.features.taps import Tap

    encoder, _ = random_encoder("dinov2_vits14", precision)
    before = peak_kilobytes()
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    raw = encoder.encode([image], encoder.spec([Tap(9, "key"), Tap(11, "token")], 14, None))[0]
    peak = peak_kilobytes()
    rows, cols = raw.maps[0].shape[:2]
    return {"tokens": rows * cols, "loaded MB": before // 1024, "peak MB": peak // 1024}


def measure_agreement() -> dict[str, object] | None:
    """Whether bfloat16 changes what is found: nearest neighbours between two sample photographs."""
    import numpy as np

    from counterpart.core.backbone.extractor import extract_arrays
    from counterpart.core.backbone.load import load_encoder
    from counterpart.core.backbone.plan import plan_encoder
    from counterpart.core.backbone.registry import DEFAULT_MODEL
    from counterpart.core.backbone.weights import is_installed
    from counterpart.core.features.taps import Tap
    from counterpart.core.images.finding import find_images
    from counterpart.core.images.reading import read_image
    from counterpart.core.resources import resource_path

    if not is_installed(DEFAULT_MODEL):
        return None
    images = [read_image(ref.path).rgb for ref in find_images([resource_path("samples")])[:2]]
    taps = [Tap(9, "token"), Tap(11, "normtoken"), Tap(11, "key")]
    maps = {}
    for precision in ("float32", "bfloat16"):
        encoder = load_encoder(plan_encoder(DEFAULT_MODEL, "cpu", precision))
        maps[precision] = extract_arrays(images, encoder.spec(taps, 14, 448, storage="float32"), encoder)
    out: dict[str, object] = {}
    for tap in taps:
        exact, fast = ([m.flat(tap) for m in maps[p]] for p in ("float32", "bfloat16"))
        similarity = exact[0] @ exact[1].T
        nearest, nearest_fast = similarity.argmax(1), (fast[0] @ fast[1].T).argmax(1)
        rows = np.arange(len(nearest))
        out[str(tap)] = {
            "mean cosine": round(float((exact[0] * fast[0]).sum(1).mean()), 5),
            "same nearest neighbour": round(float((nearest == nearest_fast).mean()), 4),
            "similarity lost by the others": round(
                float((similarity[rows, nearest] - similarity[rows, nearest_fast]).max()), 5
            ),
        }
    return out


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that it runs; its figures mean nothing"
    )
    parser.add_argument("--peak", choices=["float32", "bfloat16"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.peak:
        print(json.dumps(peak_memory(options.peak, MEMORY_SIDE)))
        return
    import torch

    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    report: dict[str, object] = {"threads": options.threads}
    cases, rounds = (CASES[:1], 1) if options.quick else (CASES, options.rounds)
    report["times"] = measure_times(cases, rounds, clock)
    if options.quick:
        report["memory float32"] = peak_memory("float32", 56)
    else:
        for precision in ("float32", "bfloat16"):
            command = [sys.executable, "-m", "tests.bench.bench_encoder", "--peak", precision]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            report[f"memory {precision}"] = json.loads(done.stdout)
        report["agreement"] = measure_agreement()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
