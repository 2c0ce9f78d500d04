"""Formats with types of their own: Parquet, GeoPackage, Shapefile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import shapely

from data_pipeline.errors import DeliveryError, did_you_mean
from data_pipeline.sources.base import Raw, ReadOptions, as_json, check_cells, check_header, number_rows, refusals
from data_pipeline.sources.records import geometry_columns, invalid_geometries


def read_parquet(file: Path, filename: str, options: ReadOptions) -> Raw:
    """A Parquet file with its own types; categories become text. A damaged file is a `DeliveryError`."""
    try:
        scan = pl.scan_parquet(file)
        schema = scan.collect_schema()
        rows = scan.select(pl.len()).collect().item()
        check_cells(rows, len(schema), filename, options)
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DeliveryError(
            f"{filename}: the Parquet file is truncated or damaged ({str(error).splitlines()[0]})",
            hint="deliver it again, complete",
        ) from None
    frame.columns = check_header(frame.columns, filename)
    as_text = [name for name, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    frame = frame.with_columns(pl.col(as_text).cast(pl.String)) if as_text else frame
    notes = () if frame.height else ("no data rows",)
    return Raw(number_rows(frame), refusals([]), frame.height, "parquet", notes)


def read_vector(file: Path, filename: str, fmt: str, options: ReadOptions) -> Raw:
    """A layer of a GeoPackage, or a Shapefile (a folder, or the parts beside a .shp).

    Attributes keep their types; geometry becomes a point in the layer's own system (`Raw.crs`)
    and WKT. Features whose geometry is not valid are refused with the reason.
    """
    import pyogrio  # brings GeoPandas and Pandas along: 100 MB that a process reading none of these does not need

    # GDAL warns of a GeoPackage whose name does not say so
    source = _shp_in(file, filename) if file.is_dir() else file.rename(file.with_name(f"{file.name}.gpkg"))
    try:
        layers = [str(name) for name in pyogrio.list_layers(source)[:, 0]]
        layer = _layer(layers, filename, options)
        info = pyogrio.read_info(source, layer=layer)
        check_cells(int(info["features"]), len(info["fields"]), filename, options)
        encoding = options.encoding or None
        meta, table = pyogrio.read_arrow(source, layer=layer, encoding=encoding)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
        raise DeliveryError(
            f"{filename}: the {fmt} cannot be read ({str(error).splitlines()[0]})",
            hint="it may be truncated, or its attribute text in another encoding (set `encoding`, for example gb18030)",
        ) from None
    frame = pl.DataFrame(pl.from_arrow(table))
    geometry = meta["geometry_name"] or "wkb_geometry"
    if geometry in frame.columns:
        shapes = shapely.from_wkb(frame[geometry].to_numpy(), on_invalid="ignore")
        frame = pl.concat([frame.drop(geometry), geometry_columns(shapes)], how="horizontal")
    else:
        shapes = np.full(frame.height, None, dtype=object)
    frame.columns = check_header(frame.columns, filename)
    frame = number_rows(frame)
    refused = []
    bad = invalid_geometries(shapes)
    for n, reason in bad.items():
        row = {k: v for k, v in frame.row(n, named=True).items() if k != "row_number"}
        refused.append((n + 1, "geometry_wkt", "invalid_geometry", reason, as_json(row)))
    if bad:
        frame = frame.filter(~pl.col("row_number").is_in([n + 1 for n in bad]))
    notes = (f"layer {layer!r}",)
    return Raw(frame, refusals(refused), frame.height + len(refused), fmt, notes, _crs(meta.get("crs")))


def _crs(declared: str | None) -> str:
    """`EPSG:n` where the file says so by number; its own words otherwise (a .prj's WKT works as well)."""
    return declared or ""


def _shp_in(folder: Path, filename: str) -> Path:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".shp")
    if len(found) != 1:
        what = "no .shp file" if not found else f"several .shp files ({', '.join(p.name for p in found)})"
        raise DeliveryError(f"{filename}: {what} in the folder or zip", hint="one Shapefile a delivery")
    beside = {p.suffix.lower() for p in found[0].parent.iterdir() if p.stem == found[0].stem}
    missing = [part for part in (".dbf", ".shx") if part not in beside]
    if missing:
        raise DeliveryError(
            f"{filename}: a Shapefile needs its {' and '.join(missing)} beside the .shp",
            hint="deliver the whole folder, or a zip of it",
        )
    return found[0]


def _layer(layers: list[str], filename: str, options: ReadOptions) -> str:
    if options.layer:
        if options.layer in layers:
            return options.layer
        near = did_you_mean(options.layer, layers)
        raise DeliveryError(
            f"{filename}: no layer {options.layer!r}; there is {', '.join(layers)}",
            hint=f"did you mean {near[0]!r}?" if near else "correct `layer` in the mapping",
        )
    if len(layers) != 1:
        raise DeliveryError(
            f"{filename}: several layers: {', '.join(layers) or 'none'}", hint="name one in the mapping's `layer`"
        )
    return layers[0]
