"""From a plan to an encoder with its weights in memory."""

from __future__ import annotations

from counterpart.core.backbone.encoder import Encoder
from counterpart.core.backbone.plan import EncoderPlan
from counterpart.core.backbone.weights import read_weights
from counterpart.core.errors import UsageError


def load_encoder(plan: EncoderPlan) -> Encoder:
    """Read a planned model's weights. A second or two; nothing else in the program does it.

    Raises:
        ModelNotInstalledError: The weights are gone.
        CheckpointError: The weights are damaged.
        UsageError: The model was installed anew since the plan was made.
    """
    state, record = read_weights(plan.info.name)
    if record.weights != plan.weights_sha256:
        # Features must not be filed under the old weights.
        raise UsageError(f"the weights of {plan.info.name} were replaced meanwhile", hint="Start the job again")
    if plan.info.arch == "resnet":
        from counterpart.core.backbone.resnet import ResNetEncoder

        return ResNetEncoder(plan, state)
    from counterpart.core.backbone.vit import VitEncoder

    return VitEncoder(plan, state)
