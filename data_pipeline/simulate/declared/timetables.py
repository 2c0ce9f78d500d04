"""Lines that run to a timetable: planned and driven times of trips and of calls at stops, as their TOML declares them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from data_pipeline.contracts import contract, duration
from data_pipeline.holidays import WORKDAY
from data_pipeline.simulate.clock import datetimes
from data_pipeline.simulate.declared import Timetable
from data_pipeline.simulate.declared.stops import lines_with_stops
from data_pipeline.simulate.rng import normal, uniform
from data_pipeline.simulate.traffic import demand
from data_pipeline.simulate.world import World

HOUR, SLOT_S = 3600, 600
EARLIEST_S = -90.0  # a driver waits rather than leave earlier than this
TURN_S = 20.0  # vehicles of one line do not leave a stop closer together


@dataclass(frozen=True)
class Service:
    """One line and direction on one day: `plan` and `drive` are (trips, stops) in UTC seconds; `runs` and `told` say what happened and is known."""

    line: int
    direction: int
    stops: np.ndarray
    km: float
    plan: np.ndarray
    drive: np.ndarray
    runs: np.ndarray
    told: np.ndarray


class TimetableLines:
    """The lines of one declared timetable; every time is a function of line, day and trip."""

    def __init__(self, world: World, declared: Timetable) -> None:
        self.world, self.declared = world, declared
        self.delay_s = int(duration(declared.delay).total_seconds())
        self._day = lru_cache(maxsize=16)(self._of_day)

    @cached_property
    def lines(self) -> list:
        """The lines with their stops."""
        return lines_with_stops(self.world.sites, self.declared)

    @cached_property
    def ids(self) -> np.ndarray:
        """Ids of the register of stops."""
        return self.world.sites[self.declared.stops_dataset].ids

    def departures_s(self, day: int) -> np.ndarray:
        """Planned departures of a line on a local day, UTC seconds."""
        midnight = self.world.midnight_s(day)
        longer = 1.0 if int(self.world.clock(np.array([midnight + 12 * HOUR])).kind[0]) == WORKDAY else self.declared.day_off
        found: list[float] = []
        for begin, end, minutes in self.declared.headways:
            at = max(begin * 60, found[-1] + round(minutes * longer) if found else 0.0)
            while at < end * 60:
                found.append(at)
                at += round(minutes * longer)
        return midnight + (np.array(found) * 60).astype(np.int64)

    def _of_day(self, day: int) -> tuple[Service, ...]:
        base, slower = self.departures_s(day), self._slower(day)
        return tuple(self._service(n, d, day, base, slower) for n in range(len(self.lines)) for d in (0, 1))

    def _slower(self, day: int) -> np.ndarray:
        """Share by which a leg to each stop takes longer than planned, (stops, slots of the day and three hours more)."""
        declared, world, sites = self.declared, self.world, self.world.sites[self.declared.stops_dataset]
        t = world.midnight_s(day) + np.arange(27 * HOUR // SLOT_S) * SLOT_S
        clock = world.clock(t)
        town, country = demand(clock)
        urban = np.clip(sites.urban, 0, 1)[:, None]
        full = urban * town[None, :] + (1 - urban) * country[None, :]
        wet = declared.rain * np.sqrt(np.minimum(world.weather.at(clock).rain_mm_h, 25.0))
        hurt = np.maximum(0.0, world.effect("traffic", sites.x_km[:, None], sites.y_km[:, None], t[None, :]))
        return declared.jam * full**1.5 + wet[None, :] + 0.3 * hurt - declared.slack

    def _service(self, n: int, direction: int, day: int, base: np.ndarray, slower: np.ndarray) -> Service:
        declared, world, line = self.declared, self.world, self.lines[n]
        stops, legs = (line.stops[::-1], line.legs_km[::-1]) if direction else (line.stops, line.legs_km)
        key, no = world.key(declared.calls_dataset, "drive"), n * 2 + direction
        leg_s = np.maximum(np.rint(legs / declared.pace_kmh * 60), 1) * 60  # timetables are in whole minutes
        # lines of a city do not all leave on the same minute
        begin = base + 60 * (no % 5)
        plan = begin[:, None] + np.concatenate([[0], np.cumsum(leg_s)]).astype(np.int64)[None, :]
        trip = np.arange(begin.size)
        slot = np.clip((plan - world.midnight_s(day)) // SLOT_S, 0, slower.shape[1] - 1)
        late = np.empty(plan.shape)
        late[:, 0] = declared.start_s * np.abs(normal(key, no, day, trip, 0)) - declared.start_s * 0.3
        for j in range(1, plan.shape[1]):
            longer = slower[stops[j], slot[:, j]] + declared.spread * normal(key, no, day, trip, j)
            late[:, j] = np.maximum(late[:, j - 1] + leg_s[j - 1] * longer, EARLIEST_S)
        drive = plan + np.rint(late).astype(np.int64)
        # nobody overtakes: who catches up with the vehicle before stays behind it
        drive = np.maximum.accumulate(drive - trip[:, None] * int(TURN_S), axis=0) + trip[:, None] * int(TURN_S)
        runs = uniform(key, no, day, trip, 91) >= declared.cancelled
        told = runs[:, None] & (uniform(key, no, day, trip[:, None], 92 + np.arange(plan.shape[1])[None, :]) >= declared.lost)
        return Service(n, direction, stops, float(legs.sum()), plan, drive, runs, told)

    # ------------------------------------------------------------------ deliveries

    def _whole_hour(self, second: int) -> int:
        return (second - self.delay_s) // HOUR * HOUR

    @property
    def lead_s(self) -> int:
        """How long after its hour the first row is due, less a second."""
        return self.delay_s - 1

    def _services(self, after_s: int, until_s: int) -> list[tuple[int, Service]]:
        """(local day, service) of every day that touches the hours."""
        if until_s <= after_s or not self.lines:
            return []
        days = range(self.world.local_ordinal(after_s) - 1, self.world.local_ordinal(until_s) + 1)
        return [(day, service) for day in days for service in self._day(day)]

    def due_times(self, after_s: int, until_s: int) -> np.ndarray:
        """Seconds in (after, until] at which an hour with calls is handed over."""
        low, high = self._whole_hour(after_s), self._whole_hour(until_s)
        moments = [s.drive.ravel() for _, s in self._services(low, high)]
        if not moments:
            return np.empty(0, dtype=np.int64)
        every = np.concatenate(moments)
        return np.unique(-(-every[(every > low) & (every <= high)] // HOUR) * HOUR) + self.delay_s

    def calls(self, after_s: int, until_s: int, floor_s: int) -> pl.DataFrame:
        """Calls at stops in the hours handed over in (after, until]; rows of the contract."""
        low, high = max(self._whole_hour(after_s), floor_s), self._whole_hour(until_s)
        schema = {name: kind for name, kind in contract(self.declared.calls_dataset).polars_schema().items() if name not in ("expected_at", "area_id")}
        parts = []
        for day, s in self._services(low, high):
            head = _headways(s.plan, np.ones(s.plan.shape, dtype=bool))
            gaps = _headways(s.drive, np.broadcast_to(s.runs[:, None], s.plan.shape))
            # a gap is known where the vehicle and the one before it were both seen
            seen = np.broadcast_to(_both_told(s), s.plan.shape)
            trip, stop = np.nonzero((s.drive > low) & (s.drive <= high) & s.runs[:, None])
            told = s.told[trip, stop]
            names = self._trip_ids(s)
            parts.append(pl.DataFrame({
                "trip_id": names[trip], "service_on": [date.fromordinal(day)] * trip.size, "stop_sequence": stop + 1, "site_id": self.ids[s.stops[stop]],
                **self._line(s, trip.size), "scheduled_at": datetimes(s.plan[trip, stop]),
                "actual_at": _where(told, datetimes(s.drive[trip, stop])),
                "scheduled_headway_s": _where(head[trip, stop] >= 0, head[trip, stop]),
                "actual_headway_s": _where((gaps[trip, stop] >= 0) & seen[trip, stop], gaps[trip, stop]),
            }, strict=False))  # fmt: skip
        found = [p.select(pl.col(name).cast(kind) for name, kind in schema.items()) for p in parts if p.height]
        return pl.concat(found) if found else pl.DataFrame(schema=schema)

    def trips(self, after_s: int, until_s: int, floor_s: int) -> pl.DataFrame:
        """Trips that ended (or would have) in the hours handed over in (after, until]; rows of the contract."""
        low, high = max(self._whole_hour(after_s), floor_s), self._whole_hour(until_s)
        schema = {name: kind for name, kind in contract(self.declared.trips_dataset).polars_schema().items() if name != "area_id"}
        parts = []
        for day, s in self._services(low, high):
            trip = np.flatnonzero((s.drive[:, -1] > low) & (s.drive[:, -1] <= high))
            parts.append(pl.DataFrame({
                "trip_id": self._trip_ids(s)[trip], "service_on": [date.fromordinal(day)] * trip.size,
                "day_at": datetimes(np.full(trip.size, self.world.midnight_s(day))), **self._line(s, trip.size),
                "site_id": np.full(trip.size, self.ids[s.stops[0]], dtype=object), "departs_at": datetimes(s.plan[trip, 0]),
                "arrives_at": datetimes(s.plan[trip, -1]), "stops_n": np.full(trip.size, s.stops.size),
                "distance_km": np.full(trip.size, round(s.km, 3)), "ran": s.runs[trip],
            }, strict=False))  # fmt: skip
        found = [p.select(pl.col(name).cast(kind) for name, kind in schema.items()) for p in parts if p.height]
        return pl.concat(found) if found else pl.DataFrame(schema=schema)

    def _line(self, s: Service, n: int) -> dict[str, object]:
        return {
            "line_id": [f"L{s.line + 1:02d}"] * n, "line_name": [f"{s.line + 1}路"] * n, "direction": [str(s.direction)] * n,
            "mode": [self.declared.mode] * n,
        }  # fmt: skip

    def _trip_ids(self, s: Service) -> np.ndarray:
        return np.array([f"L{s.line + 1:02d}-{s.direction}-{k + 1:03d}" for k in range(s.plan.shape[0])], dtype=object)


def _headways(at: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Seconds since the running vehicle before, (trips, stops); -1 for the first of the day and for who does not run."""
    out = np.full(at.shape, -1, dtype=np.int64)
    rows = np.flatnonzero(runs.all(axis=1))
    out[rows[1:]] = at[rows[1:]] - at[rows[:-1]]
    return out


def _both_told(s: Service) -> np.ndarray:
    """Whether the times of a call and of the call before it are known."""
    out = np.zeros(s.told.shape, dtype=bool)
    rows = np.flatnonzero(s.runs)
    out[rows[1:]] = s.told[rows[1:]] & s.told[rows[:-1]]
    return out


def _where(known: np.ndarray, values: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series()
