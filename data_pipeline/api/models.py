"""Shapes of the API's answers, for its description and its tests. Times are ISO 8601 with the city's offset."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from data_pipeline.times import Grain


class Out(BaseModel):
    """Base of every answer: what is not described is not sent."""

    model_config = ConfigDict(extra="forbid")


class Error(Out):
    """Every refusal: what is wrong, which parameter, what to do; `code` and `facts` for texts of one's own, empty where there are none."""

    error: str
    parameter: str | None
    hint: str
    did_you_mean: list[str]
    code: str
    facts: dict[str, Any]


class SourceHealth(Out):
    """Sources of a city by how they stand now."""

    ok: int
    late: int
    never: int
    off: int


class CityHealth(Out):
    """Whether a city has data, and how old they are. `data_as_of`: newest event of any source."""

    city: str
    has_data: bool
    data_as_of: str | None
    sources: SourceHealth


class Health(Out):
    """`status` is `ok`, or `empty` where nothing has been built yet. `pipeline`: whether one is running."""

    status: Literal["ok", "empty"]
    snapshot: int | None
    snapshot_at: str | None = Field(description="UTC")
    now: str = Field(description="UTC")
    pipeline: Literal["running", "stopped"]
    cities: list[CityHealth]


class City(Out):
    """One city. `bbox` west, south, east, north in WGS84 degrees; `sources`: how many in each state."""

    city: str
    name_zh: str
    name_en: str
    timezone: str
    bbox: tuple[float, float, float, float]
    area: str = Field(description="id of the area of the whole city")
    has_data: bool
    sources: dict[str, int]


class AreaOut(Out):
    """One area. `parent`: statistical parent. `approximate`: the drawn border is 示意 only."""

    area: str
    city: str
    name_zh: str
    name_en: str
    level: Literal["city", "district", "zone", "township"]
    parent: str | None
    codes: list[str]
    approximate: bool
    population: int | None
    population_date: str | None
    area_km2: float | None
    centroid: tuple[float, float] | None
    composed_of: list[str]


class SearchHit(Out):
    """One thing found. `area`: the area it lies in; `group`: an area's level, a metric's domain, a target's plan, a site's dataset."""

    kind: Literal["area", "metric", "target", "site"]
    id: str
    city: str
    name_zh: str
    name_en: str
    area: str | None
    group: str


class ThresholdOut(Out):
    """One class of a metric: values from `at_least` (inclusive) up to the next. `verified`: its bounds were read in the standard's text."""

    at_least: float
    level: str
    zh: str
    en: str
    verified: bool


class MetricOut(Out):
    """What a figure says. `value = numerator / denominator * scale`; without denominator the numerator."""

    metric: str
    name_zh: str
    name_en: str
    says_zh: str
    says_en: str
    does_not_say_zh: str
    does_not_say_en: str
    domain: str
    dataset: str
    unit: str
    scale: float
    decimals: int
    better: Literal["higher", "lower", "neither"]
    kind: Literal["measured", "modelled", "reported"]
    base_grain: Grain
    grains: list[Grain]
    over_area: str
    over_time: str
    numerator: str
    denominator: str
    standard: str
    clause: str
    clause_en: str
    assumption_zh: str
    assumption_en: str
    thresholds: list[ThresholdOut]


class ReadingOut(Out):
    """Metric × area × period. Shares are 0–1; `value` null is "no data", never 0."""

    city: str
    metric: str
    area: str
    grain: Grain
    period_start: str
    period_end: str
    numerator: float | None
    denominator: float | None
    value: float | None
    unit: str
    n: int | None = Field(description="records; null where suppressed")
    completeness: float | None
    status: Literal["ok", "stale", "partial", "missing", "suppressed"]
    kind: Literal["measured", "modelled", "reported"]
    is_simulated: bool
    data_as_of: str | None
    snapshot: int | None
    obs_status: Literal["A", "B", "E", "L", "M", "O", "P", "Q", "U"] = Field(
        description="SDMX CL_OBS_STATUS: A normal, B break, E estimated, L not collected, M cannot exist, O missing, P provisional, "
        "Q suppressed, U low reliability"
    )
    interval_low: float | None = Field(description="95 % interval (Wilson) of a share of counted cases")
    interval_high: float | None
    late_s: int | None = Field(description="seconds past due where the newest data are late (status stale), else null")
    children_reported: int | None = Field(description="areas below with a value, of children_expected; null where not counted")
    children_expected: int | None


