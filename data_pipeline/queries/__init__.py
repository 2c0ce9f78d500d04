"""The only door pages, API, exports and the command line use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline.queries.door import Queries
    from data_pipeline.queries.output import rows_for_output

__all__ = ["Queries", "rows_for_output"]


def __getattr__(name: str) -> Any:
    # the store itself uses `queries.types`; importing the door here at once would run in a circle
    if name == "Queries":
        from data_pipeline.queries.door import Queries

        return Queries
    if name == "rows_for_output":
        from data_pipeline.queries.output import rows_for_output

        return rows_for_output
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
