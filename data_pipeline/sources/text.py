"""Delimited text: any encoding and delimiter, each row either whole or refused with a reason."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import polars as pl

from data_pipeline.errors import DeliveryError
from data_pipeline.sources.base import Raw, ReadOptions, as_json, check_cells, check_header, refusals

CANDIDATES = (",", "\t", ";", "|", "，", "；")
BAD_BYTES = "\ufdd0"  # a code point that no text may hold: marks lines with undecodable bytes
HELD = "\ufdd1"  # stands for a quoted field while delimiters are counted
MAX_RECORD_LINES = 1000  # lines one quoted value may span before its quote counts as broken


def read_delimited(file: Path, filename: str, fmt: str, options: ReadOptions) -> Raw:
    """A table of text from delimited lines. All columns are String, empty fields are null.

    Rows with too few or too many fields, broken quotes or undecodable bytes are refused one by
    one. Blank rows (nothing but delimiters) are no rows.

    Raises
    ------
    DeliveryError
        No encoding fits, there is no header, a column name stands twice.
    """
    size = file.stat().st_size
    if size > options.max_text_bytes:
        raise DeliveryError(
            f"{filename}: {size:,} bytes of text are more than the {options.max_text_bytes:,} allowed at once",
            hint="split the file, or deliver it as Parquet",
        )
    text, encoding, broken_lines = decode(file.read_bytes(), filename, options.encoding)
    notes = [f"encoding {encoding}"]
    if broken_lines:
        notes.append(f"{broken_lines} lines are not {encoding}")
    lines = pl.Series([text.replace("\r\n", "\n").replace("\r", "\n")]).str.split("\n").explode()
    del text
    lines = lines[options.skip_rows :]
    if options.comment_prefix:
        lines = lines.filter(~lines.str.starts_with(options.comment_prefix))
    if options.delimiter == "whitespace":
        lines = lines.str.strip_chars().str.replace_all(r"[ \t]+", "\t")
    delimiter = "\t" if options.delimiter == "whitespace" else options.delimiter or sniff(lines, fmt)
    notes.append(f"delimiter {delimiter!r}")
    line_no = pl.int_range(1, len(lines) + 1, eager=True) + options.skip_rows
    records = pl.DataFrame({"line": line_no, "text": lines})
    filled = ~_blank(lines, delimiter)
    if not filled.any():
        raise DeliveryError(
            f"{filename}: the file holds no rows at all, not even a header", hint="deliver it again, complete"
        )
    # blank lines before the header go first; one inside a quoted value belongs to the value
    records = _whole_records(records[int(filled.arg_max() or 0) :], delimiter)
    blank = _blank(records["text"], delimiter)
    blank_rows = int(blank.sum()) - int(blank[-1])  # the last line end opens no line
    if blank_rows:
        notes.append(f"{blank_rows} blank rows")
    records = records.filter(~blank)
    names, records = _names(records, delimiter, filename, options)
    check_cells(records.height, len(names), filename, options)
    records = records.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"))
    if not records.height:
        notes.append("header only: no data rows")
    frame, bad = _split(records, names, delimiter)
    refused = refusals(bad)
    return Raw(frame, refused, frame.height + refused.height, fmt, tuple(notes))


def decode(data: bytes, filename: str, encoding: str = "") -> tuple[str, str, int]:
    """Text, the encoding that fitted, and the number of lines that do not fit it.

    Without `encoding`: a byte-order mark decides, then UTF-8, then GB18030 (only where the result
    reads like Chinese, as GB18030 turns almost any bytes into some character). A few broken
    lines in otherwise good text are marked and refused later; more refuse the whole delivery.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and not encoding:
        encoding = "utf-16"
    if not encoding:
        try:
            return _no_nul(data.decode("utf-8-sig"), filename), "UTF-8", 0
        except UnicodeDecodeError as error:
            first_bad = error.start
        if (text := _as_chinese(data)) is not None:
            return _no_nul(text, filename), "GB18030", 0
        text, broken, total = _decode_by_line(data, "utf-8")
        # a supplier's wrong encoding shows in most lines with foreign letters, a damaged line in few
        if broken * 10 <= total and not text.startswith(BAD_BYTES):
            return _no_nul(text, filename), "UTF-8", broken
        line = data.count(b"\n", 0, first_bad) + 1
        raise DeliveryError(
            f"{filename}: the text is neither UTF-8 nor GB18030 "
            f"(line {line}, byte {first_bad}: {data[first_bad : first_bad + 4]!r})",
            hint='name the encoding in the mapping, for example encoding = "big5" or "latin-1"',
        )
    try:
        return _no_nul(data.decode(encoding).removeprefix("\ufeff"), filename), encoding, 0
    except LookupError:
        raise DeliveryError(
            f"{filename}: unknown encoding {encoding!r}", hint="for example utf-8, gb18030, latin-1"
        ) from None
    except UnicodeDecodeError as error:
        if encoding.lower().startswith(("utf-16", "utf-32")):
            raise DeliveryError(f"{filename}: the text is not {encoding} (byte {error.start})") from None
    text, broken, total = _decode_by_line(data, encoding)
    if broken * 10 > total or text.startswith(BAD_BYTES):
        raise DeliveryError(
            f"{filename}: {broken} of {total} lines are not {encoding}", hint="correct `encoding` in the mapping"
        )
    return _no_nul(text, filename), encoding, broken


