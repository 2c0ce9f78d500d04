"""`metrics`, `query` and `explain`: what is measured, what came out, and what stands behind it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from data_pipeline.cities import Pack, load_packs
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.metrics import FOLDER as METRIC_FILES
from data_pipeline.metrics import metric as metric_of
from data_pipeline.metrics import metrics as all_metrics
from data_pipeline.queries.door import Queries
from data_pipeline.queries.output import OUTPUT_COLUMNS, rows_for_output
from data_pipeline.times import GRAINS, Grain, iso_local, parse_time

app = typer.Typer()
metrics_app = typer.Typer(
    help="The metrics: definition, unit, standard; `metrics check` proves them.", invoke_without_command=True
)
app.add_typer(metrics_app, name="metrics")

LIST_COLUMNS = ("id", "name_zh", "name_en", "domain", "unit", "better", "kind", "base_grain", "coarsest", "over_area", "over_time",
                "dataset", "formula", "standard", "clause", "clause_en")  # fmt: skip
DomainOption = Annotated[str, typer.Option("--domain", help="Only this domain.")]
MetricOption = Annotated[str, typer.Option("--metric", help="Metric id, for example traffic.tti.")]
AreaOption = Annotated[
    str, typer.Option("--area", help="Area id: statistical code, or <city>:<id> in packs of your own.")
]
GrainOption = Annotated[str, typer.Option("--grain", help=" | ".join(GRAINS))]
AsOfOption = Annotated[str, typer.Option("--as-of", help="Answer with what was known at this time.")]


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@metrics_app.callback(invoke_without_command=True)
def list_metrics(
    ctx: typer.Context,
    domain: DomainOption = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """List the metrics and how each is computed."""
    if ctx.invoked_subcommand is None:
        _list(domain, fmt)


def _list(domain: str, fmt: Format) -> None:
    domains = {m.domain for m in all_metrics().values()}
    if domain and domain not in domains:
        raise UnknownId("domain", domain, domains)
    rows = [_described(m) for m in all_metrics().values() if domain in ("", m.domain)]
    if fmt is Format.table:
        emit(rows, fmt, ("id", "name_zh", "unit", "base_grain", "formula"), "metrics")
    else:
        emit(rows, fmt, LIST_COLUMNS)


def _described(metric: Any) -> dict[str, Any]:
    row = {name: getattr(metric, name) for name in LIST_COLUMNS}
    row |= {name: getattr(metric, name) for name in ("says_zh", "says_en", "does_not_say_zh", "does_not_say_en")}
    return row | {"grains": list(metric.grains)}


@metrics_app.command("list")
def list_command(domain: DomainOption = "", home: HomeOption = None, packs: PacksOption = None, fmt: FormatOption = Format.table) -> None:
    """List the metrics and how each is computed (the same as `metrics` alone)."""
    _list(domain, fmt)


@metrics_app.command("check")
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of metrics to check instead of the product's own.")] = None,
    examples: Annotated[bool, typer.Option("--examples/--no-examples", help="Run the worked examples too (a few minutes).")] = True,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Read every metric, explain its SQL against an empty store and run its worked examples.

    Says of each what is wrong: misspelt keys, columns that do not exist, a unit that does not fit, a divisor that can be 0,
    a period finer than the data. Ends with 1 where anything is wrong. Uses a store of its own in a temporary folder.
    """
    from data_pipeline.aggregate.check import check_metrics, read_metrics
    from data_pipeline.aggregate.examples import example_store

    declared, stands_in, unread = read_metrics(files or sorted(METRIC_FILES.glob("*.toml")))
    rows: list[dict[str, Any]] = [{"file": text.split(": ")[0], "metric": "", "examples": 0, "ok": False, "problems": [text]} for text in unread]
    with example_store() as lake:
        found = check_metrics(lake, list(declared.values()), examples=examples)
    rows += [{"file": stands_in[m], "metric": m, "examples": len(declared[m].examples), "ok": not p, "problems": p} for m, p in found.items()]
    bad = sum(not row["ok"] for row in rows)
    shown = rows if fmt is not Format.table else [row for row in rows if not row["ok"]]
    emit(shown, fmt, ("file", "metric", "examples", "ok", "problems"), f"{len(declared)} metrics, {bad} with problems")
    if bad:
        raise typer.Exit(1)


