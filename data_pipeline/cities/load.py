"""Which packs there are: the built-in ones and those of `--packs` or `CITY_BRAIN_PACKS`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from data_pipeline.cities.model import Area
from data_pipeline.cities.pack import Pack, load_pack
from data_pipeline.errors import DeclarationError, UnknownId, UsageError

FOLDER = Path(__file__).parent
FIRST = "420700"


def pack_folders(root: Path) -> list[Path]:
    """Folders under `root` that hold a city.toml, by name."""
    return sorted(path.parent for path in root.glob("*/city.toml"))


@cache
def built_in_packs() -> dict[str, Pack]:
    """The packs that come with the product; 鄂州 first, the others by id."""
    packs = _read(pack_folders(FOLDER))
    return dict(sorted(packs.items(), key=lambda item: (item[0] != FIRST, item[0])))


def packs_folder(packs_dir: Path | str | None) -> Path | None:
    """The folder of further packs: the argument, else `CITY_BRAIN_PACKS`, else None."""
    chosen = packs_dir or os.environ.get("CITY_BRAIN_PACKS")
    return Path(chosen).expanduser().resolve() if chosen else None


def load_packs(packs_dir: Path | str | None = None) -> dict[str, Pack]:
    """All packs by city id: the built-in ones, then those of `packs_dir` or `CITY_BRAIN_PACKS`.

    A pack there with the id of a built-in one replaces it, so an operator's corrected copy wins.

    Raises
    ------
    UsageError
        The folder does not exist, cannot be read, or holds something else than packs.
    DeclarationError
        A pack is wrong, two folders hold the same city, or two cities share an area id.
    """
    packs = dict(built_in_packs())
    extra = packs_folder(packs_dir)
    if extra is not None:
        _refuse_unreadable(extra)
        packs |= _read([extra] if (extra / "city.toml").exists() else pack_folders(extra))
    owner: dict[str, str] = {}
    for pack in packs.values():
        for area_id in pack.areas:
            if owner.setdefault(area_id, pack.id) != pack.id:
                problem = f"area id {area_id!r} is used by {owner[area_id]!r} too; ids are unique in a store"
                raise DeclarationError(str(pack.folder), [problem])
    return packs


def _refuse_unreadable(folder: Path) -> None:
    hint = "make a pack with new-pack … --packs DIR"
    if not folder.is_dir():
        what = "is a file, a folder is needed" if folder.exists() else "does not exist"
        raise UsageError(f"packs folder {str(folder)!r} {what}", hint=hint)
    try:
        there = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"packs folder {str(folder)!r} cannot be read: {error.strerror}", hint=hint) from None
    if there and not (folder / "city.toml").exists() and not pack_folders(folder):
        shown = ", ".join(sorted(there)[:3]) + (" …" if len(there) > 3 else "")
        raise UsageError(f"packs folder {str(folder)!r} holds no pack (no */city.toml); it holds {shown}", hint=hint)


def _read(folders: list[Path]) -> dict[str, Pack]:
    packs: dict[str, Pack] = {}
    for folder in folders:
        pack = load_pack(folder)
        if pack.id in packs:
            raise DeclarationError(str(folder), [f"city {pack.id!r} is also in {packs[pack.id].folder}"])
        packs[pack.id] = pack
    return packs


def find_pack(packs: Mapping[str, Pack], city: str) -> Pack:
    """The pack of a city; `UnknownId` with "did you mean" where there is none."""
    try:
        return packs[city]
    except KeyError:
        raise UnknownId("city", city, packs) from None


def find_area(packs: Mapping[str, Pack], id_or_alias: str) -> tuple[Pack, Area]:
    """The pack and area an id or official code belongs to; `UnknownId` where no pack has it."""
    for pack in packs.values():
        if pack.has_area(id_or_alias):
            return pack, pack.area(id_or_alias)
    raise UnknownId("area", id_or_alias, [area_id for pack in packs.values() for area_id in pack.areas])
