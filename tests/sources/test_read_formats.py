"""Every format reads into the same table, and says what it found."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import geopandas
import openpyxl
import polars as pl
import pytest
import shapely
from polars.testing import assert_frame_equal

from data_pipeline.errors import DeliveryError
from data_pipeline.sources import ReadOptions, bundle, read

ROWS = [("甲站", "12.5"), ("乙站", "7"), ("丙站", "0")]
EXPECTED = pl.DataFrame({"名称": [r[0] for r in ROWS], "值": [r[1] for r in ROWS], "row_number": [1, 2, 3]})


def delimited(delimiter: str, newline: str = "\n") -> str:
    return newline.join([delimiter.join(("名称", "值")), *(delimiter.join(row) for row in ROWS), ""])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("utf8.csv", delimited(",").encode()),
        ("bom.csv", delimited(",").encode("utf-8-sig")),
        ("gb18030.csv", delimited(",").encode("gb18030")),
        ("utf16.csv", delimited(",").encode("utf-16")),
        ("crlf.csv", delimited(",", "\r\n").encode()),
        ("old_mac.csv", delimited(",", "\r").encode()),
        ("no_last_newline.csv", delimited(",").encode().rstrip()),
        ("tab.tsv", delimited("\t").encode()),
        ("semicolon.csv", delimited(";").encode()),
        ("pipe.txt", delimited("|").encode()),
        ("fullwidth.csv", delimited("，").encode()),
        ("quoted.csv", '名称,值\n"甲站","12.5"\n乙站,7\n"丙站",0\n'.encode()),
        ("packed.csv.gz", gzip.compress(delimited(",").encode(), mtime=0)),
        ("packed_twice_over.csv.gz", gzip.compress(delimited("\t").encode("gb18030"), mtime=0)),
    ],
)
def test_text_of_any_encoding_and_delimiter_reads_into_the_same_table(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "d").write_bytes(data)
    raw = read(tmp_path / "d", filename=name)
    assert_frame_equal(raw.frame, EXPECTED)
    assert (raw.rows_in, raw.refused.height) == (3, 0)


def test_a_given_delimiter_of_several_characters_and_runs_of_blanks_are_understood(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x||y\n1||2\n3||4\n")
    (tmp_path / "b").write_text("x   y\n 1 2\n3\t \t4\n")
    for name, delimiter in (("a", "||"), ("b", "whitespace")):
        raw = read(tmp_path / name, filename="f.txt", options=ReadOptions(delimiter=delimiter))
        assert raw.frame.rows() == [("1", "2", 1), ("3", "4", 2)]


def test_a_quoted_value_keeps_its_line_ends_delimiters_and_doubled_quotes(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('id,text\n1,"a, ""b""\n\nc"\n2,d\n')
    raw = read(tmp_path / "f", filename="f.csv")
    assert raw.frame.rows() == [("1", 'a, "b"\n\nc', 1), ("2", "d", 2)]


def test_lines_before_the_header_comments_and_blank_rows_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("Report of May\nmade by hand\n\n# unit: km\na,b\n1,2\n,\n   \n3,4\n\n")
    raw = read(tmp_path / "f", filename="f.csv", options=ReadOptions(skip_rows=2, comment_prefix="#"))
    assert raw.frame.rows() == [("1", "2", 1), ("3", "4", 2)]
    assert any("3 blank rows" in note for note in raw.notes)


def test_a_file_without_header_takes_the_names_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1 2\n3 4\n")
    options = ReadOptions(has_header=False, header=("a", "b"), delimiter=" ")
    assert read(tmp_path / "f", filename="f.txt", options=options).frame.columns == ["a", "b", "row_number"]
    bare = read(tmp_path / "f", filename="f.txt", options=ReadOptions(has_header=False, delimiter=" "))
    assert bare.frame.columns == ["column_1", "column_2", "row_number"]


def test_an_unnamed_column_gets_a_name_and_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(",b\n")
    raw = read(tmp_path / "f", filename="f.csv")
    assert raw.frame.columns == ["column_1", "b", "row_number"]
    assert raw.rows_in == 0 and "header only: no data rows" in raw.notes


def test_excel_keeps_types_skips_blank_rows_and_refuses_rows_with_error_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [["id", "v"], ["a", 1.5], [None, None], ["b", "#DIV/0!"], ["c", 2]]:
        sheet.append(row)
    sheet["B4"].data_type = "e"
    book.create_sheet("empty")
    book.save(tmp_path / "f.xlsx")
    raw = read(tmp_path / "f.xlsx", filename="f.xlsx")
    assert raw.frame.rows() == [("a", 1.5, 1), ("c", 2.0, 3)]
    assert raw.refused.select("row_number", "column_name", "rule").rows() == [(2, "v", "excel_error")]
    assert raw.rows_in == 3


def test_a_workbook_with_two_filled_sheets_asks_which_and_reads_the_one_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["x"])
    book.active.append([1])
    book.create_sheet("说明").append(["read me"])
    book.save(tmp_path / "f.xlsx")
    with pytest.raises(DeliveryError, match="several sheets hold data: Sheet, 说明"):
        read(tmp_path / "f.xlsx", filename="f.xlsx")
    assert read(tmp_path / "f.xlsx", filename="f.xlsx", options=ReadOptions(sheet="Sheet")).rows_in == 1
    with pytest.raises(DeliveryError, match="did you mean 'Sheet'"):
        read(tmp_path / "f.xlsx", filename="f.xlsx", options=ReadOptions(sheet="Shet"))


def test_parquet_keeps_its_own_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": pl.Series(["u", "v"], dtype=pl.Categorical)})
    frame.write_parquet(tmp_path / "f.parquet")
    raw = read(tmp_path / "f.parquet", filename="f.parquet")
    assert raw.frame.schema == {"a": pl.Int64, "b": pl.String, "c": pl.String, "row_number": pl.Int64}


def test_json_flattens_objects_keeps_lists_as_text_and_refuses_what_is_no_object(tmp_path: Path) -> None:
    data = {"meta": 1, "items": [{"id": 1, "at": {"lat": 2.5}, "tags": [{"n": 3}]}, 7, {"id": "B"}]}
    (tmp_path / "f").write_text(json.dumps(data))
    raw = read(tmp_path / "f", filename="f.json", options=ReadOptions(records="items"))
    assert raw.frame.to_dicts() == [
        {"id": "1", "at.lat": 2.5, "tags": '[{"n": 3}]', "row_number": 1},
        {"id": "B", "at.lat": None, "tags": None, "row_number": 3},
    ]
    assert raw.refused["rule"].to_list() == ["not_an_object"] and raw.rows_in == 3
    with pytest.raises(DeliveryError, match="did you mean 'items'"):
        read(tmp_path / "f", filename="f.json", options=ReadOptions(records="item"))


def test_a_broken_line_of_ndjson_is_refused_alone(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"a": 1}\n{"a": 2\n\n{"a": 3}\n')
    raw = read(tmp_path / "f", filename="f.ndjson")
    assert raw.frame.rows() == [(1, 1), (3, 3)]
    assert raw.refused.select("row_number", "rule").rows() == [(2, "broken_json")]
    assert "line 2" in raw.refused["reason"][0]


BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}


def test_geojson_gives_points_and_wkt_and_refuses_self_crossing_and_unreadable_geometry(tmp_path: Path) -> None:
    geometries = [
        {"type": "Point", "coordinates": [114.9, 30.4]},
        BOW_TIE,
        SQUARE,
        None,
        {"type": "Polygon", "coordinates": [[[0, 0]]]},
    ]
    features = [{"type": "Feature", "properties": {"n": n}, "geometry": g} for n, g in enumerate(geometries)]
    (tmp_path / "f").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    raw = read(tmp_path / "f", filename="f.geojson")
    assert raw.frame["n"].to_list() == [0, 2, 3]
    assert raw.frame.row(0)[1:3] == (114.9, 30.4) and raw.frame["geometry_x"][2] is None
    assert shapely.Point(raw.frame["geometry_x"][1], raw.frame["geometry_y"][1]).within(shapely.box(0, 0, 2, 2))
    assert raw.refused["rule"].to_list() == ["invalid_geometry"] * 2
    assert "Self-intersection" in raw.refused["reason"][0]
    assert raw.rows_in == 5


@pytest.fixture
def layer() -> geopandas.GeoDataFrame:
    points = [shapely.Point(500000, 3300000), shapely.Point(500100, 3300000)]
    return geopandas.GeoDataFrame({"name": ["甲", "乙"]}, geometry=points, crs="EPSG:4547")


def test_geopackage_and_shapefile_as_folder_zip_or_loose_parts_say_their_crs(
    tmp_path: Path, layer: geopandas.GeoDataFrame
) -> None:
    layer.to_file(tmp_path / "f.gpkg", layer="sites")
    (tmp_path / "shp").mkdir()
    layer.to_file(tmp_path / "shp" / "f.shp", encoding="utf-8")
    bundle([tmp_path / "shp"], tmp_path / "f.zip")
    for path in (tmp_path / "f.gpkg", tmp_path / "shp", tmp_path / "f.zip", tmp_path / "shp" / "f.shp"):
        raw = read(path, filename=path.name)
        assert raw.crs == "EPSG:4547", path.name
        assert raw.frame.select("name", "geometry_x", "row_number").rows() == [("甲", 500000.0, 1), ("乙", 500100.0, 2)]


def test_a_shapefile_without_its_attribute_table_is_refused(tmp_path: Path, layer: geopandas.GeoDataFrame) -> None:
    layer.to_file(tmp_path / "f.shp")
    (tmp_path / "f.dbf").unlink()
    with pytest.raises(DeliveryError, match=r"needs its \.dbf"):
        read(tmp_path / "f.shp", filename="f.shp")


def test_files_of_one_zip_make_one_table_with_rows_counted_through(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("d/b.csv", "x,y\n3,4\n5\n")
        archive.writestr("d/a.csv", "x,y\n1,2\n")
        archive.writestr("__MACOSX/d/._a.csv", "junk")
    raw = read(tmp_path / "f.zip", filename="f.zip", options=ReadOptions(file_column=True))
    assert raw.frame.select("x", "_file", "row_number").rows() == [("3", "d/b.csv", 1), ("1", "d/a.csv", 3)]
    assert raw.refused["row_number"].to_list() == [2] and raw.rows_in == 3
    only = read(tmp_path / "f.zip", filename="f.zip", options=ReadOptions(member="*/a.csv"))
    assert only.rows_in == 1


def test_a_bundle_of_the_same_files_has_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    first = bundle([tmp_path / "a.csv"], tmp_path / "1.zip").read_bytes()
    (tmp_path / "a.csv").touch()
    assert bundle([tmp_path / "a.csv"], tmp_path / "2.zip").read_bytes() == first