@metrics_app.command("manual")
def manual_command(
    folder: Annotated[Path | None, typer.Argument(help="Folder to write (default: docs/metrics of this installation).")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; end with 1 where the manual is out of date.")] = False,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Write the metric manual (Chinese and English, a page a domain) from the declarations."""
    from data_pipeline.metrics import manual

    target = folder or manual.FOLDER
    if verify:
        found = manual.problems(target)
        emit([{"problem": text} for text in found], fmt, ("problem",), "metric manual")
        if found:
            raise typer.Exit(1)
        return
    emit([{"page": path.name} for path in manual.write(target)], fmt, ("page",), f"written: {target}")


@app.command("query")
def query(
    metric: MetricOption,
    area: AreaOption,
    grain: GrainOption,
    from_time: Annotated[
        str, typer.Option("--from", help="Start, inclusive (ISO 8601; without offset the city's local time).")
    ],
    to_time: Annotated[str, typer.Option("--to", help="End, exclusive.")],
    as_of: AsOfOption = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Readings of a metric in an area: one row for every period, with completeness, status and data time."""
    declared, chosen = metric_of(metric), _grain(grain)
    place, pack, queries = _open(area, home, packs)
    try:
        start, end = parse_time(from_time, pack.tz, "--from"), parse_time(to_time, pack.tz, "--to")
        readings = queries.readings(metric, place, chosen, start, end, _as_of(as_of, pack))
        rows = rows_for_output(readings, pack, declared, queries.snapshot())
    finally:
        queries.close()
    if fmt is Format.table:
        emit(rows, fmt, ("period_start", "value", "unit", "numerator", "denominator", "n", "completeness", "status", "is_simulated"),
             f"{metric} {place} {grain}")  # fmt: skip
    else:
        emit(rows, fmt, OUTPUT_COLUMNS)


@app.command("explain")
def explain(
    metric: MetricOption,
    area: AreaOption,
    grain: GrainOption,
    period: Annotated[str, typer.Option("--period", help="Any moment of the period (ISO 8601).")],
    as_of: AsOfOption = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Everything behind one reading: definition, formula, SQL, deliveries and rows."""
    declared, chosen = metric_of(metric), _grain(grain)
    place, pack, queries = _open(area, home, packs)
    try:
        found = queries.provenance(metric, place, chosen, parse_time(period, pack.tz, "--period"), _as_of(as_of, pack))
        reading = rows_for_output([found.reading], pack, declared, queries.snapshot())[0]
    finally:
        queries.close()
    names = ("name_zh", "name_en", "says_zh", "says_en", "does_not_say_zh", "does_not_say_en", "standard", "clause", "clause_en",
             "formula", "sql", "dataset", "records_n")  # fmt: skip
    row = reading | {name: getattr(found, name) for name in names}
    row["assumption_zh"], row["assumption_en"] = declared.assumption_zh, declared.assumption_en
    row["simulated_share"] = found.reading.simulated_share
    row["reported_n"], row["expected_n"] = found.reading.reported_n, found.reading.expected_n
    row["deliveries"] = [
        {"delivery_id": d.delivery_id, "filename": d.filename, "source": d.source, "sha256": d.sha256,
         "received_at": iso_local(d.received_at_utc, pack.tz), "is_simulated": d.is_simulated}
        for d in found.deliveries
    ]  # fmt: skip
    for name, item in (("previous", found.previous), ("year_ago", found.year_ago)):
        row[name] = item and {"before": item.before, "relative": item.relative, "points": item.points}
    row["vintages"] = [
        {"known_at": iso_local(v.known_at_utc, pack.tz), "value": v.reading.value, "n": v.reading.n} for v in found.vintages
    ]
    row["sample"] = [dict(zip(found.sample_columns, values, strict=True)) for values in found.sample_rows]
    emit_one(row, fmt, f"{metric} {place}")


def _open(area: str, home: Any, packs: Any) -> tuple[str, Pack, Queries]:
    """(area id, its pack, queries over the home); `UnknownId` for an area no pack has."""
    known = load_packs(packs)
    for pack in known.values():
        if pack.has_area(area):
            # the city asked for is enough: nothing of the others is read
            return pack.area(area).id, pack, Queries.open(Home.of(home), {pack.id: pack})
    raise UnknownId(
        "area", area, [code for pack in known.values() for a in pack.areas.values() for code in (a.id, *a.codes)]
    )


def _grain(text: str) -> Grain:
    for grain in GRAINS:
        if grain == text:
            return grain
    raise UsageError(f"--grain: {text!r} is not a grain", hint=f"allowed: {', '.join(GRAINS)}")


def _as_of(text: str, pack: Pack) -> datetime | None:
    return parse_time(text, pack.tz, "--as-of") if text else None
