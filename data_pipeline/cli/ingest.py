"""`import` and `quarantine list|export|replay`: deliveries by hand, and what was refused."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from data_pipeline.cities import find_pack, load_packs
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import DeliveryError, UsageError
from data_pipeline.home import Home
from data_pipeline.ingest import desk, quarantine
from data_pipeline.ingest.quarantine import Wanted
from data_pipeline.ingest.types import Incoming, Receipt
from data_pipeline.ingest.writer import Writer
from data_pipeline.mappings import Mapping, load_mapping
from data_pipeline.store.inbox import submit
from data_pipeline.store.lake import Lake
from data_pipeline.store.lock import holder
from data_pipeline.times import parse_time

app = typer.Typer()
quarantine_app = typer.Typer(help="Rows that broke their contract: list, export, replay.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")

CityOption = Annotated[str, typer.Option("--city", help="City id.")]
SomeCity = Annotated[str, typer.Option("--city", help="Only this city.")]
SomeDataset = Annotated[str, typer.Option("--dataset", help="Only this dataset.")]
SomeDelivery = Annotated[int | None, typer.Option("--delivery", help="Only this delivery.")]
SomeRule = Annotated[str, typer.Option("--rule", help="Only rows refused by this rule.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for a running pipeline's answer.")]


@app.callback()
def _group() -> None:
    """Keeps `app` a group of commands."""


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="The file as the supplier gave it (or the folder of a shapefile).")],
    city: CityOption,
    mapping: Annotated[str, typer.Option(help="Mapping file (TOML) or the name of one of the product's.")] = "",
    dataset: Annotated[str, typer.Option(help="Dataset; told by the mapping. If both are given they must agree.")] = "",
    source: Annotated[str, typer.Option(help="Who supplied it; default: the mapping's title, else the city's source.")] = "",
    operator: Annotated[str, typer.Option(help="Who brings it in; default: the user of this machine.")] = "",
    simulated: Annotated[bool, typer.Option("--simulated", help="The records were made by a simulator.")] = False,
    known_from: Annotated[str, typer.Option(help="For archives: since when this was known (default now).")] = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    timeout: TimeoutOption = 600.0,
    fmt: FormatOption = Format.table,
) -> None:
    """Take one file into the store; a running pipeline takes it, else this command does.

    Prints the account: rows_in = accepted + duplicates + quarantined. Quarantined rows alone end with 0.
    """
    found = load_packs(packs)
    pack = find_pack(found, city)
    plan = load_mapping(mapping) if mapping else None
    name = _dataset(dataset, plan)
    known = parse_time(known_from, pack.tz, "--known-from") if known_from else None
    declared = pack.sources.get(name)
    incoming = Incoming(
        path=file,
        city=pack.id,
        dataset=name,
        source=source or (plan.source or plan.title if plan else "") or (declared.supplier_zh if declared else "") or "import",
        filename=file.name,
        mapping=plan,
        mapping_name=plan.name if plan else "",
        operator=operator or getpass.getuser(),
        is_simulated=simulated,
        known_from_utc=known,
    )
    place = Home.of(home)
    if not file.exists():
        raise DeliveryError(f"{file}: there is no such file")
    if _pipeline_runs(place):
        receipt = submit(place, incoming, timeout)
    else:
        with _writer(place, found, "python -m data_pipeline import") as writer:
            receipt = writer.take(incoming)
    emit_one(receipt.as_dict(), fmt, f"{file.name} → {name}")
    _fail_if_refused([receipt])


def _dataset(dataset: str, mapping: Mapping | None) -> str:
    """The dataset the mapping or the option names; `UsageError` where they differ or neither does."""
    if mapping is None:
        if not dataset:
            raise UsageError("which dataset is it?", hint="give --mapping FILE, or --dataset ID for a file with the contract's columns")
        return dataset
    if dataset and dataset != mapping.dataset:
        raise UsageError(f"--dataset {dataset} but the mapping {mapping.name or ''} makes {mapping.dataset}")
    return mapping.dataset


def _pipeline_runs(home: Home) -> bool:
    who = holder(home)
    return who is not None and who.answers_inbox


@contextmanager
def _writer(home: Home, packs: dict[str, Any], command: str):  # noqa: ANN202 (a context manager of Writer)
    with Lake.writer(home, command) as lake:
        yield Writer(lake, packs, home)


def _fail_if_refused(receipts: list[Receipt]) -> None:
    refused = [receipt for receipt in receipts if receipt.status == "refused"]
    if refused:
        raise DeliveryError(f"refused: {refused[0].message}")


@quarantine_app.command("list")
def list_rows(
    city: SomeCity = "",
    dataset: SomeDataset = "",
    delivery: SomeDelivery = None,
    rule: SomeRule = "",
    all_states: Annotated[bool, typer.Option("--all", help="Also rows that were replayed.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="Rows to pass over.")] = 0,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """List refused rows, newest first, each with row number, column, rule, reason and values as they came."""
    wanted = Wanted(city, dataset, delivery, rule, "" if all_states else "open")
    with Lake.reader(Home.of(home)) as lake:
        rows = quarantine.listed(lake, wanted, limit, offset)
    names = ["quarantine_id", "delivery_id", "filename", "city", "dataset", "row_number", "column_name", "rule", "reason", "original", "state"]
    emit(rows.select(names).to_dicts(), fmt, names, "quarantine")


@quarantine_app.command("export")
def export_rows(
    file: Annotated[Path, typer.Argument(help="File to write, .csv or .xlsx.")],
    city: SomeCity = "",
    dataset: SomeDataset = "",
    delivery: SomeDelivery = None,
    rule: SomeRule = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Write open refused rows with the supplier's own columns, to be corrected and replayed."""
    with Lake.reader(Home.of(home)) as lake:
        number = quarantine.export(lake, Wanted(city, dataset, delivery, rule), file)
    emit_one({"file": str(file), "rows": number}, fmt, "exported")


@quarantine_app.command("replay")
def replay_rows(
    file: Annotated[Path | None, typer.Argument(help="A corrected export; without one the rows are tried as they are.")] = None,
    city: SomeCity = "",
    dataset: SomeDataset = "",
    delivery: SomeDelivery = None,
    rule: SomeRule = "",
    operator: Annotated[str, typer.Option(help="Who replays; default: the user of this machine.")] = "",
    home: HomeOption = None,
    packs: PacksOption = None,
    timeout: TimeoutOption = 600.0,
    fmt: FormatOption = Format.table,
) -> None:
    """Take refused rows once more: corrected, or as they are (after the register has arrived)."""
    wanted, who, place = Wanted(city, dataset, delivery, rule), operator or getpass.getuser(), Home.of(home)
    if file is not None and not file.exists():
        raise DeliveryError(f"{file}: there is no such file")
    if file is None and wanted == Wanted():
        raise UsageError("which rows?", hint="give a corrected file, or choose with --city, --dataset, --delivery or --rule")
    if _pipeline_runs(place):
        receipts = desk.ask_replay(place, wanted, file, who, timeout)
    else:
        with _writer(place, load_packs(packs), "python -m data_pipeline quarantine replay") as writer:
            with writer.commit("replay") as commit:
                quarantine.replay(commit, wanted, file, file.name if file else "", who)
            receipts = commit.receipts
    emit([receipt.as_dict() for receipt in receipts], fmt, title="replayed")
    _fail_if_refused(receipts)