def _no_nul(text: str, filename: str) -> str:
    if "\x00" in text:
        raise DeliveryError(
            f"{filename}: the text holds NUL characters: it is binary, damaged, or UTF-16 without a mark",
            hint='deliver it again; for UTF-16 set encoding = "utf-16-le" in the mapping',
        )
    return text


def _as_chinese(data: bytes) -> str | None:
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = re.findall(r"[^\x00-\x7f]", text[:2_000_000])
    # GB 2312 holds the characters in daily use; chance pairs of Latin letters fall outside it
    common = len("".join(foreign).encode("gb2312", errors="ignore")) // 2
    return text if common >= 0.9 * len(foreign) else None


def _decode_by_line(data: bytes, encoding: str) -> tuple[str, int, int]:
    out, broken, total = [], 0, 0
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        total += bool(line.strip())
        try:
            out.append(line.decode(encoding))
        except UnicodeDecodeError:
            out.append(BAD_BYTES + line.decode(encoding, errors="backslashreplace"))
            broken += 1
    return "\n".join(out), broken, total


def sniff(lines: pl.Series, fmt: str = "csv") -> str:
    """The delimiter that cuts the first lines most evenly; "," where none does."""
    sample = [re.sub(r'"(?:[^"]|"")*"', "", line) for line in lines.head(50).to_list() if line.strip()]
    best, best_score = "\t" if fmt == "tsv" else ",", (0.0, 0)
    for candidate in CANDIDATES:
        counts = [line.count(candidate) for line in sample]
        if not counts or not counts[0]:
            continue
        even = sum(count == counts[0] for count in counts) / len(counts)
        score = (round(even, 1), counts[0])
        if score > best_score and even >= 0.5:
            best, best_score = candidate, score
    return best


def _blank(lines: pl.Series, delimiter: str) -> pl.Series:
    return lines.str.strip_chars(" \t\u3000" + delimiter).str.len_bytes() == 0


def _masked(column: str, delimiter: str) -> pl.Expr:
    """The record with each quoted field replaced by one mark, so that delimiters can be counted."""
    return pl.col(column).str.replace_all(r'"(?:[^"]|"")*"', HELD)


def _clean(masked: pl.Expr, delimiter: str) -> pl.Expr:
    """Whether quotes stand only around whole fields."""
    d = re.escape(delimiter)
    beside = masked.str.replace_all(f"(^|{d}){HELD}", "$1").str.replace_all(HELD, '"')
    after = masked.str.contains(f"{HELD}[^{d}]") if len(delimiter) == 1 else pl.lit(False)
    return ~beside.str.contains('"', literal=True) & ~after


def _whole_records(records: pl.DataFrame, delimiter: str) -> pl.DataFrame:
    """Lines joined to records where a quoted value holds line ends; adds `masked` and `clean`.

    A quote that is opened and not closed within `MAX_RECORD_LINES` such that the record has as many
    fields as the header is a broken one: its line alone is refused, the lines after it are kept.
    """
    quoted = records["text"].str.contains('"', literal=True)
    if quoted.any():
        odd = (records["text"].str.count_matches('"', literal=True) % 2 == 1).to_numpy().nonzero()[0].tolist()
        if odd:
            records = _join_open_quotes(records, odd, delimiter)
    masked = _masked("text", delimiter) if quoted.any() else pl.col("text")
    records = records.with_columns(masked.alias("masked"))
    clean = _clean(pl.col("masked"), delimiter) if quoted.any() else pl.lit(True)
    return records.with_columns(
        clean.alias("clean"), (pl.col("masked").str.count_matches(delimiter, literal=True) + 1).alias("fields")
    )


def _join_open_quotes(records: pl.DataFrame, odd: list[int], delimiter: str) -> pl.DataFrame:
    texts = records["text"].to_list()
    first = _fields(texts[0], delimiter)
    expected = len(first) if first else 0
    joined: dict[int, str] = {}
    swallowed: set[int] = set()
    at = 0
    while at < len(odd):
        start = odd[at]
        end = next((e for e in odd[at + 1 : at + 2] if e - start <= MAX_RECORD_LINES), None)
        whole = "\n".join(texts[start : end + 1]) if end is not None else ""
        fields = _fields(whole, delimiter) if whole else None
        # the header itself may span lines; then it says how many fields there are
        if fields and (len(fields) == expected or start == 0):
            expected = len(fields)
            joined[start] = whole
            swallowed.update(range(start + 1, end + 1))  # type: ignore[operator]
            at += 2
        else:
            at += 1
    rows = [
        (joined.get(n, text), line)
        for n, (text, line) in enumerate(zip(texts, records["line"], strict=True))
        if n not in swallowed
    ]
    return pl.DataFrame({"line": [line for _, line in rows], "text": [text for text, _ in rows]})


