"""What can be read of a city.toml with mistakes in it, so that checking a pack does not end at the first of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_pipeline.cities.model import CityFile
from data_pipeline.declare import problems_of, read_toml
from data_pipeline.errors import DeclarationError

TABLES = ("layers", "sources")


def salvage(folder: Path) -> tuple[CityFile, list[str], set[str]]:
    """city.toml of a pack without what is wrong in it.

    Returns
    -------
    (declared, problems, doubtful)
        `doubtful` names what was left out (`layers.zones`, `sources.air_quality`) or stands for
        nothing (`bbox`, `metric_crs`, `timezone` …): each of them has its sentence in `problems`,
        and further sentences about it would only repeat it. Unknown keys are left out and hide nothing.
    """
    source = f"{folder.name}/city.toml"
    problems: list[str] = []
    doubtful: set[str] = set()
    try:
        data = read_toml(folder / "city.toml")
    except DeclarationError as error:
        data, problems = {}, [f"{error.source}: {problem}" for problem in error.problems]
    unreadable = bool(problems)
    while True:
        try:
            return CityFile.model_validate(data), problems, doubtful
        except ValidationError as error:
            if not unreadable:
                found = [f"{source}: {problem}" for problem in problems_of(CityFile, error)]
                problems += [problem for problem in found if problem not in problems]
            places = [(item["loc"], item["type"] == "extra_forbidden") for item in error.errors()]
        # from the end, so that the numbers of a list's entries stay right
        for loc, unknown in sorted(places, key=lambda place: [str(part).zfill(9) for part in place[0]], reverse=True):
            _leave_out(data, loc, unknown, folder.name, doubtful)


def _leave_out(data: dict[str, Any], loc: tuple[int | str, ...], unknown: bool, name: str, doubtful: set[str]) -> None:
    """Take what stands at `loc` out of `data`, or put a stand-in where something has to stand."""
    top = str(loc[0])
    if unknown:
        inner: Any = data
        for step in loc[:-1]:
            inner = inner[step]
        inner.pop(loc[-1], None)
    elif top in TABLES and len(loc) > 1 and isinstance(data.get(top), dict):
        data[top].pop(loc[1], None)
        doubtful.add(f"{top}.{loc[1]}")
    elif top == "facts" and len(loc) > 1 and isinstance(data.get(top), list):
        if int(loc[1]) < len(data[top]):
            del data[top][int(loc[1])]
    else:
        data[top] = _stand_in(top, name)
        doubtful.add(top)


def _stand_in(key: str, name: str) -> Any:
    stand_ins: dict[str, Any] = {
        "timezone": "UTC", "metric_crs": "EPSG:4479", "bbox": (-180.0, -90.0, 180.0, 90.0), "layers": {}, "sources": {},
        "facts": [], "provincial_plans": [], "map_approval_number": "", "id": name if name.isdigit() and len(name) == 6 else "aa",
    }  # fmt: skip
    return stand_ins.get(key, name)
