"""The simulated Ezhou the tests look at, made once."""

from __future__ import annotations

import pytest

from data_pipeline.cities import built_in_packs
from data_pipeline.simulate import Simulator


@pytest.fixture(scope="session")
def ezhou() -> Simulator:
    return Simulator(built_in_packs()["420700"], seed=7)
