"""Forms of critics, by the options that they read."""

from typing import NamedTuple

from compactrl.learners.critics import CRITICS
from compactrl.learners.critics.inputs import Inputs

SMALL = Inputs(5, 3, 2)


class Given(NamedTuple):
    """The options of a learner that critics read."""

    critic_hidden: tuple[int, ...] = (256, 256)
    critic_size: str = "paper"
    critic_init: str = "paper"


def form_of(name, inputs=SMALL, **options):
    return CRITICS[name].form(inputs, Given(**options))