class SiteProperties(Out):
    """Properties of a site. `place_basis`: what its areas rest on."""

    city: str
    site_id: str
    dataset: str
    name: str
    name_en: str
    district_id: str | None
    township_id: str | None
    zone_ids: list[str]
    place_basis: str
    attributes: dict[str, Any]
    is_simulated: bool
    delivery_id: int


class Point(Out):
    """GeoJSON point, WGS84 longitude and latitude."""

    type: Literal["Point"]
    coordinates: tuple[float, float]


class SiteFeature(Out):
    """One site; `geometry` null where the supplier gives an area only."""

    type: Literal["Feature"]
    id: str
    geometry: Point | None
    properties: SiteProperties


class SiteCollection(Out):
    """GeoJSON (RFC 7946) of sites."""

    type: Literal["FeatureCollection"]
    features: list[SiteFeature]


class TargetOut(Out):
    """One promise of a plan, as printed; `value` null where the clause gives no number."""

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
    responsible_depts_zh: list[str]
    is_provincial: bool
    deadline_basis: str
    is_milestone: bool
    note: str


class StateChangeOut(Out):
    """One step in the life of an alert; `by` is `system` where the rules did it."""

    state: Literal["open", "in_hand", "closed"]
    at: str
    by: str
    note: str


class EventOut(Out):
    """Something that happened to the city (`event`), or that the system noticed (`alert`).

    `changed_at`: since when it stands as it does; `trail`: every step of an alert, oldest first.
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
    opened_at: str
    closed_at: str | None
    changed_by: str
    changed_at: str | None
    metric: str | None
    value: float | None
    is_simulated: bool
    lon: float | None
    lat: float | None
    note: str
    trail: list[StateChangeOut]


class DeliveryOut(Out):
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
    received_at: str
    rows_in: int
    accepted: int
    duplicates: int
    quarantined: int
    corrections: int
    status: str
    message: str


class ReceiptOut(Out):
    """Account of a delivery just handed in: rows_in = accepted + duplicates + quarantined."""

    delivery_id: int
    city: str
    dataset: str
    rows_in: int
    accepted: int
    duplicates: int
    quarantined: int
    corrections: int
    snapshot: int | None
    status: Literal["accepted", "duplicate_delivery", "refused"]
    message: str
    unused_columns: list[str] = Field(description="columns of the table that became nothing")


class ChangeOut(Out):
    """The same figure in an earlier period. `relative` null where that was 0; of a share `points` is the change."""

    before: float | None
    relative: float | None
    points: float | None
    period_start: str


class VintageOut(Out):
    """The reading as it was known from `known_at` on."""

    known_at: str
    reading: ReadingOut


class AnomalyOut(Out):
    """A reading that chance hardly explains. `baseline`: median of `like_periods` comparable ones; `z`: robust deviation."""

    reading: ReadingOut
    baseline: float
    scale: float
    z: float
    p: float
    like_periods: int
    method: str


class UnusualOut(Out):
    """Flagged readings of a city, the least likely first; `judged`: readings tested; `false_a_day`: false flags to expect a day."""

    flagged: list[AnomalyOut]
    judged: int
    false_a_day: float


class ProvenanceOut(Out):
    """Everything behind one reading. `sample_rows` are records in the order of `sample_columns`.

    `previous`, `year_ago`: change to the period before (环比) and a year before (同比), null where the two cannot be
    compared; `vintages`: what the figure was taken for as its deliveries arrived, oldest first.
    """

    reading: ReadingOut
    simulated_share: float | None
    name_zh: str
    name_en: str
    says_zh: str
    says_en: str
    does_not_say_zh: str
    does_not_say_en: str
    standard: str
    clause: str
    clause_en: str
    formula: str
    sql: str
    dataset: str
    records_n: int
    deliveries: list[DeliveryOut]
    sample_columns: list[str]
    sample_rows: list[list[Any]]
    snapshot_at: str | None
    previous: ChangeOut | None
    year_ago: ChangeOut | None
    vintages: list[VintageOut]
