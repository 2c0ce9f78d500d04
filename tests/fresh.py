"""A new store in an instant: a copy of an empty one, of which each test process makes a single one.

Making the hundred tables of a store takes a second; what making one is worth is tested in tests/store.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from data_pipeline.home import Home
from data_pipeline.store.lake import Lake


def new_store(home: Home, command: str | None = None, *, answers_inbox: bool = False) -> Lake:
    """`Lake.writer` of a home that may be without a store yet."""
    if not home.catalog.exists():
        home.root.mkdir(parents=True, exist_ok=True)
        for path in _empty().glob("catalog.sqlite*"):
            shutil.copy(path, home.root)
    return Lake.writer(home, command, answers_inbox=answers_inbox)


@cache
def _empty() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="city-brain-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Lake.writer(Home.of(folder)).close()
    return folder
