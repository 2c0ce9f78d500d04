"""Rules of a contract over typed columns: one pass says whether any row breaks any; only then rows are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from data_pipeline.contracts import Contract, duration

MAX_REASONS = 5


@dataclass
class Refusals:
    """Rows refused so far. The first rule a row breaks decides; later ones are added to its reason."""

    height: int
    parts: list[pl.DataFrame] = field(default_factory=list)

    def add(self, mask: pl.Series, column: str, rule: str, template: str, shown: pl.Series | None = None) -> None:
        """Refuse rows where `mask` is true; `{}` in `template` becomes the row's text of `shown`."""
        rows = mask.fill_null(False).arg_true()
        if not len(rows):
            return
        reason = pl.Series([template]).new_from_index(0, len(rows))
        if shown is not None and "{}" in template:
            values = shown.gather(rows).cast(pl.String).fill_null("(empty)").str.slice(0, 200)
            before, after = template.split("{}", 1)
            reason = before + pl.select(pl.lit(values)).to_series() + after
        self.parts.append(
            pl.DataFrame({"_i": rows.cast(pl.Int64)}).with_columns(
                pl.lit(column).alias("column_name"), pl.lit(rule).alias("rule"), reason.alias("reason")
            )
        )

    def table(self) -> pl.DataFrame:
        """One row a refused row: `_i` (position), column, rule of the first breach, reasons of all."""
        if not self.parts:
            return pl.DataFrame(
                schema={"_i": pl.Int64, "column_name": pl.String, "rule": pl.String, "reason": pl.String}
            )
        every = pl.concat(self.parts)
        grouped = every.group_by("_i", maintain_order=True).agg(
            pl.col("column_name").first(),
            pl.col("rule").first(),
            pl.col("reason").unique(maintain_order=True).head(MAX_REASONS).str.join("; "),
        )
        return grouped.sort("_i")


def _plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 1e15 else repr(number)


def rules(
    frame: pl.DataFrame, contract: Contract, now_utc: datetime, lateness: timedelta
) -> list[tuple[str, str, pl.Expr, str, pl.Expr]]:
    """(column, rule, mask of bad rows, template, value to show) for every rule of the contract."""
    found: list[tuple[str, str, pl.Expr, str, pl.Expr]] = []
    for name, column in contract.columns.items():
        value, unit = pl.col(name), f" {column.unit}" if column.unit else ""
        if column.required or name in contract.key:
            found.append((name, "missing_value", value.is_null(), f"{name} is empty, but required", value))
        if column.min is not None:
            found.append(
                (
                    name,
                    "out_of_range",
                    value < column.min,
                    f"{{}} is below the least allowed, {_plain(column.min)}{unit}",
                    value,
                )
            )
        if column.max is not None:
            found.append(
                (
                    name,
                    "out_of_range",
                    value > column.max,
                    f"{{}} is above the most allowed, {_plain(column.max)}{unit}",
                    value,
                )
            )
        if column.values:
            bad = value.is_not_null() & ~value.is_in(list(column.values))
            found.append((name, "unknown_value", bad, f"{{}} is not one of {', '.join(column.values)}", value))
        if column.pattern:
            bad = ~value.str.contains(f"^(?:{column.pattern})$")
            found.append((name, "wrong_pattern", bad, f"{{}} does not look like {column.pattern}", value))
    if contract.event_time:
        found += _time_rules(frame, contract, now_utc, lateness)
    for check in contract.checks:
        bad = ~pl.sql_expr(check.expression)
        found.append(("", check.name, bad, f"{check.zh} ({check.en})", pl.lit("")))
    return found


def _time_rules(
    frame: pl.DataFrame, contract: Contract, now_utc: datetime, lateness: timedelta
) -> list[tuple[str, str, pl.Expr, str, pl.Expr]]:
    name = contract.event_time or ""
    at = pl.col(name)
    latest = now_utc + duration(contract.allowed_ahead)
    # a case lives long: what counts as late is its last change, not its beginning
    last = pl.max_horizontal(at, "updated_at") if contract.kind == "case" and "updated_at" in frame.columns else at
    days = lateness.days
    return [
        (name, "future_time", at > latest,
         f"{{}} UTC is in the future (now {now_utc:%Y-%m-%d %H:%M} UTC, {contract.allowed_ahead} allowed)", at),
        (name, "too_late", last < now_utc - lateness,
         f"{{}} UTC is older than the {days} days in which a record may arrive; "
         "for an archive set `allowed_lateness` in the mapping", at),
    ]  # fmt: skip


def check(frame: pl.DataFrame, contract: Contract, refusals: Refusals, now_utc: datetime, lateness: timedelta) -> None:
    """Refuse rows of a typed frame that break the contract. A rule whose value is null says nothing."""
    if not frame.height:
        return
    every = rules(frame, contract, now_utc, lateness)
    masks = [mask.fill_null(False) for _, _, mask, _, _ in every]
    hit = frame.lazy().select(mask.any().alias(str(n)) for n, mask in enumerate(masks)).collect().row(0)
    for n, broken in enumerate(hit):
        if broken:
            column, rule, _, template, shown = every[n]
            mask = frame.select(masks[n].alias("m")).to_series()
            values = frame.select(shown.cast(pl.String).alias("v")).to_series()
            refusals.add(mask, column, rule, template, values if len(values) == frame.height else None)
