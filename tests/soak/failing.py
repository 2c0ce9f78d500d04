"""A stand-in store some of whose answers can be made to fail at will."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

from fake_store import FakeStore  # noqa: E402


class FailingStore(FakeStore):
    """`FakeStore` on today's clock; while `failing`, nobody can compare areas (maps and rankings cannot be built)."""

    failing = False

    def by_area(self, *args: Any, **kwargs: Any) -> Any:
        if self.failing:
            raise RuntimeError("planted: areas cannot be compared")
        return super().by_area(*args, **kwargs)


def store() -> FailingStore:
    """Three cities with data, now."""
    return FailingStore(now=datetime.now(UTC).replace(tzinfo=None), built=("420700", "511400", "500114"))
