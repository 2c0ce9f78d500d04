"""How far a city is built, as the messages of the commits say it: true of the very snapshot one looks at.

A build commits `build CITY …` again and again, then a mark with the moment its history ends. Two parts:
what the first screen shows, and what follows. The live feed goes on from the first part's mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

BuildPart = Literal["first", "further"]

LIVE_MARK = "live until "  # up to when the simulator has delivered; the first part of a build ends with one, too
FURTHER_MARK = "further until "
_BUILD = "build "


def step_message(city: str, stage: str) -> str:
    """What a commit of a build under way is called."""
    return f"{_BUILD}{city} {stage}"


def end_message(part: BuildPart, city: str, until_utc: datetime) -> str:
    """What the last commit of a part of a build is called."""
    return f"{LIVE_MARK if part == 'first' else FURTHER_MARK}{until_utc.isoformat()} {_BUILD}{city}"


def ended(part: BuildPart, messages: Iterable[str]) -> dict[str, datetime]:
    """City → end of the history (naive UTC) for the cities whose part is built."""
    mark = LIVE_MARK if part == "first" else FURTHER_MARK
    split = [m.removeprefix(mark).split(f" {_BUILD}") for m in messages if m.startswith(mark) and f" {_BUILD}" in m]
    return {city: datetime.fromisoformat(until) for until, city in split}


def under_way(before: Mapping[str, BuildPart], messages: Iterable[str]) -> dict[str, BuildPart]:
    """City → the part that is being built, after further commits (in their order); a city that is whole is not named."""
    found = dict(before)
    for message in messages:
        if message.startswith(_BUILD):
            found.setdefault(message.split(" ")[1], "first")
        else:
            for city in ended("first", [message]):
                found[city] = "further"
            for city in ended("further", [message]):
                found.pop(city, None)
    return found
