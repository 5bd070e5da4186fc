"""Small real runs of every kind of policy, searched once a session, with weights as large as trained ones."""

import pytest
from exporting import KINDS, TARGET, TINY, grow

from compactrl import api
from compactrl.runs import Run


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
