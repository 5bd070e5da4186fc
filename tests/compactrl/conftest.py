"""Networks in tests are small: torch on one thread. And real runs of every kind of policy, searched once a session."""

import pytest
from exporting import KINDS, TARGET, TINY, grow

from compactrl.runs.run import Run
from compactrl.searches import api


@pytest.fixture(autouse=True)
def _one_torch_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Kind → run, searched when first asked for."""
    place, made = tmp_path_factory.mktemp("runs"), {}

    def of(kind):
        if kind not in made:
            options = {"method": "chromatic", **TARGET, **TINY, **KINDS[kind]}
            made[kind] = api.search(out=place / kind.replace(" ", "-").replace(",", ""), **options).path
            grow(Run(made[kind]))
        return Run(made[kind])

    return of