def _fields(record: str, delimiter: str) -> list[str] | None:
    """Fields of one record by the strict rules of RFC 4180; None where its quotes are broken."""
    if len(delimiter) != 1:
        return record.split(delimiter) if '"' not in record else None
    try:
        rows = list(
            csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
        )
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _names(
    records: pl.DataFrame, delimiter: str, filename: str, options: ReadOptions
) -> tuple[list[str], pl.DataFrame]:
    if options.has_header:
        header = records.row(0, named=True)
        fields = _fields(header["text"], delimiter)
        if fields is None or header["text"].startswith(BAD_BYTES):
            raise DeliveryError(
                f"{filename}: the header (line {header['line']}) cannot be read: {header['text'][:120]!r}",
                hint="broken quotes or a wrong encoding; correct the file or name its encoding in the mapping",
            )
        records = records[1:]
        if options.header and len(options.header) != len(fields):
            raise DeliveryError(
                f"{filename}: the mapping names {len(options.header)} columns, "
                f"the file has {len(fields)}: {', '.join(fields[:30])}"
            )
        return check_header(list(options.header) or fields, filename), records
    if options.header:
        return check_header(list(options.header), filename), records
    usual = Counter(records["fields"].head(1000).to_list()).most_common(1)[0][0]
    return [f"column_{n}" for n in range(1, usual + 1)], records


def _split(
    records: pl.DataFrame, names: list[str], delimiter: str
) -> tuple[pl.DataFrame, list[tuple[int, str, str, str, str]]]:
    schema = dict.fromkeys(names, pl.String())
    marked = pl.col("text").str.contains(BAD_BYTES, literal=True)
    good = ~marked & pl.col("clean") & (pl.col("fields") == len(names))
    records = records.with_columns(good.alias("good"))
    bad: list[tuple[int, str, str, str, str]] = []
    loose: list[tuple[int, list[str]]] = []  # quotes with a blank before them: not RFC 4180, yet plain
    for row in records.filter(~pl.col("good")).iter_rows(named=True):
        text, line = row["text"], row["line"]
        fields = (
            None
            if BAD_BYTES in text or not row["clean"] and not _loose_ok(text, delimiter)
            else _fields(text, delimiter)
        )
        if BAD_BYTES in text:
            rule, reason = "wrong_encoding", f"line {line} holds bytes that are no text in this encoding"
        elif fields is None:
            rule, reason = "broken_quotes", f"line {line}: a quote is opened and not closed, or stands inside a value"
        elif len(fields) == len(names):
            loose.append((row["row"], fields))
            continue
        else:
            rule, reason = "ragged_row", f"line {line} has {len(fields)} fields, the header has {len(names)}"
        bad.append((row["row"], "", rule, reason, as_json({"_line": text.replace(BAD_BYTES, "")})))
    whole = records.filter("good")
    frame = _parse(whole["text"], names, delimiter, quotes=whole["text"].str.contains('"', literal=True).any())
    frame = frame.with_columns(whole["row"].alias("row_number"))
    if loose:
        extra = pl.DataFrame([f or [None] * len(names) for _, f in loose], schema=schema, orient="row")
        extra = extra.with_columns(pl.col(pl.String).replace("", None))
        extra = extra.with_columns(pl.Series("row_number", [n for n, _ in loose], dtype=pl.Int64))
        frame = pl.concat([frame, extra]).sort("row_number")
    return frame, bad


def _loose_ok(text: str, delimiter: str) -> bool:
    """Whether every quote opens right after a delimiter (blanks allowed) and closes right before one."""
    d = re.escape(delimiter)
    return '"' not in re.sub(rf'(^|{d})[ \t]*"(?:[^"]|"")*"[ \t]*(?=$|{d})', r"\1", text)


def _parse(texts: pl.Series, names: list[str], delimiter: str, *, quotes: bool) -> pl.DataFrame:
    """Records known to be whole as a table; the number of rows is checked, not believed."""
    schema = dict.fromkeys(names, pl.String())
    if not len(texts):
        return pl.DataFrame(schema=schema)
    if len(delimiter.encode()) == 1:
        body = texts.str.join("\n").item().encode()
        frame = pl.read_csv(
            body,
            has_header=False,
            schema=schema,
            separator=delimiter,
            quote_char='"' if quotes else None,
            infer_schema=False,
        )
        if frame.height == len(texts):
            return frame
    rows = [_fields(text, delimiter) for text in texts.to_list()]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col(pl.String).replace("", None))
