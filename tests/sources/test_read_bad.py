"""Bad deliveries: each gets a clear error for the whole, or a reason for the row, and loses nothing."""

from __future__ import annotations

import gzip
import os
import resource
import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.errors import CityBrainError, DeliveryError
from data_pipeline.sources import ReadOptions, held, read

MIB = 1024 * 1024


def refused_whole(tmp_path: Path, data: bytes, name: str, **options: object) -> str:
    (tmp_path / "d").write_bytes(data)
    with pytest.raises(DeliveryError) as error:
        read(tmp_path / "d", filename=name, options=ReadOptions(**options))  # type: ignore[arg-type]
    assert name.split("/")[0] in str(error.value)
    return str(error.value)


def parquet(tmp_path: Path) -> bytes:
    pl.DataFrame({"a": range(1000)}).write_parquet(tmp_path / "p")
    return (tmp_path / "p").read_bytes()


def workbook(tmp_path: Path) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.save(tmp_path / "w.xlsx")
    return (tmp_path / "w.xlsx").read_bytes()


def with_member(data: bytes, tmp_path: Path, name: str, content: bytes) -> bytes:
    (tmp_path / "z").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "z", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return (tmp_path / "z").read_bytes()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("empty.csv", lambda t: b"", "is empty"),
        ("blank.csv", lambda t: b" \n\r\n\n", "is empty"),
        ("only_commas.csv", lambda t: b",,,\n,,,\n", "not even a header"),
        ("twice.csv", lambda t: b"a,b,a\n1,2,3\n", "'a' stands more than once"),
        ("latin.csv", lambda t: "name,v\nCafé au lait,1\nÉtoile,2\n".encode("latin-1"), "neither UTF-8 nor GB18030"),
        ("binary.csv", lambda t: b"a,b\n1,\x00\x00\n", "NUL"),
        ("header.csv", lambda t: b'a,"b\n1,2\n', "header"),
        (
            "cut.csv.gz",
            lambda t: gzip.compress(b"a,b\n" + os.urandom(5000).hex().encode())[:-900],
            "truncated or damaged",
        ),
        ("flipped.csv.gz", lambda t: gzip.compress(b"a,b\n1,2\n" * 99)[:-8] + b"\0" * 8, "truncated or damaged"),
        ("cut.parquet", lambda t: parquet(t)[:-200], "truncated or damaged"),
        ("not.parquet", lambda t: b"a,b\n1,2\n", "said to be parquet"),
        ("cut.zip", lambda t: with_member(b"", t, "a.csv", b"a\n1\n")[:-30], "truncated or damaged"),
        ("cut.json", lambda t: b'[{"a": 1}, {"a"', "not valid JSON at line 1"),
        ("no_features.geojson", lambda t: b'{"type": "Topology"}', "no list `features`"),
        ("page.pdf", lambda t: b"%PDF-1.7 ...", "PDF document is not a table"),
        ("macro.xlsm", lambda t: with_member(workbook(t), t, "xl/vbaProject.bin", b"x"), "macros"),
        ("macro_as.xlsx", lambda t: with_member(workbook(t), t, "xl/vbaProject.bin", b"x"), "macros"),
        ("cut.xlsx", lambda t: workbook(t)[:2000], "truncated or damaged"),
        (
            "locked.xlsx",
            lambda t: OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
        ("macro.xls", lambda t: OLE + b"\0" * 600 + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        ("broken.xls", lambda t: OLE + b"\0" * 600, "cannot be read"),
        ("sqlite.gpkg", lambda t: b"SQLite format 3\0" + b"\0" * 100, "geopackage cannot be read"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_refused_and_named(tmp_path: Path, name: str, make, says: str) -> None:  # type: ignore[no-untyped-def]
    assert says in refused_whole(tmp_path, make(tmp_path), name)


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    data = bytearray(with_member(b"", tmp_path, "a.csv", b"a\n1\n"))
    data[6] |= 1  # the encryption bit in the local and the central header
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "protected by a password" in refused_whole(tmp_path, bytes(data), "f.zip")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("bomb.csv.gz", lambda data, t: gzip.compress(data)),
        ("bomb.zip", lambda data, t: with_member(b"", t, "a.csv", data)),
        ("bomb.xlsx", lambda data, t: with_member(workbook(t), t, "xl/bomb.bin", data)),
    ],
)
def test_a_bomb_is_stopped_by_its_growth_before_it_is_unpacked(tmp_path: Path, name: str, pack) -> None:  # type: ignore[no-untyped-def]
    data = pack(b"1,2\n" * (10 * MIB), tmp_path)
    assert len(data) < MIB
    assert "zip bomb" in refused_whole(tmp_path, data, name)
    assert "allowed" in refused_whole(tmp_path, data, name, max_text_bytes=MIB, max_bytes=MIB)


def test_a_line_without_end_is_refused_after_the_limit_not_after_the_file(tmp_path: Path) -> None:
    assert "a line is longer" in refused_whole(tmp_path, b"a,b\n" + b"x" * (2 * MIB), "f.csv", max_line_bytes=MIB)
    assert "a line is longer" in refused_whole(
        tmp_path, gzip.compress(os.urandom(MIB).hex().encode()), "f.csv.gz", max_line_bytes=MIB
    )


@pytest.mark.parametrize("size", [2_000_000_000, 2 * 1024 * MIB + 1])
def test_two_gigabytes_in_one_line_are_refused_in_bounded_memory(tmp_path: Path, size: int) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.write(b"a,b\n1")
        file.truncate(size)  # sparse: takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DeliveryError, match=r"a line is longer|more than the .* allowed"):
        read(tmp_path / "big.csv", filename="big.csv")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_a_file_that_is_not_there_or_vanishes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="gone.csv: the file is not there"):
        read(tmp_path / "gone.csv", filename="gone.csv")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n")
    whole = held.limited_copy

    def growing(*args, **kwargs):  # type: ignore[no-untyped-def]
        done = whole(*args, **kwargs)
        with path.open("a") as file:
            file.write("3,4\n")
        return done

    monkeypatch.setattr(held, "limited_copy", growing)
    with pytest.raises(DeliveryError, match="changed while it was read"):
        read(path, filename="f.csv")


