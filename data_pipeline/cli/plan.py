"""Plans on the command line: check-plan, new-plan."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from data_pipeline.cities import find_pack, load_packs
from data_pipeline.cities.check_plan import plan_problems
from data_pipeline.cities.load import packs_folder
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import UsageError
from data_pipeline.plans import plan_problems as problems_of_folder
from data_pipeline.plans.template import new_plan

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("check-plan")
def check_plan_command(
    folder: Annotated[Path | None, typer.Argument(help="Folder with plan tables (plans.csv, targets.csv …).")] = None,
    city: Annotated[
        str, typer.Option("--city", help="Check against this city's areas; alone: the city's own plans.")
    ] = "",
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """List everything wrong with plan tables at once; ends with 1 where there is anything. Without arguments: all cities."""
    if folder is not None and not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder", hint="name the folder that holds plans.csv, targets.csv and the others"
        )
    found: list[dict[str, str]] = []
    if folder is not None and not city:
        checked = [folder.name]
        found += [{"plan": folder.name, "problem": text} for text in problems_of_folder(folder)]
    else:
        every = load_packs(packs_folder(packs))
        chosen = [find_pack(every, city)] if city else list(every.values())
        checked = [f"{pack.id} {folder.name}" if folder else pack.id for pack in chosen]
        for name, pack in zip(checked, chosen, strict=True):
            found += [{"plan": name, "problem": text} for text in plan_problems(pack, folder)]
    if found or fmt is not Format.table:
        emit(found, fmt, ("plan", "problem"))
    else:
        print(f"{', '.join(checked)}: no problems")
    if found:
        raise typer.Exit(1)


@app.command("new-plan")
def new_plan_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make, such as PACKS/420700/plan/ezhou-2026.")],
    city: Annotated[str, typer.Option("--city", help="City id the plan is for.")],
    plan_id: Annotated[
        str, typer.Option("--id", help="Id of the plan, such as ezhou-2026 (default: the folder's name).")
    ] = "",
    title_zh: Annotated[str, typer.Option("--title-zh", help="Title in Chinese.")] = "",
    title_en: Annotated[str, typer.Option("--title-en", help="Title in English.")] = "",
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")] = "2026-01-01",
    end: Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD.")] = "2030-12-31",
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Write the empty tables of a new plan; docs/plan-guide.md says what goes into each column."""
    pack = find_pack(load_packs(packs_folder(packs)), city)
    name = plan_id or folder.name
    files = new_plan(folder, name, adcode=pack.id, title_zh=title_zh or name, title_en=title_en or name,
                     start=_day(start, "--start"), end=_day(end, "--end"))  # fmt: skip
    if fmt is Format.table:
        print(f"written: {folder} ({len(files)} tables); fill them in, then: check-plan {folder} --city {pack.id}")
    else:
        emit_one({"folder": str(folder), "files": [path.name for path in files]}, fmt)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a date", hint="for example 2026-01-01") from None
