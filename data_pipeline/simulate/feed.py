"""A feed: what one supplier's system reports of its sites, slot by slot, and when each report is due."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import polars as pl

from data_pipeline.contracts import contract
from data_pipeline.simulate.clock import Clock, datetimes
from data_pipeline.simulate.rng import uniform
from data_pipeline.simulate.sites import Sites
from data_pipeline.simulate.world import World

LATE_BLOCK_S = 6 * 3600  # a gateway that loses its line loses it for some hours


@dataclass(frozen=True)
class Dirt:
    """Shares of rows that break the contract, by kind.

    `repeated`: the same row twice in a file. `unknown_site`: a site no register knows. `old_clock`: a
    device whose clock fell back to 2000. `impossible`: a value outside the contract's range, in place
    of the good one (so it is kept rarest: that report is missing from the figures).
    """

    repeated: float = 0.0012
    unknown_site: float = 0.0008
    old_clock: float = 0.0005
    impossible: float = 0.0004


class Feed(ABC):
    """One dataset of observations of registered sites at regular slots.

    A report of slot [t, t + cadence) is due at its end plus `delay_s`. A small share of site-blocks
    is late by `late_s`. Every value is a function of site and slot alone.
    """

    dataset: str
    register: str
    time_column = "start_at"
    cadence_s: int
    delay_s: int
    late_s: int = 5 * 3600
    late_share = 0.0015
    dirt = Dirt()

    def __init__(self, world: World) -> None:
        self.world = world
        self.contract = contract(self.dataset)

    @property
    def sites(self) -> Sites:
        """The sites that report."""
        return self.world.sites[self.register]

    def key(self, *parts: object) -> int:
        """Random key for a purpose within this feed."""
        return self.world.key(self.dataset, *parts)

    @abstractmethod
    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        """Columns of the contract, without key and place.

        Parameters
        ----------
        i : array of int
            Positions in `sites`, of shape (n, 1) for a grid or flat.
        clock : Clock
            Slot starts, of shape (1, m) for a grid or flat.
        """

    @abstractmethod
    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        """`frame` with impossible values where `pick` is true."""

    def slots(self, after_s: int, until_s: int, shift_s: int = 0) -> np.ndarray:
        """Starts of the slots whose reports, `shift_s` late, are due in (after, until]."""
        wait = self.cadence_s + self.delay_s + shift_s
        first = (after_s - wait) // self.cadence_s + 1
        last = (until_s - wait) // self.cadence_s
        return np.arange(first, last + 1, dtype=np.int64) * self.cadence_s

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds at which reports are due in (after, until]."""
        return self.slots(after_s, until_s) + self.cadence_s + self.delay_s

    @property
    def wait_s(self) -> int:
        """From the start of a slot to the moment its report is due."""
        return self.cadence_s + self.delay_s

    def batch(self, after_s: int, until_s: int, floor_s: int = 0) -> pl.DataFrame:
        """Rows delivered in (after, until]: the slots due, late ones of before, and some dirt.

        Slots before `floor_s` are left out. Columns as in the contract, ordered by time, then
        site; empty where nothing is due.
        """
        due, late = self.slots(after_s, until_s), self.slots(after_s, until_s, self.late_s)
        parts = [self._grid(due[due >= floor_s]), self._late_rows(late[late >= floor_s])]
        frame = pl.concat([p for p in parts if p.height] or parts[:1])
        return self._dirty(frame) if frame.height else frame.drop("_pick")

    def empty(self) -> pl.DataFrame:
        """A table of the contract's columns without rows."""
        return pl.DataFrame(schema=self._schema())

    def _schema(self) -> dict:
        names = ["site_id", self.time_column, *self.columns()]
        return {k: v for k, v in self.contract.polars_schema().items() if k in names} | {"_pick": pl.Float64()}

    def columns(self) -> list[str]:
        """Names of the value columns."""
        at = self.world.clock(np.zeros((1, 1), dtype=np.int64))
        return list(self.values(np.zeros((1, 1), dtype=int), at))

    def active(self, clock: Clock, i: np.ndarray) -> np.ndarray:
        """True where a site is in service on the local day."""
        return (self.sites.opened[i] <= clock.day) & (self.sites.closed[i] > clock.day)

    def _is_late(self, i: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        return uniform(self.key("late"), i, t_s // LATE_BLOCK_S) < self.late_share

    def _grid(self, t_s: np.ndarray) -> pl.DataFrame:
        n = len(self.sites)
        if t_s.size == 0 or n == 0:
            return self.empty()
        i = np.arange(n)[:, None]
        clock = self.world.clock(t_s[None, :])
        blocks, of = np.unique(t_s // LATE_BLOCK_S, return_inverse=True)
        late = self._is_late(i, blocks[None, :] * LATE_BLOCK_S)[:, of]
        keep = (self.active(clock, i) & ~late).T.ravel()
        shape = (n, t_s.size)
        columns = {k: np.broadcast_to(v, shape).T.ravel()[keep] for k, v in self.values(i, clock).items()}
        site = np.broadcast_to(np.arange(n)[None, :], (t_s.size, n)).ravel()[keep]
        times = np.repeat(t_s, n)[keep]
        return self._frame(site, times, columns)

    def _late_rows(self, t_s: np.ndarray) -> pl.DataFrame:
        """Rows of late site-blocks among the slots `t_s`, whose delayed delivery is due."""
        n = len(self.sites)
        if t_s.size == 0 or n == 0:
            return self.empty()
        blocks = np.unique(t_s // LATE_BLOCK_S)
        site, block = np.nonzero(self._is_late(np.arange(n)[:, None], blocks[None, :] * LATE_BLOCK_S))
        if site.size == 0:
            return self.empty()
        per = LATE_BLOCK_S // self.cadence_s
        times = (blocks[block][:, None] * LATE_BLOCK_S + np.arange(per)[None, :] * self.cadence_s).ravel()
        site = np.repeat(site, per)
        inside = (times >= t_s[0]) & (times <= t_s[-1])
        site, times = site[inside], times[inside]
        if site.size == 0:
            return self.empty()
        clock = self.world.clock(times)
        keep = self.active(clock, site)
        columns = {k: np.broadcast_to(v, times.shape)[keep] for k, v in self.values(site, clock).items()}
        return self._frame(site[keep], times[keep], columns)

    def _frame(self, site: np.ndarray, t_s: np.ndarray, columns: dict[str, np.ndarray]) -> pl.DataFrame:
        ids = self.sites.frame["site_id"]
        data: dict[str, object] = {"site_id": ids.gather(site), self.time_column: datetimes(t_s), **columns}
        data["_pick"] = uniform(self.key("dirt"), site, t_s)
        schema = self._schema()
        frame = pl.DataFrame(data, nan_to_null=True)
        return frame.select(pl.col(k).cast(v) for k, v in schema.items())

    def _dirty(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add the declared shares of bad rows; which rows is a function of site and slot."""
        d, u = self.dirt, pl.col("_pick")
        edges = np.cumsum([d.repeated, d.unknown_site, d.old_clock, d.impossible]).tolist()
        repeated = frame.filter(u < edges[0])
        unknown = frame.filter((u >= edges[0]) & (u < edges[1])).with_columns(site_id=pl.col("site_id").str.replace(r"\d{5}$", "99999"))
        epoch = pl.lit(np.datetime64("2000-01-01T00:00:00", "us"))
        old = frame.filter((u >= edges[1]) & (u < edges[2])).with_columns(
            (epoch + (pl.col(self.time_column) - pl.col(self.time_column).dt.truncate("1d"))).cast(pl.Datetime("us")).alias(self.time_column)
        )
        spoiled = self.spoil(frame, (u >= edges[2]) & (u < edges[3]))
        return pl.concat([spoiled, repeated, unknown, old]).drop("_pick")

    def clean(self, t_s: np.ndarray) -> tuple[np.ndarray, Clock, dict[str, np.ndarray]]:
        """What the sites truly did at slots `t_s`: in-service mask, clock and values of shape (n, m)."""
        i = np.arange(len(self.sites))[:, None]
        clock = self.world.clock(t_s[None, :])
        shape = (len(self.sites), t_s.size)
        return self.active(clock, i), clock, {k: np.broadcast_to(v, shape) for k, v in self.values(i, clock).items()}
