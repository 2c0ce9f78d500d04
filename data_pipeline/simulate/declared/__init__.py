"""Suppliers declared as text: one TOML a dataset says who reports, how often, and how each column behaves.

`statements.py` makes periodic statements of sites or areas, `cases.py` tickets and alarms with their
steps, `facilities.py` registers, `timetables.py` lines that run to a timetable with their `stops.py`. What needs the physics of several sites together (traffic, weather,
the grid) is written as code beside this folder. The models here are strict: an unknown key is
refused with "did you mean".
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from data_pipeline.contracts import contract, duration
from data_pipeline.declare import Declared, read_toml, validate

FOLDER = Path(__file__).parent
Model = TypeVar("Model", bound=Declared)
Endings = Literal["csv", "xlsx", "json", "ndjson", "parquet", "geojson"]


class Rhythm(Declared):
    """How a rate moves in time: factors about 1, multiplied.

    `week`: Monday to Sunday. `hours`: daily peaks (centre hour, width in hours, height), for hourly
    returns and for the time of day of cases. `season`: amplitude with its top in `peak_month`.
    `growth` a year, 1 in mid-2026. `rain` for each mm of the day, `heat` for each °C above 30,
    `cold` for each °C below 5. `incident`: a domain of `world.EFFECTS` that pushes the rate.
    `mood`: slow noise common to the city.
    """

    week: tuple[float, float, float, float, float, float, float] | None = None
    hours: tuple[tuple[float, float, float], ...] = ()
    holiday: float = 1.0
    spring_festival: float = 1.0
    season: float = Field(default=0.0, ge=0, lt=1)
    peak_month: float = Field(default=1.0, ge=1, lt=13)
    growth: float = 0.0
    rain: float = 0.0
    heat: float = 0.0
    cold: float = 0.0
    incident: str = ""
    mood: float = Field(default=0.04, ge=0)


class Quantity(Rhythm):
    """One column of a return. Exactly one of the following says where its level comes from.

    `per_10k`: for each 10,000 residents (of the area; of the site's part of the city).
    `base`: for each site or area. `per`: so much for each unit of a site's attribute or an earlier
    column (`per_unit`). `of`: a share of an earlier column or attribute (`share`, which moves on the
    logit scale: `trend` a year, `spread` from unit to unit, `noise` from period to period).
    `copy_of`: the value of an attribute as it is. `word`: one of these texts, the same for a unit.
    `running`: the level is reached along an S-curve from `start` to `base` (or `per_10k`) over the years
    given (a stock that grows).
    """

    per_10k: float | None = None
    base: float | None = None
    per: str = ""
    per_unit: float = 1.0
    of: str = ""
    share: float | None = Field(default=None, gt=0, lt=1)
    trend: float = 0.0
    copy_of: str = ""
    word: tuple[str, ...] = ()
    running: tuple[date, date] | None = None
    start: float = 0.0
    spread: float = Field(default=0.15, ge=0)
    noise: float = Field(default=0.06, ge=0)
    whole: bool = True
    decimals: int = Field(default=2, ge=0, le=6)
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _one_level(self) -> Quantity:
        given = [self.per_10k is not None, self.base is not None, bool(self.per), bool(self.of), bool(self.copy_of), bool(self.word)]
        if sum(given) != 1:
            raise ValueError("exactly one of per_10k, base, per, of, copy_of, word")
        if bool(self.of) != (self.share is not None):
            raise ValueError("of and share go together")
        return self


class File(Declared):
    """How the supplier's file looks: its mapping decides headers, times and words (it is read backwards)."""

    ending: Endings = "csv"
    mapping: str = ""
    every: Literal["day", "week", "month"] = "month"


class Dirt(Declared):
    """Bad rows a contract must catch: `repeated` twice in a file, `column` set to `value` in `share` of the rows."""

    repeated: float = Field(default=0.001, ge=0, le=0.05)
    column: str = ""
    value: float | str | None = None
    share: float = Field(default=0.0004, ge=0, le=0.05)


class Each(Declared):
    """Who reports: the sites of a register (of these kinds), the areas of a level, or the points of a grid.

    `level = "district"` means the children of the city: townships where a city has no districts.
    """

    register_dataset: str = Field(default="", alias="register")
    kinds: tuple[str, ...] = ()
    kind_column: str = "facility_kind"
    level: Literal["", "city", "district", "township"] = ""
    grid_km: float = Field(default=0.0, ge=0, le=50)
    categories: tuple[str, ...] = ()
    category_column: str = ""

    @model_validator(mode="after")
    def _either(self) -> Each:
        if [bool(self.register_dataset), bool(self.level), bool(self.grid_km)].count(True) != 1:
            raise ValueError("exactly one of register, level and grid_km")
        if bool(self.categories) != bool(self.category_column):
            raise ValueError("categories and category_column go together")
        return self


class Returns(Declared):
    """Periodic statements: one row for each unit and period. `archived`: handed over for the years before the history too."""

    dataset: str
    each: Each
    cadence: Literal["hour", "day", "month"]
    delay: str = "2h"
    late_share: float = Field(default=0.004, ge=0, le=0.2)
    late_by: str = "2d"
    file: File = File()
    dirt: Dirt = Dirt()
    archived: bool = True
    columns: dict[str, Quantity]

    @model_validator(mode="after")
    def _of_the_contract(self) -> Returns:
        declared = contract(self.dataset)
        unknown = [name for name in self.columns if name not in declared.columns]
        if unknown:
            raise ValueError(f"{self.dataset} has no column {', '.join(unknown)}")
        duration(self.delay), duration(self.late_by)
        return self


class Step(Declared):
    """A step of a case's life: a timestamp column some time after another one.

    Log-normal with `median_min` minutes and `sigma`; `chance` that it happens at all; `faster` a year;
    `rain` and `night` lengthen it (share for each mm of the day; share between 23 and 6 o'clock).
    """

    after: str
    median_min: float = Field(gt=0)
    sigma: float = Field(default=0.6, ge=0)
    longest_min: float = Field(default=40 * 1440.0, gt=0)
    chance: float = Field(default=1.0, gt=0, le=1)
    faster: float = 0.0
    rain: float = 0.0
    night: float = 0.0


class Chance(Declared):
    """A yes-or-no column, known once `known_at` (a step; empty: from the start) has come."""

    share: float = Field(gt=0, lt=1)
    trend: float = 0.0
    known_at: str = ""


class Choice(Declared):
    """A column with one of several words, by weight, known once `known_at` has come.

    `months`: a word that only comes in these months (no heat warning in January).
    """

    weights: dict[str, float]
    months: dict[str, tuple[int, ...]] = {}
    known_at: str = ""


class Number(Declared):
    """A number column: log-normal about `median`, known once `known_at` has come."""

    median: float = Field(gt=0)
    sigma: float = Field(default=0.5, ge=0)
    whole: bool = True
    decimals: int = Field(default=2, ge=0, le=6)
    low: float | None = None
    high: float | None = None
    known_at: str = ""


class Cases(Declared):
    """Tickets, alarms, calls: each with an id, a place, a beginning and steps.

    `per_day`: for a city of Ezhou's size. `states`: state once a step has come, in the order of
    the life; `first_state` before any. `deadlines`: columns that say from the start by when. `place`: `area` gives district and township codes, `point`
    coordinates too, `site` a site of `register`.
    """

    dataset: str
    prefix: str
    id_column: str
    created: str
    updated: str = ""
    per_day: float = Field(gt=0)
    rhythm: Rhythm = Rhythm()
    delay: str = "5min"
    file: File = File()
    dirt: Dirt = Dirt()
    place: Literal["area", "point", "site"] = "area"
    register_dataset: str = Field(default="", alias="register")
    kinds: tuple[str, ...] = ()
    kind_column: str = "facility_kind"
    steps: dict[str, Step] = {}
    deadlines: dict[str, str] = {}
    status_column: str = "status"
    first_state: str = "open"
    states: dict[str, str] = {}
    chances: dict[str, Chance] = {}
    choices: dict[str, Choice] = {}
    numbers: dict[str, Number] = {}
    offices: dict[str, str] = {}

    @model_validator(mode="after")
    def _of_the_contract(self) -> Cases:
        declared = contract(self.dataset)
        for text in (self.delay, *self.deadlines.values()):
            duration(text)
        names = [self.id_column, self.created, *self.steps, *self.deadlines, *self.chances, *self.choices, *self.numbers, *self.offices]
        problems = [f"{self.dataset} has no column {name!r}" for name in names if name not in declared.columns]
        known = {self.created}
        for name, step in self.steps.items():
            if step.after not in known:
                problems.append(f"step {name!r} comes after {step.after!r}, which is no earlier step")
            known.add(name)
        moments = {n: p.known_at for parts in (self.chances, self.choices, self.numbers) for n, p in parts.items()}
        problems += [f"{name!r} is known at {at!r}, which is no step" for name, at in moments.items() if at and at not in known]
        problems += [f"state {state!r} belongs to no step" for state in self.states if state not in self.steps]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Timetable(Declared):
    """Lines that run to a timetable on the derived roads: stops, trips and calls at stops.

    `lines`: for a city of Ezhou's size; `timing_points`: stops of a line whose times are kept; `length_km`: of a line, at
    most. `headways`: (from hour, to hour, minutes), in the order of the day; on days off times
    `day_off`. `pace_kmh`: planned speed. A leg takes as much longer as the roads are full (`jam`, of its planned
    time in the full rush; `rain` for the root of each mm/h), less `slack`, and varies by `spread` of its planned time;
    `start_s` is how unpunctual trips begin. Shares of trips `cancelled` and of calls whose time is `lost`.
    """

    stops_dataset: str
    trips_dataset: str
    calls_dataset: str
    mode: Literal["bus", "tram", "metro", "rail", "ferry"]
    lines: int = Field(gt=0)
    timing_points: int = Field(ge=2, le=12)
    length_km: float = Field(gt=0, le=200)
    headways: tuple[tuple[float, float, float], ...] = Field(min_length=1)
    day_off: float = Field(default=1.0, gt=0)
    pace_kmh: float = Field(gt=0)
    jam: float = Field(default=0.0, ge=0)
    rain: float = Field(default=0.0, ge=0)
    slack: float = Field(default=0.0, ge=0, lt=1)
    spread: float = Field(default=0.1, ge=0)
    start_s: float = Field(default=30.0, ge=0)
    cancelled: float = Field(default=0.0, ge=0, lt=1)
    lost: float = Field(default=0.0, ge=0, lt=1)
    delay: str = "5min"
    file: File = File()

    @model_validator(mode="after")
    def _of_the_contracts(self) -> Timetable:
        for dataset in (self.stops_dataset, self.trips_dataset, self.calls_dataset):
            contract(dataset)
        duration(self.delay)
        hours = [hour for begin, end, _ in self.headways for hour in (begin, end)]
        if hours != sorted(hours) or any(minutes <= 0 for *_, minutes in self.headways):
            raise ValueError("headways must follow each other through the day, each of some minutes")
        return self


class FacilityKind(Declared):
    """One kind of facility: how many, where, how large.

    `per_100k` residents, at least `minimum`; `each = "district"` gives every district at least one.
    `capacity`: smallest and largest (log-uniform). `joined`: share connected to the city's platform by
    the two days given (before the first: nobody). `words`: names (zh, en) to choose from.
    """

    kind: str
    words: tuple[tuple[str, str], ...]
    per_100k: float = Field(gt=0)
    minimum: int = Field(default=1, ge=0)
    urban_bias: float = 0.5
    compact: float = 0.8
    opened: tuple[date, date] = (date(1995, 1, 1), date(2023, 12, 31))
    growing: float = Field(default=0.0, ge=0, lt=1)
    capacity: tuple[float, float] | None = None
    joined_share: float = Field(default=0.0, ge=0, le=1)
    joined: tuple[date, date] = (date(2020, 6, 1), date(2027, 6, 30))
    office: str = ""


class Facilities(Declared):
    """The kinds of the register `facilities`."""

    kind: tuple[FacilityKind, ...]


@cache
def facility_kinds() -> tuple[FacilityKind, ...]:
    """Every kind in `facilities.toml`."""
    return validate(Facilities, read_toml(FOLDER / "facilities.toml"), "facilities.toml").kind


@cache
def all_returns() -> dict[str, Returns]:
    """Every declared periodic return, by dataset."""
    return {found.dataset: found for found in _read("returns", Returns)}


@cache
def all_cases() -> dict[str, Cases]:
    """Every declared kind of case, by dataset."""
    return {found.dataset: found for found in _read("cases", Cases)}


@cache
def all_timetables() -> tuple[Timetable, ...]:
    """Every declared timetable."""
    return tuple(_read("timetables", Timetable))


def _read(folder: str, model: type[Model]) -> list[Model]:
    return [validate(model, read_toml(path), f"{folder}/{path.name}") for path in sorted((FOLDER / folder).glob("*.toml"))]
