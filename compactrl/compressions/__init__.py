"""Compressions: pure functions (theta, design) → weights of a plain MLP; one per file, by name in `COMPRESSIONS`."""

from compactrl.compressions.base import Compression, Options
from compactrl.compressions.chromatic import Chromatic, ChromaticOptions, Transferred
from compactrl.compressions.circulant import Circulant
from compactrl.compressions.context_tasks import ContextTasks
from compactrl.compressions.dense import Dense, Unstructured
from compactrl.compressions.frozen import Frozen
from compactrl.compressions.gather import Gather
from compactrl.compressions.hyper_tasks import HyperTaskOptions, HyperTasks
from compactrl.compressions.hypernet import Hypernet, HypernetOptions
from compactrl.compressions.hypernet_tasks import HypernetTaskOptions, HypernetTasks
from compactrl.compressions.inferred_tasks import InferredContext, InferredHyper, InferredHyperOptions, InferredOptions
from compactrl.compressions.latent import Latent
from compactrl.compressions.masked import Masked, MaskedOptions
from compactrl.compressions.multitask import MultiTask, MultiTaskOptions
from compactrl.compressions.patterned import PatternOptions
from compactrl.compressions.plain import Plain
from compactrl.compressions.shared import Shared
from compactrl.compressions.shared_options import LatentOptions, SharedOptions
from compactrl.compressions.tasks import OfTasks, PlainTasks, TaskOptions
from compactrl.compressions.toeplitz import Toeplitz

COMPRESSIONS: dict[str, type[Compression]] = {
    kind.name: kind
    for kind in (
        Dense, Unstructured, Toeplitz, Circulant, Chromatic, Masked, Latent, Shared, Transferred, Plain, Hypernet,
        HypernetTasks, PlainTasks, ContextTasks, HyperTasks, InferredContext, InferredHyper,
    )
}  # fmt: skip

__all__ = [
    "COMPRESSIONS",
    "Chromatic",
    "ChromaticOptions",
    "Circulant",
    "Compression",
    "ContextTasks",
    "Dense",
    "Frozen",
    "Gather",
    "HyperTaskOptions",
    "HyperTasks",
    "Hypernet",
    "HypernetOptions",
    "HypernetTaskOptions",
    "HypernetTasks",
    "InferredContext",
    "InferredHyper",
    "InferredHyperOptions",
    "InferredOptions",
    "Latent",
    "LatentOptions",
    "Masked",
    "MaskedOptions",
    "MultiTask",
    "MultiTaskOptions",
    "OfTasks",
    "Options",
    "PatternOptions",
    "Plain",
    "PlainTasks",
    "Shared",
    "SharedOptions",
    "TaskOptions",
    "Toeplitz",
    "Transferred",
    "Unstructured",
]
