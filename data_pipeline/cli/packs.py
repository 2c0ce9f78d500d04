"""City packs on the command line: check-pack, new-pack, replace-layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_pipeline.cities import find_pack, load_packs
from data_pipeline.cities.check import check_pack
from data_pipeline.cities.load import FOLDER, packs_folder
from data_pipeline.cities.make import make_pack, parse_bbox, replace_layer
from data_pipeline.cities.parts import add_areas
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import UsageError

app = typer.Typer(no_args_is_help=True, add_completion=False)

Datum = Annotated[str, typer.Option("--datum", help="WGS84, CGCS2000, GCJ-02, BD-09 or EPSG:n; else the file's own.")]
Rights = Annotated[str, typer.Option("--rights", help="clear, or to_clear while the right to show it is open.")]
Simplify = Annotated[float, typer.Option("--simplify-m", help="Drop detail smaller than this many metres.")]


@app.command("check-pack")
def check_pack_command(
    city: Annotated[str, typer.Argument(metavar="ADCODE", help="City id, or the folder of a pack.")],
    release: Annotated[bool, typer.Option("--release", help="Also what stands in the way of publishing.")] = False,
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """List all problems of a city pack at once; ends with 1 where there are any."""
    folder = _folder_of(city, packs)
    problems = check_pack(folder, release=release)
    if problems or fmt is not Format.table:
        emit([{"city": folder.name, "problem": text} for text in problems], fmt, ("city", "problem"))
    else:
        print(f"{folder.name}: no problems")
    if problems:
        raise typer.Exit(1)


def _folder_of(city: str, packs: Path | None) -> Path:
    """A pack's folder without loading it, so that a broken pack can be checked as well."""
    extra = packs_folder(packs)
    candidates = [extra / city, extra] if extra else []
    for folder in (*candidates, FOLDER / city, Path(city)):
        if folder.name == Path(city).name and (folder / "city.toml").exists():
            return folder.resolve()
    return find_pack(load_packs(), city).folder


@app.command("new-pack")
def new_pack_command(
    city: Annotated[str, typer.Argument(metavar="ID", help="Adcode, or a letter and 1 to 31 of a-z, 0-9, _.")],
    name_zh: Annotated[str, typer.Option("--name-zh", help="Name in Chinese.")],
    name_en: Annotated[str, typer.Option("--name-en", help="Name in English.")],
    timezone: Annotated[str, typer.Option("--timezone", help="IANA name such as Asia/Shanghai.")],
    bbox: Annotated[str, typer.Option("--bbox", help="W,S,E,N in WGS84 degrees.")] = "",
    areas: Annotated[Path | None, typer.Option("--areas", help="Districts: GeoJSON, GeoPackage, Shapefile.")] = None,
    area_id: Annotated[str, typer.Option("--area-id", help="Column of the ids.")] = "",
    area_name: Annotated[str, typer.Option("--area-name", help="Column of the names.")] = "",
    area_name_en: Annotated[str, typer.Option("--area-name-en", help="Column of the English names.")] = "",
    datum: Datum = "",
    simplify_m: Simplify = 0.0,
    source: Annotated[str, typer.Option("--source", help="Where the polygons are from.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Their licence, as stated.")] = "",
    rights: Rights = "to_clear",
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Write a minimal valid pack of any place on earth to --packs DIR."""
    folder = _own_packs(packs, "new-pack")
    made, notes = make_pack(
        folder, city, name_zh=name_zh, name_en=name_en, timezone=timezone, bbox=parse_bbox(bbox) if bbox else None,
        areas_file=areas, area_id=area_id, area_name=area_name, area_name_en=area_name_en, datum=datum,
        simplify_m=simplify_m, source=source, licence=licence, rights=_rights(rights),
    )  # fmt: skip
    _say(made, notes, fmt)


@app.command("replace-layer")
def replace_layer_command(
    city: Annotated[str, typer.Argument(metavar="CITY", help="City id.")],
    layer: Annotated[str, typer.Argument(help="districts, zones, townships, outline, locate_districts …")],
    file: Annotated[Path, typer.Argument(help="GeoJSON, GeoPackage or Shapefile.")],
    area_id: Annotated[str, typer.Option("--area-id", help="Column with the area ids of the pack.")],
    source: Annotated[str, typer.Option("--source", help="Where the polygons are from.")],
    licence: Annotated[str, typer.Option("--licence", help="Their licence, as stated.")],
    rights: Rights = "to_clear",
    datum: Datum = "",
    approximate: Annotated[bool, typer.Option("--approximate", help="Draw dashed and label 示意.")] = False,
    accuracy_m: Annotated[float | None, typer.Option("--accuracy-m", help="Accuracy of the lines in metres.")] = None,
    simplify_m: Simplify = 0.0,
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Draw a city, or locate its records, by better polygons; the built-in pack is copied to --packs DIR."""
    folder = _own_packs(packs, "replace-layer")
    made, notes = replace_layer(
        folder, city, layer, file, id_column=area_id, source=source, licence=licence, rights=_rights(rights),
        datum=datum, approximate=approximate, accuracy_m=accuracy_m, simplify_m=simplify_m,
    )  # fmt: skip
    _say(made, notes, fmt)


@app.command("add-areas")
def add_areas_command(
    city: Annotated[str, typer.Argument(metavar="CITY", help="City id.")],
    file: Annotated[Path, typer.Argument(help="GeoJSON, GeoPackage or Shapefile.")],
    area_id: Annotated[str, typer.Option("--area-id", help="Column of the ids.")],
    area_name: Annotated[str, typer.Option("--area-name", help="Column of the names.")],
    source: Annotated[str, typer.Option("--source", help="Where the polygons are from.")],
    licence: Annotated[str, typer.Option("--licence", help="Their licence, as stated.")],
    area_name_en: Annotated[str, typer.Option("--area-name-en", help="Column of the English names.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="What they are, if no townships: traffic_zone …")] = "",
    rights: Rights = "to_clear",
    datum: Datum = "",
    approximate: Annotated[bool, typer.Option("--approximate", help="Draw dashed and label 示意.")] = False,
    simplify_m: Simplify = 0.0,
    packs: PacksOption = None,
    home: HomeOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Add a lower level of areas (townships, traffic zones) to a city that has none."""
    folder = _own_packs(packs, "add-areas")
    made, notes = add_areas(
        folder, city, file, id_column=area_id, name_column=area_name, name_en_column=area_name_en, kind=kind,
        source=source, licence=licence, rights=_rights(rights), datum=datum, approximate=approximate, simplify_m=simplify_m,
    )  # fmt: skip
    _say(made, notes, fmt)


def _own_packs(packs: Path | None, command: str) -> Path:
    """The operator's folder of packs, which a command that writes one needs."""
    folder = packs_folder(packs)
    if folder is None:
        raise UsageError(f"{command} needs --packs DIR (or CITY_BRAIN_PACKS)")
    return folder


def _rights(text: str) -> str:
    if text not in ("clear", "to_clear"):
        raise UsageError(f"--rights {text!r} is not allowed", hint="clear or to_clear")
    return text


def _say(folder: Path, notes: list[str], fmt: Format) -> None:
    if fmt is Format.table:
        print(f"written: {folder}")
        for note in notes:
            print(f"note: {note}")
    else:
        emit_one({"folder": str(folder), "notes": notes}, fmt)
