"""A disk that runs full (a small memory file system): the commit stops, nothing is lost, the next one works."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_pipeline.cities import load_packs
from data_pipeline.errors import StoreError
from data_pipeline.home import Home
from data_pipeline.ingest.writer import Writer
from data_pipeline.store.lake import Lake
from data_pipeline.times import now_utc
from tests.torture import child
from tests.torture.watcher import broken

pytestmark = pytest.mark.torture


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system; tests/store/test_lake.py does it with a limit of file size")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_stops_the_commit_with_a_clear_error_and_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    home, folder = Home.of(small_disk / "home"), tmp_path / "files"
    folder.mkdir()
    packs = load_packs()
    with Lake.writer(home) as lake:
        writer = Writer(lake, packs, home, now=now_utc, evaluate=lambda *a, **k: 0)
        writer.take(child.delivery(folder, "charging_stations", child.register(packs[child.CITY]), "register.csv"))
        first = writer.take(child.delivery(folder, "charging_hourly", child.hours(1), "hours-000001.csv"))
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        ballast.write_bytes(os.urandom(max(0, free - 40_000)))
        stopped = None
        for number in range(2, 40):
            try:
                writer.take(child.delivery(folder, "charging_hourly", child.hours(number), f"hours-{number:06d}.csv"))
            except StoreError as error:
                stopped = (number, error)
                break
        assert stopped is not None, "the disk never ran full"
        assert "space" in str(stopped[1]).lower() or "full" in str(stopped[1]).lower()
        with Lake.reader(home) as reader:  # the last snapshot is readable while the disk is full
            assert broken(reader) == {}
            assert reader.value("SELECT count(*) FROM deliveries") == stopped[0]
            assert first.delivery_id in reader.frame("SELECT delivery_id FROM deliveries")["delivery_id"].to_list()
        ballast.unlink()
        again = writer.take(child.delivery(folder, "charging_hourly", child.hours(stopped[0]), f"hours-{stopped[0]:06d}.csv"))
        assert (again.status, again.accepted) == ("accepted", child.hours(stopped[0]).height)
        assert broken(lake) == {}
