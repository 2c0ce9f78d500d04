"""A city made by `new-pack` in a temporary folder, and real files brought into it by `import`.

Both go through the command line, in this process: a mapping file alone, no code for a supplier.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from data_pipeline.cli import app
from data_pipeline.home import Home
from data_pipeline.store.lake import Lake


def run(*arguments: str | Path) -> str:
    """Standard output of `python -m data_pipeline …`; the test fails where the command does."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass(frozen=True)
class Town:
    """A store with one city in it; `folder` holds `home` and `packs`."""

    folder: Path
    id: str

    @property
    def home(self) -> Home:
        """The store."""
        return Home.of(self.folder / "home")

    @property
    def packs(self) -> Path:
        """The folder with the city's pack."""
        return self.folder / "packs"

    def bring(self, file: Path, mapping: str | Path) -> dict:
        """Import a file with a mapping; the receipt, whose account must add up."""
        text = run("import", file, "--mapping", mapping, "--city", self.id, "--home", self.home.root,
                   "--packs", self.packs, "--format", "json")  # fmt: skip
        receipt = json.loads(text)
        assert receipt["rows_in"] == receipt["accepted"] + receipt["duplicates"] + receipt["quarantined"]
        return receipt

    def rows(self, sql: str, *params: object) -> pl.DataFrame:
        """The answer of a query on the store."""
        with Lake.reader(self.home) as lake:
            return lake.frame(sql, params)

    def records(self, dataset: str) -> pl.DataFrame:
        """Current records of a dataset."""
        return self.rows(f"SELECT * FROM rec_{dataset} WHERE city = ? AND known_to_utc IS NULL", self.id)

    def refused(self) -> Counter[str]:
        """Rule → quarantined rows, all deliveries together."""
        found = self.rows("SELECT rule, count(DISTINCT (delivery_id, row_number)) FROM quarantine GROUP BY rule")
        return Counter(dict(found.iter_rows()))

    def readings(self, metric: str, grain: str, area: str = "") -> pl.DataFrame:
        """Readings of an area (default: the whole city), oldest first."""
        return self.rows(
            "SELECT * FROM readings WHERE city = ? AND metric = ? AND grain = ? AND area_id = ? ORDER BY period_start_utc",
            self.id, metric, grain, area or self.id,
        )  # fmt: skip


def found(folder: Path, city: str, timezone: str, bbox: str) -> Town:
    """Make the pack of a city with `new-pack`; `bbox` is W,S,E,N in degrees."""
    run("new-pack", city, "--name-zh", city, "--name-en", city, "--timezone", timezone, f"--bbox={bbox}",
        "--packs", folder / "packs")  # fmt: skip
    return Town(folder, city)


def head_of(file: Path, rows: int, target: Path) -> Path:
    """The header and the first rows of a gzipped text as a gzipped file of the same name under `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "rb") as given, gzip.open(target / file.name, "wb") as kept:
        for _, line in zip(range(rows + 1), given, strict=False):
            kept.write(line)
    return target / file.name
