"""Files as suppliers write them. The same rows always give the same bytes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pyogrio
import shapely

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
_WORKBOOK = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Parquet, zstd. Naive times are UTC and marked so."""
    frame = frame.with_columns(pl.col(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    frame.write_parquet(path, compression="zstd", compression_level=1)


def write_csv(frame: pl.DataFrame, path: Path, encoding: str = "utf-8") -> None:
    """CSV with a header; `encoding` as Python names it (`gb18030`, `utf-8-sig`)."""
    text = frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S")
    path.write_bytes(text.encode(encoding))


def write_ndjson(frame: pl.DataFrame, path: Path) -> None:
    """One JSON object a line."""
    frame.write_ndjson(path)


def write_json(frame: pl.DataFrame, path: Path, records: str = "data") -> None:
    """An API's answer: a JSON object with the rows under `records`."""
    rows = frame.with_columns(pl.col(pl.Date, pl.Datetime).cast(pl.String)).to_dicts()
    path.write_text(json.dumps({"code": 0, "msg": "success", records: rows}, ensure_ascii=False), encoding="utf-8")


def write_excel(frame: pl.DataFrame, path: Path, sheet: str = "Sheet1") -> None:
    """A plain workbook of one sheet, without the time of writing (so that bytes repeat)."""
    lines = [_row(frame.columns), *(_row(row) for row in frame.iter_rows())]
    parts = {name: text.format(sheet=escape(sheet)) if name == "xl/workbook.xml" else text for name, text in _WORKBOOK.items()}
    parts["xl/worksheets/sheet1.xml"] = _SHEET.format(rows="".join(lines))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), _HEAD + text, zipfile.ZIP_DEFLATED, 6)


def _row(values: tuple | list) -> str:
    return "<row>" + "".join(_cell(value) for value in values) + "</row>"


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"


def write_geojson(frame: pl.DataFrame, path: Path) -> None:
    """Points as a FeatureCollection; `lon` and `lat` (WGS84) become the geometry, the rest properties."""
    rows = frame.with_columns(pl.col(pl.Date, pl.Datetime).cast(pl.String)).to_dicts()
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [row.pop("lon"), row.pop("lat")]}, "properties": row}
        for row in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), encoding="utf-8")


def write_geopackage(frame: pl.DataFrame, path: Path, layer: str, crs: str = "EPSG:4490") -> None:
    """Points as a GeoPackage layer; CGCS2000 degrees are WGS84 degrees at a city's accuracy."""
    rest = frame.drop("lon", "lat").with_columns(pl.col(pl.Date, pl.Datetime).cast(pl.String))
    points = shapely.to_wkb(shapely.points(frame["lon"].to_numpy(), frame["lat"].to_numpy()))
    data = []
    for name in rest.columns:
        column = rest[name]
        if column.dtype == pl.String or column.dtype == pl.Boolean:
            data.append(np.array(column.cast(pl.String).to_list(), dtype=object))
        else:
            data.append(column.cast(pl.Float64).to_numpy())
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})  # no time of writing in the file
    try:
        pyogrio.raw.write(path, geometry=points, field_data=data, fields=np.array(rest.columns), geometry_type="Point", crs=crs, driver="GPKG", layer=layer)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
