"""The settings of co-segmentation: the paper's are the published ones, a model's come from the registry."""

import dataclasses

import pytest

from counterpart.core.backbone.registry import model_info
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap

KEY = Tap(11, "key")


def test_the_paper_s_settings_are_those_of_its_supplement():
    paper = CosegmentParams.paper()
    assert (paper.method, paper.threshold, paper.votes, paper.present) == ("paper", 0.065, 0.75, 0)
    assert (paper.clusters, paper.elbow, paper.max_k, paper.sample_every) == (None, 0.975, 15, 100)
    assert (paper.saliency, paper.saliency_tap, paper.tap, paper.refine) == ("cls", KEY, KEY, "grabcut")
    baseline = CosegmentParams.baseline(heads=(0, 2))
    assert (baseline.method, baseline.threshold, baseline.heads) == ("baseline", 0.04, (0, 2))


def test_the_default_is_what_was_measured_best():
    usual = CosegmentParams()
    assert (usual.method, usual.threshold, usual.votes, usual.present) == ("seeded", 0.25, 0.5, 0.02)
    assert (usual.clusters, usual.saliency, usual.refine, usual.working_size, usual.seed) == (
        20,
        "mean",
        "guided",
        500,
        0,
    )
    assert (usual.sample_every, usual.outlier_cosine) == (None, None)


@pytest.mark.parametrize(
    ("name", "least"), [("clusters", 2), ("max_k", 1), ("sample_every", 1), ("working_size", 16), ("votes", 0.0)]
)
def test_the_least_of_each_setting_is_allowed_and_less_is_not(name, least):
    assert getattr(CosegmentParams(**{name: least}), name) == least
    with pytest.raises(UsageError, match=f"{name} is {least - 1}"):
        CosegmentParams(**{name: least - 1})
    assert CosegmentParams(votes=1.0, present=1.0, elbow=1.0).votes == 1


def test_a_model_is_segmented_as_the_registry_says():
    defaults = model_info("dino_vits8").defaults
    tap, other = Tap(7, "value"), Tap(5, "token")
    defaults = dataclasses.replace(
        defaults, cosegment_tap=tap, saliency_tap=other, saliency_threshold=0.3, saliency_heads=(1,), paper_tap=KEY
    )
    for method in ("paper", "seeded"):
        own = CosegmentParams.for_model(dataclasses.replace(defaults, cosegment_method=method))
        assert (own.method, own.threshold, own.heads, own.saliency_tap, own.tap) == (method, 0.3, (1,), other, tap)
    chosen = {name: CosegmentParams.for_method(defaults, name) for name in ("seeded", "paper", "baseline")}
    assert {name: found.method for name, found in chosen.items()} == {name: name for name in chosen}
    assert (chosen["seeded"].threshold, chosen["seeded"].tap) == (0.25, tap)
    assert (chosen["paper"].threshold, chosen["paper"].tap) == (defaults.paper_threshold, KEY)
    assert chosen["baseline"].threshold == defaults.baseline_threshold
    assert CosegmentParams.paper_for(defaults).saliency == "cls"
    blind = dataclasses.replace(defaults, saliency_layer=None)
    assert CosegmentParams.paper_for(blind).saliency == "background"
