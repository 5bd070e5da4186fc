"""Critics value actions: Q(observation, action, what is told of the policy). They are in `CRITICS` by name.

Each row is a network's form; whatever the form, twins of it learn, follow and are saved alike (`base.py`), and serve
every off-policy learner. A form is imported when it is used, and torch with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from compactrl.learners.critics.base import Form
    from compactrl.learners.critics.inputs import Inputs


class CriticKind(NamedTuple):
    """A critic: what it is, its place, and which options it has."""

    summary: str
    place: str
    """`module:class` in this package."""
    generated: bool = False
    """Whether a primary network writes its weights, which may begin in more than one way (`--critic-init`)."""
    sized: bool = True
    """Whether its widths follow from `--critic-size`; else they are `--critic-hidden`."""

    def form(self, inputs: Inputs, options: Any) -> Form:
        """Return the form for these inputs, with a learner's options."""
        module, name = self.place.split(":")
        made: Form = getattr(import_module(f"{__name__}.{module}"), name).of(inputs, options)
        return made


CRITICS: dict[str, CriticKind] = {
    "mlp": CriticKind("a plain network, --critic-hidden", "mlp:Mlp", sized=False),
    "mlp-small": CriticKind("one hidden layer of 256", "mlp:SmallMlp"),
    "mlp-large": CriticKind("two hidden layers of 2900, as many parameters as sa-hyper", "mlp:LargeMlp"),
    "d2rl": CriticKind(
        "four hidden layers of 256, each of which sees the input again (Sinha et al. 2020)", "d2rl:D2rl"
    ),
    "resnet-features": CriticKind(
        "10 features of the state by a residual network, and a small one of these and the action",
        "residual:ResnetFeatures",
    ),
    "res35": CriticKind("35 residual blocks", "residual:Res35"),
    "sa-hyper": CriticKind(
        "the state decides the weights of a network of the action (Keynan et al. 2021)", "hyper:SaHyper", generated=True
    ),
    "as-hyper": CriticKind("the action decides the weights of a network of the state", "hyper:AsHyper", generated=True),
    "embedding-hyper": CriticKind(
        "a learned vector decides the weights of a network of both", "hyper:EmbeddingHyper", generated=True
    ),
}
"""All but the first are those of Keynan, Sarafian & Kraus, "Recomposing the reinforcement learning building blocks with
hypernetworks" (2021), and their baselines."""
