"""Every way to change a document. `Document.apply` takes one; `Document.revert` takes it back."""

from counterpart.core.project.commands.base import Command, Compound, Outcome
from counterpart.core.project.commands.images import (
    AddImages,
    NewImage,
    NoteFacts,
    RelinkImages,
    RemoveImages,
    TakeReplacements,
)
from counterpart.core.project.commands.masks import (
    AcceptPredictions,
    ClearLabels,
    Paint,
    ReplaceMasks,
    SetLabels,
    SetReviewState,
)
from counterpart.core.project.commands.matches import (
    AddMatch,
    DeleteMatches,
    LockMatches,
    MoveMatchEnd,
    ReplaceMatches,
    SetMatchState,
)
from counterpart.core.project.commands.parts import AddPart, DeleteParts, EditPart, MergeParts, ReorderParts, SplitPart
from counterpart.core.project.commands.placing import ClearKeypoints, SwapKeypoints
from counterpart.core.project.commands.points import (
    AddInstance,
    AddSkeleton,
    ChangeSkeleton,
    ConfirmKeypoints,
    MarkTemplates,
    MoveKeypoint,
    PredictKeypoints,
    RemoveInstances,
    RemoveSkeleton,
    SetKeypoints,
    SetVisibility,
)
from counterpart.core.project.commands.settings import NoteSettings, SetSettings
from counterpart.core.project.commands.tracking import TakeTrack

__all__ = [
    "AcceptPredictions",
    "AddImages",
    "AddInstance",
    "AddMatch",
    "AddPart",
    "AddSkeleton",
    "ChangeSkeleton",
    "ClearKeypoints",
    "ClearLabels",
    "Command",
    "Compound",
    "ConfirmKeypoints",
    "DeleteMatches",
    "DeleteParts",
    "EditPart",
    "LockMatches",
    "MarkTemplates",
    "MergeParts",
    "MoveKeypoint",
    "MoveMatchEnd",
    "NewImage",
    "NoteFacts",
    "NoteSettings",
    "Outcome",
    "Paint",
    "PredictKeypoints",
    "RelinkImages",
    "RemoveImages",
    "RemoveInstances",
    "RemoveSkeleton",
    "ReorderParts",
    "ReplaceMasks",
    "ReplaceMatches",
    "SetKeypoints",
    "SetLabels",
    "SetMatchState",
    "SetReviewState",
    "SetSettings",
    "SetVisibility",
    "SplitPart",
    "SwapKeypoints",
    "TakeReplacements",
    "TakeTrack",
]
