"""The home folder: where one installation keeps everything it must not lose."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.errors import UsageError

DEFAULT_HOME = "./var"


@dataclass(frozen=True)
class Home:
    """Paths inside a home folder (`CITY_BRAIN_HOME`, default `./var`). Creates nothing by itself."""

    root: Path

    @classmethod
    def of(cls, path: str | Path | None = None) -> Home:
        """The home named by `path`, else by `CITY_BRAIN_HOME`, else `./var`."""
        return cls(Path(path or os.environ.get("CITY_BRAIN_HOME") or DEFAULT_HOME).expanduser().resolve())

    def ready(self) -> Home:
        """This home, made where it is not there yet, once it is sure that it can be one.

        Raises
        ------
        UsageError
            It, or a part of its path, is a file; it cannot be made or written; or it is a folder
            full of something else.
        """
        other = "choose another folder with --home"
        for part in (self.root, *self.root.parents):
            if part.exists() and not part.is_dir():
                what = "is a file" if part == self.root else f"cannot be made: {part} is a file"
                raise UsageError(f"the home folder {self.root} {what}, a folder is needed", hint=other)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
            there = sorted(entry.name for entry in self.root.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            raise UsageError(
                f"the home folder {self.root} cannot be written: {error.strerror}",
                hint=f"give this user the right to write there, or {other}",
            ) from None
        ours = (self.catalog, self.lake, self.inbox, self.deliveries, self.lock, self.access, self.logs)
        if there and not any(path.exists() for path in ours) and not any(n.startswith("access.") for n in there):
            shown = ", ".join(there[:3]) + (" …" if len(there) > 3 else "")
            raise UsageError(
                f"the home folder {self.root} is no store of this product: it holds {shown}",
                hint="name an empty or a new folder with --home; a store is made in it",
            )
        if self.catalog.is_dir():
            raise UsageError(f"{self.catalog} is a folder, a catalogue file is expected", hint=other)
        return self

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
    def evidence(self) -> Path:
        """Files departments gave as proof of their reports, by sha256."""
        return self.root / "evidence"

    @property
    def held(self) -> Path:
        """What the web held in memory, for its next start; can be made anew from the lake at any time."""
        return self.root / "held"

    @property
    def access(self) -> Path:
        """Access file: names, roles and password hashes."""
        return self.root / "access.toml"

    @property
    def logs(self) -> Path:
        """Sign-ins and pipeline logs."""
        return self.root / "logs"
