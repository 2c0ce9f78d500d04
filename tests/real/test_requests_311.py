"""MyLA311: twelve-hour clock, cancelled cases with a closing date, requests without a place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found, head_of

ROWS = 2500
CLOCK = "%m/%d/%Y %I:%M:%S %p"
STATES = {"Closed": "closed", "Open": "open", "Cancelled": "cancelled", "Referred Out": "referred"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("311")
    return [head_of(shared_data / f"requests_311/{name}.csv.gz", ROWS, folder) for name in ("la_311_2017-12", "la_311_2018-01")]


@pytest.fixture(scope="module")
def los_angeles(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> Town:
    town = found(tmp_path_factory.mktemp("la311"), "los_angeles", "America/Los_Angeles", "-118.7,33.7,-118.1,34.4")
    for file in files:
        town.bring(file, "la_311")
    return town


@pytest.fixture(scope="module")
def requests(files: list[Path]) -> pl.DataFrame:
    local = [pl.col(c).str.to_datetime(CLOCK) for c in ("CreatedDate", "ClosedDate")]
    return pl.concat([pl.read_csv(file, infer_schema=False) for file in files]).with_columns(local)


def good(requests: pl.DataFrame) -> pl.DataFrame:
    return requests.filter((pl.col("ClosedDate") >= pl.col("CreatedDate")).fill_null(True))


def test_requests_closed_before_they_were_received_are_quarantined(los_angeles: Town, requests: pl.DataFrame) -> None:
    wrong = requests.height - good(requests).height
    assert los_angeles.refused() == {"closed_after_created": wrong}
    assert (wrong, requests.height) == (7, 5000)


def test_states_and_places_equal_the_files(los_angeles: Town, requests: pl.DataFrame) -> None:
    rows, records = good(requests), los_angeles.records("service_requests")
    assert records.height == rows.height
    assert Counter(records["status"]) == Counter(STATES[s] for s in rows["Status"])
    assert records["lon"].null_count() == rows["Longitude"].null_count()
    basis = Counter(records["place_basis"])
    assert basis["area"] == rows["Longitude"].null_count()  # without a place they count for the whole city


def test_requests_by_local_day_and_hour_read_am_and_pm_right(los_angeles: Town, requests: pl.DataFrame) -> None:
    rows = good(requests)
    days = rows.group_by(pl.col("CreatedDate").dt.date()).len().sort("CreatedDate")
    assert los_angeles.readings("services.requests_n", "day")["value"].to_list() == days["len"].to_list()
    hours = rows.group_by(pl.col("CreatedDate").dt.truncate("1h")).len().sort("CreatedDate")
    assert los_angeles.readings("services.requests_n", "hour")["value"].to_list() == hours["len"].to_list()


def test_median_hours_to_close_count_closed_requests_on_the_day_they_were_closed(
    los_angeles: Town, requests: pl.DataFrame
) -> None:
    closed = good(requests).filter(pl.col("Status") == "Closed")
    zone = {c: pl.col(c).dt.replace_time_zone("America/Los_Angeles") for c in ("CreatedDate", "ClosedDate")}
    closed = closed.with_columns(
        hours=(zone["ClosedDate"] - zone["CreatedDate"]).dt.total_seconds() / 3600, day=pl.col("ClosedDate").dt.date()
    )
    expected = closed.group_by("day").agg(pl.col("hours").median()).sort("day")
    readings = los_angeles.readings("services.median_close_hours", "day")
    assert readings["value"].to_list() == pytest.approx(expected["hours"].to_list())


def hours_to_close(requests: pl.DataFrame) -> pl.DataFrame:
    """Hours each closed request took, by the local day of its closing."""
    zone = {c: pl.col(c).dt.replace_time_zone("America/Los_Angeles") for c in ("CreatedDate", "ClosedDate")}
    closed = good(requests).filter(pl.col("Status") == "Closed")
    return closed.select(hours=(zone["ClosedDate"] - zone["CreatedDate"]).dt.total_seconds() / 3600, day=pl.col("ClosedDate").dt.date())


def test_the_ninetieth_percentile_is_interpolated_and_withheld_below_ten_closed(los_angeles: Town, requests: pl.DataFrame) -> None:
    def linear(hours: list[float]) -> float:
        at = 0.9 * (len(hours) - 1)
        low = sorted(hours)[int(at)]
        return low + (at - int(at)) * (sorted(hours)[min(int(at) + 1, len(hours) - 1)] - low)

    expected = {day: linear(own["hours"].to_list()) for (day,), own in hours_to_close(requests).group_by("day") if own.height >= 10}
    readings = los_angeles.readings("services.p90_close_hours", "day").filter(pl.col("status") != "suppressed")
    assert len(expected) > 3
    assert readings["value"].to_list() == pytest.approx([expected[day] for day in sorted(expected)])


def test_the_backlog_of_each_day_is_what_was_received_and_not_yet_closed(los_angeles: Town, requests: pl.DataFrame) -> None:
    rows = good(requests).filter((pl.col("Status") == "Open") | pl.col("ClosedDate").is_not_null())
    begun, ended = rows["CreatedDate"].dt.date().to_list(), rows["ClosedDate"].dt.date().to_list()
    readings = los_angeles.readings("services.backlog_n", "day")
    assert readings.height > 5
    for start, value in readings.select("period_start_utc", "value").iter_rows():
        day = start.date()  # local midnight in Los Angeles is the morning of the same day in UTC
        assert value == sum(b <= day and (e is None or e > day) for b, e in zip(begun, ended, strict=True)), day


def test_on_time_means_closed_by_the_end_of_the_planned_day_and_a_plan_before_the_request_promises_nothing(
    los_angeles: Town, requests: pl.DataFrame
) -> None:
    planned = pl.col("ServiceDate").str.to_datetime(CLOCK).dt.date()
    due = good(requests).with_columns(planned=planned).filter(
        (pl.col("planned") >= pl.col("CreatedDate").dt.date()) & pl.col("Status").is_in(["Open", "Closed"])
    )  # fmt: skip
    on_time = (pl.col("ClosedDate").dt.date() <= pl.col("planned")).fill_null(False)
    expected = due.group_by("planned").agg(on_time.sum().alias("num"), pl.len().alias("den")).sort("planned")
    readings = los_angeles.readings("services.on_time_share", "day")
    assert readings["numerator"].to_list() == expected["num"].to_list()
    assert readings["denominator"].to_list() == expected["den"].to_list()
    assert (expected["num"].sum(), expected["den"].sum()) == (3495, 3999)
    assert requests.filter(planned < pl.col("CreatedDate").dt.date())["RequestType"].unique().to_list() == ["Graffiti Removal"]
