"""What the pipeline is doing, as a small file that pages and `status` read: `status.json` in the home folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from data_pipeline.home import Home
from data_pipeline.store.lock import holder


@dataclass
class CityStatus:
    """How far a city is: `waiting`, `building`, `ready` or `failed`; done and total of the present stage."""

    state: str
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""


@dataclass
class PipelineStatus:
    """What the running pipeline says of itself. Times are naive UTC, ISO 8601."""

    pid: int
    started_utc: str
    at_utc: str = ""
    last_commit: int | None = None
    last_commit_utc: str | None = None
    inbox_waiting: int = 0
    doing: str = ""
    last_maintenance_utc: str | None = None
    cities: dict[str, CityStatus] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def write_status(home: Home, status: PipelineStatus, now: datetime) -> None:
    """Write the status so that a reader sees all of it or the one before."""
    status.at_utc = now.isoformat(timespec="seconds")
    path = home.root / "status.json"
    temporary = path.with_name(".status.json")
    temporary.write_text(json.dumps(asdict(status), ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, path)


def read_status(home: Home) -> PipelineStatus | None:
    """The status of the pipeline that runs on this home; None where none runs."""
    who = holder(home)
    if who is None or not who.answers_inbox:
        return None
    try:
        plain: dict[str, Any] = json.loads((home.root / "status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if plain.get("pid") != who.pid:
        return None  # left behind by an earlier one
    cities = {city: CityStatus(**state) for city, state in plain.pop("cities").items()}
    return PipelineStatus(**plain, cities=cities)
