"""Homes with and without accounts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_pipeline.access import add_account
from data_pipeline.home import Home
from tests.access.visits import ADMIN, GOOD


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="session")
def access_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("accounts"))
    add_account(home, "wang", "report", GOOD, department="市发展和改革委员会")
    add_account(home, "li", "admin", ADMIN)
    return home.access


@pytest.fixture
def protected(home: Home, access_file: Path) -> Home:
    shutil.copy2(access_file, home.access)
    return home
