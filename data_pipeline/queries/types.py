"""What a query answers: plain frozen values that components, pages and the API share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from data_pipeline.times import Grain

Status = Literal["ok", "stale", "partial", "missing", "suppressed"]
# SDMX code list CL_OBS_STATUS, as far as it is used here (standards 9.4)
ObsStatus = Literal["A", "B", "E", "L", "M", "O", "P", "Q", "U"]


@dataclass(frozen=True)
class Snapshot:
    """One committed state of the store. `at_utc` is the clock of the commit, naive UTC."""

    id: int
    at_utc: datetime


@dataclass(frozen=True)
class Reading:
    """Metric × area × period. `value` is None where there is none; shares are 0–1.

    `reported_n` / `expected_n` count reports due in the period; `children_reported` /
    `children_expected` count the areas below ("12/14 区县已报"), whose level is `children_level`; either pair may be None.
    `interval`: 95 % interval of a share of counted cases (Wilson), None where the figure declares none.
    `is_estimated`: modelled, placed by an approximate border, or resting on too short a history;
    `is_unreliable`: fewer reports than the figure's gate; `is_break`: the definition changed in this period; `is_due`: the
    period has begun and a source that is not off should report it; `is_being_built`: there is no figure of the metric yet
    because the city's history is still being delivered.
    """

    city: str
    metric: str
    area: str
    grain: Grain
    period_start_utc: datetime
    period_end_utc: datetime
    numerator: float | None
    denominator: float | None
    value: float | None
    n: int
    reported_n: int | None
    expected_n: int | None
    children_reported: int | None
    children_expected: int | None
    status: Status
    simulated_share: float | None
    data_as_of_utc: datetime | None
    known_from_utc: datetime | None
    late_s: int | None = None
    is_open: bool = False
    place_approximate: bool = False
    interval: tuple[float, float] | None = None
    is_estimated: bool = False
    is_unreliable: bool = False
    is_break: bool = False
    is_due: bool = False
    is_being_built: bool = False
    children_level: str = ""

    @property
    def obs_status(self) -> ObsStatus:
        """SDMX observation status, one code: what is missing before what is doubtful before what is normal.

        Q suppressed; M missing, cannot exist (records, but nothing to divide by); L missing, a source
        should have reported; O missing, else; B time-series break; U low reliability (completeness below
        the gate); P provisional (the period is open, or reports are late or lacking); E estimated; A normal.
        """
        if self.status == "suppressed":
            return "Q"
        if self.value is None:
            return "M" if self.n > 0 else "L" if self.is_due else "O"
        if self.is_break:
            return "B"
        if self.is_unreliable:
            return "U"
        if self.is_open or self.status in ("partial", "stale"):
            return "P"
        return "E" if self.is_estimated else "A"

    @property
    def completeness(self) -> float | None:
        """Reports received of reports due, 0–1; None where nothing says how many are due."""
        if not self.expected_n or self.reported_n is None:
            return None
        return min(self.reported_n / self.expected_n, 1.0)

    @property
    def is_simulated(self) -> bool:
        """True where any record behind the figure is simulated."""
        return bool(self.simulated_share)


@dataclass(frozen=True)
class Change:
    """The same figure in an earlier period (环比: the period before, 同比: a year before).

    `relative` is (now - before) / |before|, None where `before` is 0 or absent; `points` is the
    plain difference, the right measure for shares (percentage points).
    """

    before: float | None
    relative: float | None
    points: float | None
    period_start_utc: datetime


@dataclass(frozen=True)
class Band:
    """Usual range of a figure at this hour and kind of day: robust P10, median, P90 of past periods."""

    low: float
    mid: float
    high: float
    n: int


@dataclass(frozen=True)
class Card:
    """Everything one headline figure needs, fetched in one call.

    `trend_bands`: the usual range of each point of the trend, None where there is none; empty where
    the figure itself has none. `deciders`: figures that reach this one, where it is the largest of several
    (`Metric.decided_by`), all of them at a tie.
    """

    reading: Reading
    previous: Change | None
    year_ago: Change | None
    band: Band | None
    trend: tuple[tuple[datetime, float | None], ...]
    trend_grain: Grain = "hour"
    trend_bands: tuple[Band | None, ...] = ()
    deciders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One source of a city and how old its data are.

    `state`: real, simulated or off. `status`: `ok`, `late`, `never` or `off`. `late_s`: seconds past due.
    """

    city: str
    dataset: str
    name_zh: str
    name_en: str
    supplier_zh: str
    supplier_en: str
    state: str
    status: str
    cadence_s: int | None
    grace_s: int | None
    last_event_utc: datetime | None
    last_received_utc: datetime | None
    late_s: int | None
    rows_accepted: int
    rows_quarantined: int


@dataclass(frozen=True)
class Delivery:
    """One delivery and its account: rows_in = accepted + duplicates + quarantined."""

    delivery_id: int
    city: str
    dataset: str
    source: str
    filename: str
    format: str
    bytes: int
    sha256: str
    mapping: str
    operator: str
    is_simulated: bool
    received_at_utc: datetime
    rows_in: int
    accepted: int
    duplicates: int
    quarantined: int
    corrections: int
    status: str
    message: str


