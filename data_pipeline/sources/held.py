"""Bytes of a delivery, safely: a private copy, unpacked within limits, and what format they are."""

from __future__ import annotations

import errno
import gzip
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from data_pipeline.errors import DeliveryError, StoreError
from data_pipeline.sources.base import FORMATS, MIB, ReadOptions, gone

CHUNK = MIB
MOST_MEMBERS = 10_000  # files in one zip
GROWTH_FREE = 16 * MIB  # below this size a growth factor says nothing about ill will
SHAPEFILE_PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".xml", ".fix"}
BY_SUFFIX = {
    ".csv": "csv", ".txt": "csv", ".dat": "csv", ".tsv": "tsv", ".tab": "tsv", ".xlsx": "excel", ".xls": "excel",
    ".xlsb": "excel", ".xlsm": "excel", ".ods": "excel", ".parquet": "parquet", ".pq": "parquet", ".json": "json",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".geojson": "geojson", ".gpkg": "geopackage", ".shp": "shapefile",
    ".pb": "gtfs_rt", ".pbf": "gtfs_rt",
}  # fmt: skip


@contextmanager
def private_copy(path: Path, filename: str, options: ReadOptions) -> Iterator[Path]:
    """A copy of the delivery that nobody else can change, in a folder removed afterwards.

    A supplier may still be writing: the file's size and time are compared before and after.

    Raises
    ------
    DeliveryError
        The file is absent, empty or too large, vanished, or changed while it was copied.
    """
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder:
        target = Path(folder) / "delivery"
        try:
            if path.is_dir():
                target.mkdir()
                for part in sorted(p for p in path.iterdir() if p.is_file()):
                    copy_file(part, target / part.name, f"{filename}/{part.name}", options)
            elif path.suffix.lower() == ".shp":
                target.mkdir()
                # a shapefile is several files of one name; they lie beside each other
                for part in sorted(p for p in path.parent.iterdir() if p.stem == path.stem and p.is_file()):
                    if part.suffix.lower() in SHAPEFILE_PARTS:
                        copy_file(part, target / part.name, part.name, options)
            else:
                copy_file(path, target, filename, options)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise gone(filename) from None
        except PermissionError:
            raise DeliveryError(f"{filename}: the file may not be read (permission denied)") from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StoreError(
                    f"no room in {folder} to copy {filename}", hint="free disk space, or set TMPDIR"
                ) from None
            raise
        yield target


def copy_file(source: Path, target: Path, filename: str, options: ReadOptions) -> None:
    """Copy one file; refuse it where it is too large or changes meanwhile."""
    with source.open("rb") as given, target.open("wb") as kept:
        before = os.fstat(given.fileno())
        if before.st_size > options.max_bytes:
            raise DeliveryError(
                f"{filename}: {before.st_size:,} bytes are more than the {options.max_bytes:,} allowed",
                hint="split the file, or deliver it as Parquet",
            )
        limited_copy(given, kept, filename, options)
        after = os.fstat(given.fileno())
        same_name = os.stat(source)
    if (before.st_size, before.st_mtime_ns) != (
        after.st_size,
        after.st_mtime_ns,
    ) or target.stat().st_size != before.st_size:
        raise DeliveryError(
            f"{filename}: the file changed while it was read ({before.st_size:,} bytes, then {after.st_size:,})",
            hint="wait until the supplier has finished writing, then deliver it again",
        )
    if (same_name.st_dev, same_name.st_ino) != (before.st_dev, before.st_ino):
        raise DeliveryError(f"{filename}: the file was replaced while it was read", hint="deliver it again")


