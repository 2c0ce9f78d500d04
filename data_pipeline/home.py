"""The home folder: where one installation keeps everything it must not lose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = "./var"


@dataclass(frozen=True)
class Home:
    """Paths inside a home folder (`CITY_BRAIN_HOME`, default `./var`). Creates nothing by itself."""

    root: Path

    @classmethod
    def of(cls, path: str | Path | None = None) -> Home:
        """The home named by `path`, else by `CITY_BRAIN_HOME`, else `./var`."""
        return cls(Path(path or os.environ.get("CITY_BRAIN_HOME") or DEFAULT_HOME).expanduser().resolve())

    @property
    def catalog(self) -> Path:
        """SQLite catalogue of the lake."""
        return self.root / "catalog.sqlite"

    @property
    def lake(self) -> Path:
        """Parquet files of the lake."""
        return self.root / "lake"

    @property
    def deliveries(self) -> Path:
        """Delivered bytes as they came, by SHA-256."""
        return self.root / "deliveries"

    @property
    def inbox(self) -> Path:
        """Deliveries handed to the running pipeline."""
        return self.root / "inbox"

    @property
    def lock(self) -> Path:
        """The writer's lock file; its text says who holds it."""
        return self.root / "writer.lock"

    @property
    def access(self) -> Path:
        """Access file: names, roles and password hashes."""
        return self.root / "access.toml"

    @property
    def logs(self) -> Path:
        """Sign-ins and pipeline logs."""
        return self.root / "logs"
