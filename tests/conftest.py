"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
# Files that take minutes, begun first so that none is left for one process at the end. The first has the store of the run
# built (tests/built.py), of which the last five need a copy: by then it stands.
SLOW_FIRST = (
    "browser/test_screens.py", "browser/test_plan_in_browser.py", "browser/test_desk.py", "browser/test_overview_browser.py",
    "browser/test_reporting.py", "torture/test_kills.py", "browser/test_wall_browser.py", "coverage/test_run.py",
    "browser/test_phone_and_wall.py", "browser/test_drill.py", "soak/test_soak.py", "aggregate/test_compose.py",
    "browser/test_sixth_city.py", "network/test_no_connection.py", "browser/test_live_refresh.py", "network/test_upload.py",
    "simulate/test_sim_build.py", "real/test_air_beijing_four_years.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first; the others stay in their order (`--no-loadscope-reorder`: xdist would count tests, not minutes)."""
    here = Path(__file__).parent
    place = {here / name: n for n, name in enumerate(SLOW_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data sets; tests that need it are skipped where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets (../shared/data) are not on this machine")
    return folder
