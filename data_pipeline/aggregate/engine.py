"""Engines: composed SQL in, a table of readings out. Nothing else is asked of one."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from data_pipeline.aggregate.compose import Composed
from data_pipeline.cities import Pack
from data_pipeline.store.lake import Lake


class Engine(Protocol):
    """Runs composed SQL over the tables of the store."""

    def run(self, composed: Composed, areas: pl.DataFrame) -> pl.DataFrame:
        """The rows `compose` describes.

        `areas` (area_id, population, area_km2) is the relation of that name; `counts_in` is the engine's to make.
        """
        ...


class DuckEngine:
    """The default engine: in this process, over an open `Lake`, inside its transaction if there is one.

    `counts_in` is read at the first statement: an engine lives as long as one refresh or one answer.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._counts_in: pl.DataFrame | None = None

    def run(self, composed: Composed, areas: pl.DataFrame) -> pl.DataFrame:
        """Answer of the composed statement as a Polars frame; empty where there are no records."""
        if self._counts_in is None:
            self._counts_in = counts_in(self.lake)
        with self.lake.shown("areas", areas), self.lake.shown("counts_in", self._counts_in):
            return self.lake.frame(composed.sql, composed.params)


def counts_in(lake: Lake) -> pl.DataFrame:
    """The relation `counts_in`: locality_id, area_id."""
    return lake.frame("SELECT locality_id, area_id FROM localities")


def areas_of(pack: Pack) -> pl.DataFrame:
    """The relation `areas` of a city: area_id, population (null where unknown), area_km2."""
    areas = list(pack.areas.values())
    return pl.DataFrame(
        {
            "area_id": [a.id for a in areas],
            "population": [a.population for a in areas],
            "area_km2": [a.area_km2 for a in areas],
        },
        schema={"area_id": pl.String, "population": pl.Int64, "area_km2": pl.Float64},
    )