@dataclass(frozen=True)
class QuarantinedRow:
    """One refused row: where it stood, which rule refused it and why, and its values as they came."""

    quarantine_id: int
    delivery_id: int
    city: str
    dataset: str
    row_number: int
    column: str
    rule: str
    reason: str
    original: dict
    state: str


@dataclass(frozen=True, slots=True)
class Site:
    """A site and where it counts. Coordinates WGS84, None where the supplier gives an area only.

    `attributes` may be one object for many sites: never change it.
    """

    city: str
    site_id: str
    dataset: str
    name: str
    name_en: str
    lon: float | None
    lat: float | None
    district_id: str | None
    township_id: str | None
    zone_ids: tuple[str, ...]
    place_basis: str
    attributes: dict
    is_simulated: bool
    delivery_id: int


@dataclass(frozen=True)
class StateChange:
    """One step in the life of an alert: its state from `at_utc` on, who set it (`system`: the rules), what was noted."""

    state: Literal["open", "in_hand", "closed"]
    at_utc: datetime
    by: str
    note: str = ""


@dataclass(frozen=True)
class Event:
    """Something on the ticker: an event of the city, or an alert of the system.

    `changed_at_utc`: since when it stands as it does, set by `changed_by`; for an event, when its
    present report became known. `trail`: every step of an alert, oldest first; events have none.
    """

    id: str
    city: str
    kind: Literal["event", "alert"]
    area: str | None
    title_zh: str
    title_en: str
    severity: str
    state: Literal["open", "in_hand", "closed"]
    department: str
    opened_at_utc: datetime
    closed_at_utc: datetime | None
    changed_by: str
    metric: str | None
    value: float | None
    is_simulated: bool
    lon: float | None = None
    lat: float | None = None
    note: str = ""
    changed_at_utc: datetime | None = None
    trail: tuple[StateChange, ...] = ()


@dataclass(frozen=True)
class Target:
    """One quantified or tickable promise of a plan, as printed. Actual values come with the ledger.

    `deadline_basis` says whether the date is printed (`year_end`, `year`, `two_years`, `period_stated`)
    or taken from the plan's period (`plan_period`), a standing rule (`standing`) or absent (`none`).
    """

    target_id: str
    plan_id: str
    city: str
    clause: str
    domain: str
    indicator_zh: str
    indicator_en: str
    value: float | None
    value_high: float | None
    comparator: str
    unit_zh: str
    unit_en: str
    deadline: str
    kind: str
    strength: str
    scope_zh: str
    lead_dept_zh: str
    same_as: str
    responsible_depts_zh: tuple[str, ...] = field(default=())
    is_provincial: bool = False
    deadline_basis: str = ""
    is_milestone: bool = False
    note: str = ""


@dataclass(frozen=True)
class WeakPatch:
    """A place of weak modelled coverage, or the part of it in one township. `outline`: GeoJSON geometry, WGS84."""

    city: str
    number: int
    area: str | None
    area_km2: float
    people: float | None
    rsrp_dbm: float | None
    lon: float
    lat: float
    outline: dict
    is_simulated: bool


@dataclass(frozen=True)
class CoverageCell:
    """Modelled coverage in an H3 cell. `share` 0–1 of its area in the city; levels are means where a cell is heard, else None."""

    h3: str
    area_km2: float
    share: float
    people: float | None
    rsrp_dbm: float | None
    sinr_db: float | None


@dataclass(frozen=True)
class PlaceCoverage:
    """A key place (`size` in km²) or a line's stretch in one township (`size` in km). `share` is covered, 0–1."""

    place_id: str
    kind: str
    name: str
    name_en: str
    size: float
    share: float
    is_covered: bool
    lon: float
    lat: float


@dataclass(frozen=True)
class ModelError:
    """The coverage model against drive tests, for one class. `bias_db`: mean of modelled minus measured; None without samples.

    `unheard_n` samples, where the model hears no cell, are in neither figure.
    """

    operator: str
    surroundings: str
    level: str
    samples_n: int
    unheard_n: int
    bias_db: float | None
    rmse_db: float | None


@dataclass(frozen=True)
class MeasuredCoverage:
    """Drive tests of one network mode: share of samples, and of 100 m cells by their mean level, that reach the threshold.

    Shares are 0–1, None without a level; a cell counts once however often it was driven.
    """

    network_mode: str
    samples_n: int
    samples_share: float | None
    cells_n: int
    cells_share: float | None


@dataclass(frozen=True)
class CoverageBasis:
    """What the modelled coverage of a city rests on. `assumed`: stations that lack a figure and got the default, by column."""

    computed_at_utc: datetime
    stations_n: int
    assumed: dict[str, int]
    rsrp_dbm: float
    sinr_db: float
    says_zh: tuple[str, ...]
    says_en: tuple[str, ...]
    is_simulated: bool


@dataclass(frozen=True)
class RoadState:
    """The newest speed of a road section. `delay_share` (GB/T 33171-2016 7.2.2.2) 0–1; None without a speed or a free-flow speed."""

    site_id: str
    speed_kmh: float | None
    free_kmh: float | None
    delay_share: float | None
    at_utc: datetime | None


@dataclass(frozen=True)
class HeatMap:
    """Sums by H3 cell (hexadecimal id → sum). `hidden_n` cells had too few records; `unplaced_n` records of `records_n` name no point."""

    resolution: int
    cells: dict[str, float]
    records_n: int
    hidden_n: int
    unplaced_n: int
