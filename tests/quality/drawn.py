"""A few drawn faces in the layouts of the measurement data, and a tiny model: enough to show that every table runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.backbone.registry import Architecture
from counterpart.core.backbone.weights import store_weights
from tests.core.backbone_tiny import describe, tiny_state
from tests.quality.points import CLASSES

SIDE = 96
NAMES = ("left_eye", "right_eye", "left_mouth", "right_mouth", "chin")
PLACES = np.array([[-0.4, -0.3], [0.4, -0.3], [-0.3, 0.5], [0.3, 0.5], [0.0, 0.95]])
"""Of the keypoints, (x, y) from the middle of the face in units of its radius."""
SHAPE = Architecture(patch=112, width=12, depth=12, heads=6, hidden=24, grid=4)
"""Large patches make few tokens; twelve blocks have every one that the paper reads."""


def face(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]]:
    """A picture, its labels (1 face, 2 left eye, 3 right eye, 4 mouth, 5 chin) and its keypoints, (x, y)."""
    rng = np.random.default_rng(number)
    middle, radius = rng.uniform(0.42, 0.58, 2) * SIDE, rng.uniform(0.28, 0.36) * SIDE
    y, x = np.mgrid[:SIDE, :SIDE]
    xy = middle + PLACES * radius
    labels = (np.hypot(x - middle[0], y - middle[1]) < radius).astype(np.uint8)
    for label, (at, reach) in enumerate(
        [(xy[0], 0.2), (xy[1], 0.2), (xy[2:4].mean(axis=0), 0.3), (xy[4], 0.25)], start=2
    ):
        labels[np.hypot(x - at[0], y - at[1]) < reach * radius] = label
    colours = np.array([(40, 90, 60), (220, 180, 150), (60, 60, 160), (60, 60, 170), (190, 40, 60), (120, 80, 60)])
    rgb = colours[labels] + rng.integers(-20, 20, (SIDE, SIDE, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8), labels, xy


def _save(values: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def animals(folder: Path, each: int) -> None:
    """Animal-Pose: VOC masks, keypoints by class in COCO's form."""
    about: dict[str, object] = {"voc_class_index": {name: 2 + index for index, name in enumerate(CLASSES)}}
    listed = []
    for index, name in enumerate(CLASSES):
        images, annotations = [], []
        for number in range(each):
            rgb, labels, xy = face(100 * index + number)
            stem = f"{name}{number}"
            _save(rgb, folder / "images" / f"{stem}.jpg")
            _save(np.where(labels > 0, 2 + index, 0).astype(np.uint8), folder / "masks" / f"{stem}.png")
            listed.append({"file": f"{stem}.jpg", "cls": name, "mask": f"masks/{stem}.png"})
            images.append({"id": number, "file_name": f"images/{stem}.jpg", "width": SIDE, "height": SIDE})
            low, high = xy.min(axis=0), xy.max(axis=0)
            annotations.append(
                {
                    "id": number, "image_id": number, "category_id": 1, "bbox": [*low, *(high - low)], "iscrowd": 0,
                    "area": float(np.prod(high - low)), "num_keypoints": len(xy),
                    "keypoints": [value for point in xy.tolist() for value in (*point, 2)],
                }
            )  # fmt: skip
        category = {"id": 1, "name": name, "keypoints": NAMES, "skeleton": [[1, 2], [3, 4], [4, 5]]}
        file = folder / f"coco_{name}.json"
        file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    (folder / "keypoints.json").write_text(json.dumps({**about, "images": listed}))


def faces(data: Path, count: int) -> None:
    """CelebAMask and FASSEG: labels of parts; and landmarks, twice `l_` and `r_`."""
    landmarks = []
    celeba = np.array([0, 0, 4, 5, 10, 13], np.uint8)  # its numbers of eyes, mouth and hair
    for number in range(1, count + 1):
        rgb, labels, xy = face(number)
        _save(rgb, data / "celebamask-dev" / "images" / f"{number}.jpg")
        _save(celeba[labels], data / "celebamask-dev" / "masks" / f"{number}.png")
        _save(rgb, data / "fasseg-frontal02" / "images" / f"{number}.png")
        _save(labels, data / "fasseg-frontal02" / "masks" / f"{number}.png")
        landmarks.append({"file": f"{number}.jpg", "landmarks": xy.tolist()})
    names = ["l_eye_centre", "r_eye_centre", "l_mouth", "r_mouth", "chin"]
    file = data / "celebamask-dev" / "derived_landmarks.json"
    file.write_text(json.dumps({"landmark_names": names, "images": landmarks}))


def write_data(data: Path) -> None:
    """Every set that a table looks for."""
    animals(data / "animalpose-voc-dev", each=2)
    faces(data, count=6)
    for number in range(5):
        rgb, labels, _ = face(number)
        _save(rgb, data / "msrc-coseg-dev" / "images" / "faces" / f"{number}.jpg")
        _save(255 * (labels > 0).astype(np.uint8), data / "msrc-coseg-dev" / "masks" / "faces" / f"{number}.png")
    rgb, labels, _ = face(0)
    for number in range(4):
        step = 3 * number
        _save(np.roll(rgb, step, axis=1), data / "davis-dev" / "JPEGImages" / "face" / f"{number:05d}.jpg")
        mask = 255 * (np.roll(labels, step, axis=1) > 0).astype(np.uint8)
        _save(mask, data / "davis-dev" / "Annotations" / "face" / f"{number:05d}.png")


def install_model() -> str:
    """Put the tiny model into the folder of models; its name."""
    store_weights("drawn", tiny_state(SHAPE), "a test", describe(SHAPE, "drawn", family="dinov2"))
    return "drawn"