def limited_copy(
    given: IO[bytes], kept: IO[bytes], filename: str, options: ReadOptions, *,
    limit: int = 0, packed: int = 0, lined: bool | None = None, inside: str = "",
) -> int:  # fmt: skip
    """Copy a stream in pieces; stop at once where text has no line end, or growth has no end.

    Parameters
    ----------
    limit : int
        Most bytes to write; 0 = `options.max_bytes`.
    packed : int
        Size of the packed file behind the stream, 0 where it is not packed.
    lined : bool, optional
        Whether the length of a line is limited; None = found out from the first bytes.
    inside : str
        Name of the file inside a packed one; helps to tell whether it is text of lines.

    Returns
    -------
    int
        Bytes written.
    """
    limit = limit or options.max_bytes
    written, since_newline = 0, 0
    while chunk := given.read(CHUNK):
        if lined is None:
            lined = is_lined_text(chunk, inside or filename)
        written += len(chunk)
        if lined:
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            since_newline = since_newline + len(chunk) if last < 0 else len(chunk) - last - 1
            if since_newline > options.max_line_bytes:
                raise DeliveryError(
                    f"{filename}: a line is longer than the {options.max_line_bytes:,} bytes allowed",
                    hint="this is no table of lines; check that the file is complete and has line ends",
                )
        if written > limit:
            raise DeliveryError(
                f"{filename}: more than the {limit:,} bytes allowed once unpacked", hint="split the file",
                code="file_unpacks", facts={"file": filename, "most": limit // 1024**2},
            )  # fmt: skip
        if packed and written > GROWTH_FREE and written > packed * options.max_ratio:
            raise DeliveryError(
                f"{filename}: unpacks to more than {options.max_ratio} times its size (a zip bomb?)",
                hint="deliver it unpacked, or as Parquet",
                code="file_bomb", facts={"file": filename, "most": options.max_ratio},
            )
        kept.write(chunk)
    return written


def is_lined_text(head: bytes, filename: str) -> bool:
    """Whether the bytes are text made of lines, so that a line's length may be limited."""
    if _by_magic(head) or PurePosixPath(filename.lower()).suffix in SHAPEFILE_PARTS | {".xlsx", ".xlsm", ".ods"}:
        return False
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    name = filename.lower()
    if name.endswith((".pb", ".pbf")):
        return False
    return name.endswith((".ndjson", ".jsonl")) or start not in (b"{", b"[") or name.endswith((".csv", ".tsv", ".txt"))


def _by_magic(head: bytes) -> str:
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "ole"
    if head.startswith(b"SQLite format 3\x00"):
        return "geopackage"
    if head.startswith(b"\x00\x00\x27\x0a"):
        return "shapefile"
    for magic, what in ((b"%PDF", "PDF document"), (b"\x89PNG", "PNG picture"), (b"\xff\xd8\xff", "JPEG picture"),
                        (b"Rar!", "RAR archive"), (b"7z\xbc\xaf", "7z archive"), (b"BZh", "bzip2 file"),
                        (b"\xfd7zXZ", "xz file"), (b"\x28\xb5\x2f\xfd", "zstd file")):  # fmt: skip
        if head.startswith(magic):
            return what
    return ""


def detect(file: Path, filename: str, fmt: str | None) -> str:
    """Format of a held file: one of `FORMATS`, or `gzip`, `zip`, `ole`.

    The bytes decide between families, the name and `fmt` between text formats.

    Raises
    ------
    DeliveryError
        The file is empty, of a kind that is not read, or not of the format that was declared.
    """
    if file.is_dir():
        return "shapefile"
    with file.open("rb") as handle:
        head = handle.read(65536)
    if not head.strip(b"\xef\xbb\xbf \t\r\n\x00"):
        raise DeliveryError(
            f"{filename}: the file is empty ({file.stat().st_size} bytes)", hint="deliver it again, complete"
        )
    found = _by_magic(head)
    if found in ("gzip", "zip", "ole"):
        return found
    if found and found not in FORMATS:
        raise DeliveryError(
            f"{filename}: a {found} is not a table", hint=f"formats taken: {', '.join(FORMATS)}, gzip, zip"
        )
    suffix = PurePosixPath(filename.lower()).suffix
    declared = fmt or BY_SUFFIX.get(suffix, "")
    if not found:
        if declared in ("parquet", "excel", "geopackage", "shapefile"):
            raise DeliveryError(
                f"{filename}: said to be {declared}, but its first bytes are not ({head[:8]!r})",
                hint="the file is truncated, encrypted or of another format",
            )
        # a protocol buffer has no mark of its own; its reader says what is wrong with it
        found = "gtfs_rt" if declared == "gtfs_rt" else _text_format(head, declared)
    if fmt and fmt != found:
        if fmt == "gtfs":
            raise DeliveryError(f"{filename}: a GTFS feed is a zip, but the bytes are {found}", hint="deliver the whole feed as one zip")
        raise DeliveryError(
            f"{filename}: declared as {fmt}, but the bytes are {found}", hint="correct the mapping's `format`"
        )
    return found


def _text_format(head: bytes, declared: str) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if declared in ("csv", "tsv", "ndjson", "geojson"):
        return declared
    if declared == "json":
        # many suppliers call newline-delimited and geographic JSON simply .json
        return "geojson" if b'"FeatureCollection"' in head else "json"
    if start[:1] == b"{":
        first_line = start.split(b"\n", 1)
        if b'"FeatureCollection"' in head:
            return "geojson"
        return "ndjson" if len(first_line) > 1 and first_line[1].lstrip()[:1] == b"{" else "json"
    return "json" if start[:2] in (b"[{", b"[]") or start[:1] == b"[" else "csv"


def gunzip(file: Path, target: Path, filename: str, options: ReadOptions) -> None:
    """Unpack a gzip file within limits; a truncated or damaged one is a `DeliveryError`."""
    packed = file.stat().st_size
    inner = filename[:-3] if filename.lower().endswith(".gz") else filename
    try:
        with gzip.open(file, "rb") as given, target.open("wb") as kept:
            unpacked: IO[bytes] = given  # type: ignore[assignment]
            limited_copy(unpacked, kept, filename, options, limit=options.max_text_bytes, packed=packed, inside=inner)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DeliveryError(
            f"{filename}: the gzip file is truncated or damaged ({error})", hint="deliver it again, complete"
        ) from None


def zip_members(file: Path, filename: str) -> list[zipfile.ZipInfo]:
    """Files inside a zip, without folders and system litter; encrypted ones are refused."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except zipfile.BadZipFile as error:
        raise _damaged(f"{filename}: the zip is truncated or damaged ({error})", filename) from None
    kept = []
    for info in infos:
        name = info.filename.replace("\\", "/")
        if info.is_dir() or name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith((".", "~$")):
            continue
        if info.flag_bits & 0x1:
            raise DeliveryError(f"{filename}: {name} is protected by a password", hint="deliver it without a password",
                                code="file_password", facts={"file": filename})  # fmt: skip
        kept.append(info)
    if not kept:
        raise _damaged(f"{filename}: the zip holds no file", filename)
    if len(kept) > MOST_MEMBERS:
        raise DeliveryError(f"{filename}: the zip holds {len(kept):,} files, {MOST_MEMBERS:,} are allowed", hint="split it",
                            code="file_members", facts={"file": filename, "n": len(kept), "most": MOST_MEMBERS})  # fmt: skip
    return kept


def _damaged(message: str, filename: str) -> DeliveryError:
    return DeliveryError(message, hint="deliver it again, complete", code="file_damaged", facts={"file": filename})


def unpack(
    file: Path, filename: str, infos: list[zipfile.ZipInfo], options: ReadOptions, place: Callable[[int, str], Path]
) -> list[tuple[str, Path]]:
    """Unpack members within limits (their sum too); sizes and checksums the zip claims are not trusted.

    `place(n, name)` says where the n-th member goes, so no name inside the zip ever becomes a path.
    """
    taken, total, packed = [], 0, file.stat().st_size
    try:
        with zipfile.ZipFile(file) as archive:
            for n, info in enumerate(infos):
                target = place(n, info.filename)
                with archive.open(info) as given, target.open("wb") as kept:
                    left = max(options.max_bytes - total, 1)
                    total += limited_copy(
                        given, kept, f"{filename}: {info.filename}", options, limit=left, packed=packed
                    )
                taken.append((info.filename.replace("\\", "/"), target))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DeliveryError(
            f"{filename}: the zip is truncated, damaged or packed in an unknown way ({error})", hint="deliver it again"
        ) from None
    return taken


def check_zip(file: Path, filename: str, options: ReadOptions) -> list[str]:
    """Names inside a zip-based document after reading all of it within limits (bombs, damage)."""
    infos = zip_members(file, filename)
    total, packed = 0, file.stat().st_size
    try:
        with zipfile.ZipFile(file) as archive, open(os.devnull, "wb") as nowhere:
            for info in infos:
                with archive.open(info) as given:
                    # sheets are XML without line ends
                    total += limited_copy(
                        given, nowhere, filename, options, limit=options.max_text_bytes, packed=packed, lined=False
                    )
                if total > options.max_text_bytes:
                    raise DeliveryError(
                        f"{filename}: unpacks to more than {options.max_text_bytes:,} bytes", hint="split it",
                        code="file_unpacks", facts={"file": filename, "most": options.max_text_bytes // 1024**2},
                    )  # fmt: skip
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _damaged(f"{filename}: the file is truncated or damaged ({error})", filename) from None
    return [info.filename for info in infos]
