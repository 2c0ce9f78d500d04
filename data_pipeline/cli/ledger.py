"""`ledger` and `verify-brief`: freezes, what changed between two, briefings, and whether one is still as issued."""

from __future__ import annotations

import getpass
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from data_pipeline.cities import Pack, find_pack, load_packs
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import StoreError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.desk import ask_freeze
from data_pipeline.ledger import freeze as kept
from data_pipeline.ledger.diff import Change, diff
from data_pipeline.ledger.known import ledger_areas
from data_pipeline.ledger.types import Freeze
from data_pipeline.ledger.verify import verify
from data_pipeline.queries.door import Queries
from data_pipeline.times import iso_local, now_utc

ROOT = Path(__file__).resolve().parents[2]
FREEZE_COLUMNS = ("freeze_id", "name", "on", "frozen_at", "by", "by_known", "sha256")
CHANGE_COLUMNS = ("kind", "subject", "subject_id", "name_zh", "name_en", "lead_zh", "before", "after", "is_simulated")

app = typer.Typer()
ledger_app = typer.Typer(help="The plan ledger: freeze it, compare two freezes, make a briefing.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")

CityOption = Annotated[str, typer.Option("--city", help="City id, for example 420700.")]
PointArgument = Annotated[str, typer.Argument(help="A freeze's id or name, a date (2022-06-30), or now.")]


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@ledger_app.command("freeze")
def freeze(
    name: Annotated[str, typer.Argument(help="What the meeting calls it; a name is used once.")],
    city: CityOption,
    on: Annotated[str, typer.Option("--on", help="The ledger's date (2022-06-30); without it now.")] = "now",
    by: Annotated[str, typer.Option("--by", help="Who freezes; default: the user of this machine.")] = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Keep the whole ledger of a date under a name, with its hash. A freeze never changes."""
    place, known = Home.of(home), load_packs(packs)
    pack, queries = _open(place, known, city)
    try:
        ledger, other = queries.ledger_at(pack.id, on)
        if other is not None:
            raise UsageError(f"--on: {on!r} is a freeze already", hint="give a date")
        # nobody signs in on the command line: the name is what the caller says it is
        made = kept.make(ledger, name, by or getpass.getuser(), False, now_utc())
        ask_freeze(place, made, known)
    finally:
        queries.close()
    emit_one(_freeze_row(made, pack), fmt, "frozen")


@ledger_app.command("freezes")
def freezes(city: CityOption, home: HomeOption = None, packs: PacksOption = None, fmt: FormatOption = Format.table) -> None:
    """List the freezes of a city, newest first."""
    pack, queries = _open(Home.of(home), load_packs(packs), city)
    try:
        rows = [_freeze_row(found, pack) for found in queries.freezes(pack.id)]
    finally:
        queries.close()
    emit(rows, fmt, FREEZE_COLUMNS, "freezes")


@ledger_app.command("diff")
def changes(
    before: PointArgument,
    after: PointArgument = "now",
    city: CityOption = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """List what changed between two ledgers, what needs attention first."""
    pack, queries = _open(Home.of(home), load_packs(packs), city)
    try:
        found = diff(queries.ledger_at(pack.id, before)[0], queries.ledger_at(pack.id, after)[0])
    finally:
        queries.close()
    columns = CHANGE_COLUMNS if fmt is not Format.table else ("kind", "subject_id", "name_zh", "before", "after")
    emit([change_row(change) for change in found], fmt, columns, f"{len(found)} changes")


@ledger_app.command("brief")
def brief(
    out: Annotated[Path, typer.Argument(help="File to write, .pdf or .xlsx.")],
    city: CityOption,
    of: Annotated[str, typer.Option("--of", help="overview, ledger, targets, projects, systems, departments, target, department or changes.")] = "ledger",
    at: Annotated[str, typer.Option("--at", help="A freeze's id or name, a date, or now.")] = "now",
    before: Annotated[str, typer.Option("--before", help="For changes: the earlier ledger.")] = "",
    target: Annotated[str, typer.Option("--target", help="For target: its id.")] = "",
    department: Annotated[str, typer.Option("--department", help="For department: its name as the plan spells it.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    home: HomeOption = None,
    packs: PacksOption = None,
) -> None:
    """Write a briefing as PDF or workbook; the progress goes to the error stream."""
    kind = out.suffix.lower().removeprefix(".")
    command = [sys.executable, "-m", "pages.plan.briefing", "--out", str(out.resolve()), "--home", str(Home.of(home).root), "--city", city,
               "--of", of, "--at", at, "--before", before, "--target", target, "--department", department, "--lang", lang, "--format", kind]  # fmt: skip
    # in a process of its own, as `serve` starts the web: words and drawings belong to the pages, which this package never imports
    code = subprocess.run([*command, *(["--packs", str(packs.resolve())] if packs else [])], cwd=ROOT).returncode
    if code:
        raise typer.Exit(code)


@app.command("verify-brief")
def verify_brief(
    file: Annotated[Path, typer.Argument(help="A briefing, .pdf or .xlsx.")],
    sha256: Annotated[str, typer.Option("--sha256", help="The fingerprint of a copy you trust, or its beginning.")] = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Check that a briefing says what it was issued with. Ends with 1 and names what differs where it does not.

    With a store at hand the frozen ledger a briefing names is looked up there, too.
    """
    found = verify(file)
    problems = list(found.problems)
    if sha256 and not found.sha256.startswith(sha256.lower()):
        problems.append(f"its fingerprint is {found.sha256}, the trusted one begins with {sha256.lower()}")
    checked = "none named"
    if found.freeze_id:
        checked, wrong = _in_store(Home.of(home), found.city, found.freeze_id, found.freeze_sha256)
        problems += wrong
    row = asdict(found) | {"freeze": checked, "problems": problems, "ok": not problems}
    emit_one(row, fmt, file.name)
    if problems:
        raise typer.Exit(1)


def _in_store(place: Home, city: str, freeze_id: str, sha256: str) -> tuple[str, list[str]]:
    """(whether the store keeps that freeze with that hash, what is wrong)."""
    from data_pipeline.store.lake import Lake

    try:
        lake = Lake.reader(place)
    except StoreError:
        return f"not looked up: no store in {place.root}", []
    with lake:
        known = {found.freeze_id: found for found in kept.listed(lake, city)}
    if freeze_id not in known:
        return f"not in {place.root}", []
    if known[freeze_id].sha256 != sha256:
        return "differs", [f"freeze {freeze_id}: the store keeps {known[freeze_id].sha256}, the briefing says {sha256}"]
    return "as in the store", []


def change_row(change: Change) -> dict[str, Any]:
    """A change as plain values."""
    row = {name: getattr(change, name) for name in CHANGE_COLUMNS}
    row["unit"] = change.target.unit_zh if change.target else ""
    return row


def _freeze_row(found: Freeze, pack: Pack) -> dict[str, Any]:
    row = {name: getattr(found, name) for name in FREEZE_COLUMNS if name != "frozen_at"}
    return row | {"frozen_at": iso_local(found.frozen_at_utc, pack.tz)}


def _open(place: Home, packs: dict[str, Pack], city: str) -> tuple[Pack, Queries]:
    if not city:
        raise UsageError("which city?", hint="give --city, for example --city 420700")
    pack = find_pack(packs, city)
    return pack, Queries.open(place, {pack.id: pack}, areas=ledger_areas(pack))