def test_a_file_replaced_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n")
    whole = held.limited_copy

    def replacing(*args, **kwargs):  # type: ignore[no-untyped-def]
        done = whole(*args, **kwargs)
        (tmp_path / "new").write_text("a,b\n9,9\n")
        os.replace(tmp_path / "new", path)
        return done

    monkeypatch.setattr(held, "limited_copy", replacing)
    with pytest.raises(DeliveryError, match="changed|replaced"):
        read(path, filename="f.csv")


def rows(tmp_path: Path, text: bytes) -> tuple[list[tuple], list[tuple], int]:
    (tmp_path / "d").write_bytes(text)
    raw = read(tmp_path / "d", filename="d.csv")
    assert raw.rows_in == raw.frame.height + raw.refused.height
    return raw.frame.rows(), raw.refused.select("row_number", "rule").rows(), raw.rows_in


def test_ragged_rows_are_refused_one_by_one_with_their_text(tmp_path: Path) -> None:
    good, bad, _ = rows(tmp_path, b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,,3\n")
    assert good == [("1", "2", "3", 1), ("1", None, "3", 4)]
    assert bad == [(2, "ragged_row"), (3, "ragged_row")]
    raw = read(tmp_path / "d", filename="d.csv")
    assert raw.refused["original"].to_list() == ['{"_line":"4,5"}', '{"_line":"6,7,8,9"}']
    assert "line 3 has 2 fields, the header has 3" in raw.refused["reason"][0]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    good, bad, _ = rows(tmp_path, b'a,b\n1,"open\n2,fine\n3,"good"\n4,5" pipe\n5,x"y"z\n6,"ok"\n')
    assert good == [("2", "fine", 2), ("3", "good", 3), ("6", "ok", 6)]
    assert bad == [(1, "broken_quotes"), (4, "broken_quotes"), (5, "broken_quotes")]


def test_two_broken_quotes_do_not_swallow_the_rows_between_them(tmp_path: Path) -> None:
    good, bad, _ = rows(tmp_path, b'a,b,c\n1,"x,3\n2,y,3\n3,"z,3\n4,w,3\n')
    assert [row[0] for row in good] == ["2", "4"]
    assert [number for number, _ in bad] == [1, 3]


def test_blanks_before_a_quote_do_no_harm(tmp_path: Path) -> None:
    good, bad, _ = rows(tmp_path, b'a,b\n"1", "x, y"\n')
    assert (good, bad) == ([("1", "x, y", 1)], [])


def test_a_few_lines_with_damaged_bytes_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [f"{n},路{n}".encode() for n in range(30)]
    lines[7] = b"7,\xff\xfe\xe8"
    good, bad, count = rows(tmp_path, b"id,name\n" + b"\n".join(lines) + b"\n")
    assert bad == [(8, "wrong_encoding")]
    assert count == 30 and good[6] == ("6", "路6", 7) and good[7] == ("8", "路8", 9)


def test_an_encoding_the_mapping_names_is_used_and_an_unknown_one_named(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes("name\nCafé\n".encode("latin-1"))
    assert read(tmp_path / "d", filename="d.csv", options=ReadOptions(encoding="latin-1")).frame["name"].to_list() == [
        "Café"
    ]
    with pytest.raises(DeliveryError, match="unknown encoding 'latn'"):
        read(tmp_path / "d", filename="d.csv", options=ReadOptions(encoding="latn"))


def test_a_declared_format_the_bytes_are_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(parquet(tmp_path))
    with pytest.raises(DeliveryError, match="declared as csv, but the bytes are parquet"):
        read(tmp_path / "d", filename="d", fmt="csv")


soup = st.lists(
    st.sampled_from(["a", "1", ",", ";", '"', "\n", "\r\n", " ", "\t", "路", "\ufeff", "{", "[", "\x00", "''", "é"]),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(
    parts=soup,
    name=st.sampled_from(["f.csv", "f.tsv", "f.json", "f.ndjson", "f.geojson", "f.txt", "f"]),
    tail=st.binary(max_size=6),
)
def test_no_bytes_whatever_raise_anything_but_a_clear_error(
    parts: list[str], name: str, tail: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("soup") / "d"
    path.write_bytes("".join(parts).encode() + tail)
    try:
        raw = read(path, filename=name)
    except CityBrainError as error:
        assert str(error).startswith(f"{name}:")
    else:
        assert raw.rows_in == raw.frame.height + raw.refused.height
        numbers = [*raw.frame["row_number"].to_list(), *raw.refused["row_number"].to_list()]
        assert sorted(numbers) == list(range(1, raw.rows_in + 1))
