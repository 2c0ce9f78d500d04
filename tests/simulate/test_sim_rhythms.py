"""What a person from the city would look at first: hours, days, seasons, storms."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from data_pipeline.simulate import Simulator
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.world import World


def _days(world: World, first: date, n: int, step_s: int) -> np.ndarray:
    start = world.midnight_s(first)
    return np.arange(start, start + n * 86400, step_s, dtype=np.int64)


def _tti(simulator: Simulator, first: date, n: int) -> np.ndarray:
    """TTI of urban sections by day and half hour."""
    feed = simulator.feeds["road_speeds"]
    _, _, v = feed.clean(_days(simulator.world, first, n, 1800))
    urban = feed.sites.urban > 0.6
    length, free = feed.sites.of["length_km"][urban, None], feed.sites.of["free_kmh"][urban, None]
    return ((length / v["speed_kmh"][urban]).sum(0) / (length / free).sum(0)).reshape(n, 48)


def test_roads_are_slow_in_the_two_rush_hours_and_free_at_night(ezhou: Simulator) -> None:
    week = _tti(ezhou, date(2026, 11, 16), 5)
    assert week[:, 4:10].mean() < 1.05
    assert week[:, 15:17].mean() > 1.3 and week[:, 35:37].mean() > 1.4
    assert set(week.argmax(axis=1)) <= {15, 16, 34, 35, 36}


def test_mornings_of_weekends_and_of_the_national_holiday_are_calm(ezhou: Simulator) -> None:
    workdays, weekend = _tti(ezhou, date(2026, 11, 16), 5), _tti(ezhou, date(2026, 11, 21), 2)
    holiday = _tti(ezhou, date(2026, 10, 1), 7)
    assert weekend[:, 15:17].mean() < 0.85 * workdays[:, 15:17].mean()
    assert holiday[:, 15:17].mean() < 0.85 * workdays[:, 15:17].mean()


def test_a_worked_saturday_has_the_rush_of_a_workday(ezhou: Simulator) -> None:
    # 2026-10-10 is a Saturday that is worked for the National Day break
    assert _tti(ezhou, date(2026, 10, 10), 1)[0, 15:17].mean() > 1.25


def test_load_is_lowest_before_dawn_and_highest_in_the_evening(ezhou: Simulator) -> None:
    _, clock, v = ezhou.feeds["power_load"].clean(_days(ezhou.world, date(2026, 11, 2), 10, 900))
    curve = v["load_mw"].sum(0).reshape(10, 96).mean(0)
    assert 2 <= curve.argmin() / 4 <= 5 and 17.5 <= curve.argmax() / 4 <= 21
    assert 0.5 < curve.min() / curve.max() < 0.8


def test_load_falls_at_spring_festival_and_rises_in_hot_weather(ezhou: Simulator) -> None:
    def mean(first: date, n: int) -> float:
        return float(ezhou.feeds["power_load"].clean(_days(ezhou.world, first, n, 3600))[2]["load_mw"].sum(0).mean())

    assert mean(date(2026, 2, 16), 5) < 0.93 * mean(date(2026, 3, 2), 5)
    assert mean(date(2026, 7, 10), 20) > 1.05 * mean(date(2026, 5, 10), 20)


def test_charging_follows_the_kind_of_station_and_grows_from_year_to_year(ezhou: Simulator) -> None:
    feed = ezhou.feeds["charging_hourly"]
    _, _, v = feed.clean(_days(ezhou.world, date(2026, 11, 2), 14, 3600))
    use = (v["charging_gun_hours"] / v["guns"]).reshape(len(feed.sites), 14, 24).mean(1)
    kind = feed.sites.of["kind"]
    depots, offices = use[kind == 0].mean(0), use[kind == 1].mean(0)
    assert depots[[22, 23, 0, 1]].mean() > depots[[7, 8, 9]].mean()
    assert offices[[10, 15]].mean() > 3 * offices[[2, 3]].mean()
    assert 0.04 < use.mean() < 0.25
    _, _, before = feed.clean(_days(ezhou.world, date(2025, 11, 3), 14, 3600))
    assert 1.08 < v["charging_gun_hours"].sum() / before["charging_gun_hours"].sum() < 1.20


@pytest.mark.parametrize(("month", "low", "high"), [(1, 1, 8), (4, 14, 21), (7, 26.5, 32), (10, 15, 22)])
def test_months_are_as_warm_as_the_middle_yangtze(ezhou: Simulator, month: int, low: float, high: float) -> None:
    t = np.concatenate([_days(ezhou.world, date(year, month, 1), 28, 3600) for year in range(2020, 2027)])
    assert low < ezhou.world.weather.at(ezhou.world.clock(t)).temperature_c.mean() < high


def test_it_rains_most_in_june_and_july_and_as_much_in_a_year_as_in_hubei(ezhou: Simulator) -> None:
    t = _days(ezhou.world, date(2015, 1, 1), 3650, 3600)
    clock = ezhou.world.clock(t)
    rain = ezhou.world.weather.at(clock).rain_mm_h
    months = np.array([date.fromordinal(int(d)).month for d in clock.day[::24]])
    total = np.bincount(months, weights=rain.reshape(-1, 24).sum(1))[1:] / 10
    assert 1000 < total.sum() < 1700
    assert set(np.argsort(total)[-3:]) & {5, 6} and total[5] + total[6] > 2 * (total[11] + total[0])


def test_a_storm_touches_several_domains(ezhou: Simulator) -> None:
    world = ezhou.world
    span = seconds(datetime(2024, 8, 1)), seconds(datetime(2026, 11, 1))
    storm = max((i for i in world.incidents(*span) if i.kind == "storm"), key=lambda i: i.strength)
    day = world.local_ordinal(storm.start_s)
    t = world.midnight_s(day) + np.arange(0, 72) * 3600
    rain = world.weather.at(world.clock(t)).rain_mm_h
    assert rain[:24].sum() > 45 and storm.title_zh.endswith("色预警")
    # water: the highest stage comes hours after the heaviest rain
    water = ezhou.feeds["water_observations"]
    _, _, v = water.clean(t)
    lake = np.flatnonzero(water.sites.of["flow_m3_s"] == 0)[0]
    lag = int(v["level_m"][lake].argmax() - rain.argmax())
    assert 3 <= lag <= 30 and np.ptp(v["level_m"][lake]) > 0.3
    # traffic: slower than in the same hour a week before or after, when that hour was dry
    peak = t[rain.argmax()]
    roads = ezhou.feeds["road_speeds"]
    wet = roads.clean(np.array([peak]))[2]["speed_kmh"].mean()
    dry = [s for s in peak + 7 * 86400 * np.array([-3, -2, -1, 1, 2, 3]) if world.weather.at(world.clock(np.array([s]))).rain_mm_h[0] == 0]
    assert wet < 0.95 * np.mean([roads.clean(np.array([s]))[2]["speed_kmh"].mean() for s in dry])
    # terminals: more of them silent than on the day before
    terminals = ezhou.feeds["terminal_status"]

    def silent(at: np.ndarray) -> float:
        return float((terminals.clean(at)[2]["online_s"] < 600).mean())

    during = np.arange(storm.start_s // 3600 + 1, storm.end_s // 3600) * 3600
    assert silent(during) > silent(during - 2 * 86400)
    # the ticker knows it, and low roads under water too
    events = ezhou.events.table(storm.start_s, storm.end_s + 10_000)
    assert storm.id in events["event_id"].to_list() and "flood" in events["event_kind"].to_list()


def test_a_week_has_a_few_events_and_each_is_reported_open_in_hand_and_closed(ezhou: Simulator) -> None:
    world = ezhou.world
    start, end = seconds(datetime(2026, 1, 1)), seconds(datetime(2026, 10, 1))
    a_week = len([i for i in world.incidents(start, end) if i.kind not in ("storm", "flood", "heat")]) / 39
    assert 1 <= a_week <= 5
    incident = next(i for i in world.incidents(start, end) if i.kind == "road_incident")
    states = []
    for due in ezhou.events.due_times(incident.start_s - 1, incident.end_s + 4000):
        rows = ezhou.events.table(int(due) - 1, int(due)).filter(pl.col("event_id") == incident.id)
        states += rows["status"].to_list()
    assert states == ["open", "in_hand", "closed"]


def test_tickets_come_by_day_and_are_mostly_closed_in_time(ezhou: Simulator) -> None:
    life = ezhou.tickets.created(seconds(datetime(2026, 8, 31, 16)), seconds(datetime(2026, 10, 26, 16)))
    clock = ezhou.world.clock(life["created_s"])
    per_day = life["hour"].size / 56
    assert 180 <= per_day <= 260
    assert ((clock.hour >= 8) & (clock.hour < 21)).mean() > 0.8
    assert (life["closed_s"] > life["created_s"]).all() and (life["called_s"] > life["closed_s"]).all()
    assert 0.88 < (life["closed_s"] <= life["due_s"]).mean() < 0.99
    assert np.unique(life["hour"] * 10_000 + life["number"]).size == life["hour"].size, "every ticket has a number of its own"


def test_winter_air_is_dirtier_and_rain_washes_it(ezhou: Simulator) -> None:
    air = ezhou.feeds["air_quality"]
    january = air.clean(_days(ezhou.world, date(2026, 1, 1), 31, 3600))[2]["pm25_ug_m3"].mean()
    july = air.clean(_days(ezhou.world, date(2026, 7, 1), 31, 3600))[2]["pm25_ug_m3"].mean()
    assert january > 2 * july
    year = _days(ezhou.world, date(2025, 1, 1), 365, 3600)
    pm25, soaked = air.clean(year)[2]["pm25_ug_m3"].mean(0), ezhou.world.weather.soaked_mm(year)
    cold = np.isin([date.fromordinal(int(d)).month for d in ezhou.world.clock(year).day], (11, 12, 1, 2, 3))
    assert pm25[cold & (soaked > 10)].mean() < 0.9 * pm25[cold & (soaked < 0.5)].mean()


def test_ozone_peaks_on_summer_afternoons(ezhou: Simulator) -> None:
    _, _, v = ezhou.feeds["air_quality"].clean(_days(ezhou.world, date(2026, 7, 1), 31, 3600))
    by_hour = v["o3_ug_m3"].mean(0).reshape(31, 24).mean(0)
    assert 13 <= by_hour.argmax() <= 17 and by_hour.max() > 2 * by_hour.min()
