"""Figures of the paper and its supplement (arXiv 2112.05814), in the columns of this program's tables."""

from __future__ import annotations

from counterpart.core.pipeline.evaluate.benchmarks.table import Row

COSEGMENTATION_NAMES = {
    "msrc": "MSRC",
    "internet300": "Internet300",
    "pascal-voc": "PASCAL-VOC",
    "pascal-co": "PASCAL-CO",
}

_COSEGMENTATION = {  # supplement, table 3: (J, P) on MSRC, Internet300, PASCAL-VOC, PASCAL-CO
    "paper, dino_vits8, stride 4": ((86.7, 96.5), (79.5, 94.6), (60.7, 88.2), (79.5, 94.7)),
    "paper, dino_vits8, stride 8": ((83.5, 95.0), (73.8, 92.6), (52.7, 85.3), (71.5, 91.7)),
    "paper, dino_vits8, stride 4, all heads": ((81.6, 94.3), (75.1, 93.0), (55.7, 85.8), (74.2, 92.8)),
    "paper, dino_vits16, stride 4, all heads": ((72.3, 88.9), (49.3, 76.1), (46.3, 79.7), (70.1, 90.8)),
    "paper, dino_vitb8, stride 4, all heads": ((70.8, 86.9), (69.5, 89.9), (56.9, 87.9), (71.2, 91.0)),
    "paper, dino_vitb16, stride 4, all heads": ((69.6, 86.5), (65.1, 89.2), (48.1, 81.9), (71.6, 91.6)),
}

PUBLISHED: dict[str, tuple[Row, ...]] = {
    # Columns J&F, J, F.
    "davis-2017": (  # supplement, table 1
        Row("paper, dino_vits8, stride 4", (72.2, 67.9, 76.5)),
        Row("DINO, dino_vits8, stride 8", (69.9, 66.6, 73.1)),
        Row("DINO, dino_vitb8, stride 8", (71.4, 67.9, 74.9)),
        Row("DINO, dino_vits16, stride 16", (61.8, 60.2, 63.4)),
        Row("DINO, dino_vitb16, stride 16", (62.3, 60.7, 63.9)),
    ),
    "davis-2016": (),
    # Columns k = 4, k = 8: per cent of the distance of the eyes.
    "celeba": (  # supplement, table 2
        Row("paper, dino_vits8", (11.36, 10.74)),
        Row("paper, supervised ViT", (12.83, 12.74)),
        Row("SCOPS, with saliency", (21.76, 15.01)),
        Row("SCOPS, without saliency", (46.62, 22.11)),
        Row("Liu et al.", (15.39, 12.26)),
        Row("IMM", (19.42, 8.74)),
        Row("DFF", (None, 31.30)),
        Row("ULD", (None, 40.82)),
    ),
    # Column PCK@0.1.
    "spair": (  # supplement, table 4
        Row("paper, dino_vits8, stride 4", (56.0,)),
        Row("paper, dino_vits8, stride 8", (52.0,)),
        Row("paper, dino_vits16, stride 4", (53.0,)),
        Row("paper, dino_vitb8, stride 4", (54.0,)),
        Row("paper, dino_vitb16, stride 4", (56.0,)),
        Row("CATs (supervised)", (61.0,)),
        Row("NBB", (27.0,)),
    ),
    # Columns J, P.
    **{
        name: tuple(Row(label, figures[place]) for label, figures in _COSEGMENTATION.items())
        for place, name in enumerate(COSEGMENTATION_NAMES)
    },
}

SPAIR_CATEGORIES = {  # supplement, table 4: the paper at stride 4, PCK@0.1
    "aeroplane": 69.0, "bicycle": 50.0, "bird": 82.0, "boat": 47.0, "bottle": 37.0, "bus": 42.0, "car": 53.0,
    "cat": 66.0, "chair": 45.0, "cow": 75.0, "dog": 65.0, "horse": 46.0, "motorbike": 69.0, "person": 48.0,
    "pottedplant": 44.0, "sheep": 65.0, "train": 54.0, "tvmonitor": 59.0,
}  # fmt: skip
