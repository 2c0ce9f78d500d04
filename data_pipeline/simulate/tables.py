"""From the contract's columns to the tables suppliers send: their headers, their datum, their file format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_pipeline.simulate import formats
from geo.crs import wgs84_to_gcj02

Save = Callable[[pl.DataFrame, Path], None]


@dataclass(frozen=True)
class Shape:
    """How a supplier sends a dataset: mapping file (empty: the contract's own columns), ending, writer, rename."""

    mapping: str
    ending: str
    save: Save
    rename: dict[str, str]
    gcj02: bool = False
    local_time: str = ""


def _contract_csv(frame: pl.DataFrame, path: Path) -> None:
    formats.write_csv(frame, path)


def _gb18030(frame: pl.DataFrame, path: Path) -> None:
    formats.write_csv(frame, path, "gb18030")


def _bom(frame: pl.DataFrame, path: Path) -> None:
    formats.write_csv(frame, path, "utf-8-sig")


def _stations_gpkg(frame: pl.DataFrame, path: Path) -> None:
    formats.write_geopackage(frame, path, "stations")


REGISTERS: dict[str, Shape] = {
    "base_stations": Shape("sim_base_stations", "csv", _gb18030, {
        "site_id": "站址编码", "name": "站址名称", "name_en": "站址英文名", "operator": "运营商", "technology": "网络制式", "band": "频段",
        "height_m": "挂高(米)", "opened_on": "入网日期", "closed_on": "退网日期", "status": "运行状态", "lon": "经度", "lat": "纬度",
    }, gcj02=True),
    "charging_stations": Shape("sim_charging_stations", "xlsx", formats.write_excel, {
        "site_id": "站点编号", "name": "站点名称", "name_en": "英文名称", "operator": "运营商", "opened_on": "投运日期", "guns": "枪数",
        "fast_guns": "快充枪数", "rated_power_kw": "额定功率(kW)", "native_status": "运营状态", "is_public": "对外开放",
        "township_code": "乡镇街道代码", "lon": "经度", "lat": "纬度",
    }, gcj02=True),
    "car_parks": Shape("sim_car_parks", "json", formats.write_json, {
        "site_id": "parkId", "name": "parkName", "name_en": "parkNameEn", "operator": "company", "opened_on": "openDate", "capacity": "total",
        "township_code": "townCode", "lon": "lng", "lat": "lat",
    }, gcj02=True),
    "sensing_terminals": Shape("", "geojson", formats.write_geojson, {}),
    "monitoring_stations": Shape("", "gpkg", _stations_gpkg, {}),
    "substations": Shape("", "gpkg", _stations_gpkg, {}),
    "road_sections": Shape("", "csv", _contract_csv, {}),
    "transit_stations": Shape("", "csv", _contract_csv, {}),
    "facilities": Shape("sim_facilities", "csv", _gb18030, {
        "site_id": "设施编号", "name": "名称", "name_en": "英文名称", "facility_kind": "设施类别", "operator": "主管单位", "capacity": "规模",
        "opened_on": "启用日期", "joined_on": "接入平台日期", "township_code": "乡镇街道代码", "lon": "经度", "lat": "纬度",
    }, gcj02=True),
}  # fmt: skip

OBSERVATIONS: dict[str, Shape] = {
    "charging_hourly": Shape("", "parquet", formats.write_parquet, {}),
    "connector_states": Shape("sim_connector_states", "ndjson", formats.write_ndjson, {
        "connector_id": "ConnectorID", "site_id": "StationID", "at": "StatusTime", "native_status": "Status",
    }, local_time="%Y-%m-%d %H:%M"),
    "road_speeds": Shape("", "parquet", formats.write_parquet, {}),
    "terminal_status": Shape("", "parquet", formats.write_parquet, {}),
    "parking_counts": Shape("sim_parking_counts", "ndjson", formats.write_ndjson, {
        "site_id": "parkId", "at": "ts", "free_spaces": "free", "capacity": "total",
    }, local_time="unix"),
    "air_quality": Shape("sim_air_quality", "csv", _gb18030, {
        "site_id": "点位编号", "start_at": "监测时间", "pm25_ug_m3": "PM2.5", "pm10_ug_m3": "PM10", "so2_ug_m3": "SO2", "no2_ug_m3": "NO2",
        "co_mg_m3": "CO(mg/m3)", "o3_ug_m3": "O3",
    }, local_time="%Y-%m-%d %H:%M"),
    "weather_observations": Shape("sim_weather", "csv", _contract_csv, {
        "site_id": "站号", "at": "观测时间", "temperature_c": "气温(℃)", "humidity_pct": "相对湿度(%)", "rain_mm": "小时降水量(mm)",
        "pressure_hpa": "本站气压(hPa)", "wind_m_s": "风速(m/s)", "wind_deg": "风向(°)",
    }, local_time="%Y-%m-%d %H:%M"),
    "water_observations": Shape("sim_water", "csv", _bom, {
        "site_id": "测站编码", "at": "时间", "level_m": "水位(m)", "flow_m3_s": "流量(m3/s)", "temperature_c": "水温(℃)",
    }, local_time="%Y-%m-%d %H:%M"),
    "power_load": Shape("sim_power_load", "csv", _contract_csv, {}, local_time="%Y-%m-%d %H:%M"),
}  # fmt: skip

CASES: dict[str, Shape] = {
    "service_requests": Shape("sim_service_requests", "csv", _gb18030, {}),
    "hotline_calls": Shape("sim_hotline_calls", "xlsx", formats.write_excel, {}),
    "vehicle_positions": Shape("sim_vehicle_positions", "csv", _contract_csv, {}),
    "drive_tests": Shape("sim_drive_tests", "csv", _contract_csv, {}),
    "city_events": Shape("", "csv", _contract_csv, {}),
    "figures": Shape("", "parquet", formats.write_parquet, {}),
}


def register_table(dataset: str, frame: pl.DataFrame) -> pl.DataFrame:
    """A register (contract's columns, WGS84) as its supplier sends it."""
    shape = REGISTERS[dataset]
    if dataset == "base_stations":
        frame = frame.with_columns(
            pl.col("opened_on", "closed_on").dt.strftime("%Y/%m/%d"),
            status=pl.when(pl.col("closed_on").is_null()).then(pl.lit("在网")).otherwise(pl.lit("退网")),
        )
        frame = _with_bad_masts(frame)
    if dataset == "charging_stations":
        frame = frame.with_columns(
            is_public=pl.when("is_public").then(pl.lit("是")).otherwise(pl.lit("否")), opened_on=pl.col("opened_on").cast(pl.String)
        )
    if shape.gcj02:
        lon, lat = wgs84_to_gcj02(frame["lon"].to_numpy(), frame["lat"].to_numpy())
        frame = frame.with_columns(lon=pl.Series(np.round(lon, 6)), lat=pl.Series(np.round(lat, 6)))
    if shape.rename:
        return frame.select(pl.col(old).alias(new) for old, new in shape.rename.items())
    # a supplier that has nothing to say in a column has no such column
    return frame.select(name for name in frame.columns if frame[name].null_count() < frame.height)


def _with_bad_masts(frame: pl.DataFrame) -> pl.DataFrame:
    """Three masts nobody can use: in the next province, of a technology that is not, with its height below ground."""
    if frame.height < 50:
        return frame
    bad = frame.head(3).with_columns(
        site_id=pl.col("site_id").str.replace(r"\d{5}$", "9000") + pl.Series(["1", "2", "3"]),
        lon=pl.col("lon") + pl.Series([6.0, 0.0, 0.0]),
        technology=pl.Series(["5G", "6G", "4G"]),
        height_m=pl.Series([30.0, 30.0, -12.0]),
    )
    return pl.concat([frame, bad])


def observation_table(dataset: str, frame: pl.DataFrame, tz: ZoneInfo) -> pl.DataFrame:
    """Observations (contract's columns, naive UTC) as their supplier sends them."""
    shape = OBSERVATIONS[dataset]
    if shape.local_time:
        time = "at" if "at" in frame.columns else "start_at"
        if shape.local_time == "unix":
            frame = frame.with_columns(pl.col(time).dt.epoch("s"))
        else:
            local = pl.col(time).dt.replace_time_zone("UTC").dt.convert_time_zone(tz.key)
            frame = frame.with_columns(local.dt.strftime(shape.local_time))
    if dataset == "power_load":
        once = frame.unique(["site_id", "start_at"], keep="first", maintain_order=True)
        wide = once.pivot(on="site_id", index="start_at", values="load_mw", sort_columns=True)
        return wide.rename({"start_at": "时间"})
    return frame.select(pl.col(old).alias(new) for old, new in shape.rename.items()) if shape.rename else frame
