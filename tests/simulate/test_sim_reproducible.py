"""The same seed gives the same records, whatever the borders of the batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.cities import built_in_packs
from data_pipeline.simulate import Simulator
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.declared import all_cases
from data_pipeline.simulate.simulator import Stream

START = datetime(2026, 11, 9, 16)  # local midnight in China
MIDDLE = datetime(2026, 11, 11, 3, 17, 23)
END = datetime(2026, 11, 11, 21, 50)


def _whole(stream: Stream, start: datetime, end: datetime) -> pl.DataFrame:
    return stream.table(seconds(start) + stream.lead_s, seconds(end), seconds(start))


def _rows(frames: list[pl.DataFrame]) -> list[tuple]:
    names = sorted({name for frame in frames for name in frame.columns})
    rows = [tuple(str(row.get(name)) for name in names) for frame in frames for row in frame.iter_rows(named=True)]
    return sorted(rows)


def test_history_is_the_same_whatever_the_borders_of_its_batches(ezhou: Simulator) -> None:
    for stream in ezhou.streams:
        if stream.dataset in ("service_requests", "city_events", "power_load", *all_cases()):
            continue  # cases show the state at the end of a batch; the load curve is a wide table (both below)
        whole = _rows([_whole(stream, START, END)])
        floor = seconds(START)
        cuts = [floor + stream.lead_s, seconds(MIDDLE), seconds(MIDDLE) + 4321, seconds(END)]
        parts = [stream.table(a, b, floor) for a, b in zip(cuts, cuts[1:], strict=False)]
        assert whole or stream.name == "air_quality_reviewed" or not stream.due(cuts[0], cuts[-1]).size, stream.name
        assert _rows([p for p in parts if p.height]) == whole, stream.name


def test_the_load_curve_is_the_same_whatever_the_borders(ezhou: Simulator) -> None:
    feed = ezhou.feeds["power_load"]
    a, m, b = seconds(START), seconds(MIDDLE), seconds(END)
    whole = feed.batch(a, b, a)
    assert whole.sort(pl.all()).equals(pl.concat([feed.batch(a, m, a), feed.batch(m, b, a)]).sort(pl.all()))


def test_a_ticket_ends_the_same_in_hourly_and_in_daily_files(ezhou: Simulator) -> None:
    floor, until = seconds(START), seconds(END)
    daily = ezhou.tickets.changed(floor, until, floor)
    hourly = pl.concat([ezhou.tickets.changed(a, min(a + 3600, until), floor) for a in range(floor, until, 3600)])
    last = hourly.unique("工单编号", keep="last", maintain_order=True).sort("工单编号")
    assert last.height == daily["工单编号"].n_unique() > 300
    assert last.equals(daily.unique("工单编号", keep="last", maintain_order=True).sort("工单编号"))
    assert hourly.height > last.height, "tickets change over their life"


def test_live_goes_on_exactly_where_history_ended(ezhou: Simulator, tmp_path: Path) -> None:
    later = MIDDLE + timedelta(minutes=95)

    def rows(deliveries, dataset: str) -> list[tuple]:  # noqa: ANN001
        found = []
        for n, delivery in enumerate(d for d in deliveries if d.dataset == dataset):
            delivery.write(tmp_path / f"{n}")
            found.append(pl.read_parquet(tmp_path / f"{n}"))
        return _rows(found)

    long = list(ezhou.history(START, later))
    joined = [*ezhou.history(START, MIDDLE), *ezhou.live(MIDDLE, later)]
    for dataset in ("road_speeds", "charging_hourly", "terminal_status"):
        assert rows(long, dataset) == rows(joined, dataset) != []


def test_two_simulators_of_one_seed_write_the_same_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    pack = built_in_packs()["500114"]
    until = datetime(2026, 11, 3, 4)

    def files(seed: int) -> dict[str, bytes]:
        simulator = Simulator(pack, seed)
        start = datetime(2026, 11, 1, 16)
        found = {}
        for delivery in [*simulator.registers(until), *simulator.history(start, until), *simulator.archive(datetime(2026, 8, 31, 16), start)]:
            path = tmp_path / f"file{Path(delivery.filename).suffix}"
            path.unlink(missing_ok=True)
            delivery.write(path)
            found[delivery.filename] = path.read_bytes()
        return found

    first, second, other = files(1), files(1), files(2)
    assert first == second
    common = first.keys() & other.keys()
    assert len(common) > 25 and sum(first[k] != other[k] for k in common) > len(common) * 0.8


def test_live_gives_nothing_twice_and_nothing_before_it_is_due(ezhou: Simulator) -> None:
    until = MIDDLE + timedelta(minutes=31)
    found = list(ezhou.live(MIDDLE, until))
    assert all(MIDDLE < d.known_from_utc <= until for d in found)
    assert [d.known_from_utc for d in found] == sorted(d.known_from_utc for d in found)
    assert sum(d.dataset == "road_speeds" for d in found) == 6
    assert list(ezhou.live(until, until)) == []


def test_a_long_gap_is_caught_up_in_larger_files(ezhou: Simulator) -> None:
    gap = [d for d in ezhou.live(MIDDLE, MIDDLE + timedelta(hours=9)) if d.dataset == "road_speeds"]
    assert 9 <= len(gap) <= 10


@pytest.mark.parametrize("scale", [0.01, 2000.0])
def test_a_scale_out_of_range_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Simulator(built_in_packs()["420700"], scale=scale)
