"""Failed sign-ins are remembered over a restart; the log of sign-ins rotates and loses no line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from data_pipeline.access.lockout import MAX_TRACKED, NAME_FAILURES, Lockout
from data_pipeline.access.signlog import KEPT_FILES, SignInLog
from data_pipeline.home import Home
from tests.access.visits import ADMIN, GOOD, client, make_app, sign_in

KEY = "k" * 64


class Clock:
    now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_lock_outlives_a_restart_of_the_web(protected: Home) -> None:
    app, clock = make_app(protected)
    for _ in range(5):
        assert sign_in(client(app), password="Wrong-one-22").status_code == 401
    again, clock_again = make_app(protected)
    clock_again.now = clock.now + 60
    locked = sign_in(client(again))
    assert locked.status_code == 429 and locked.headers["retry-after"] == "540"
    assert sign_in(client(again), "li", ADMIN).status_code == 303
    clock_again.now += 541
    assert sign_in(client(again), password=GOOD).status_code == 303


def test_two_web_processes_count_together(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "lockout.json"
    one, other = Lockout(clock, path, KEY), Lockout(clock, path, KEY)
    for n in range(NAME_FAILURES):
        assert (one, other)[n % 2].begin("wang", f"10.0.0.{n}") == 0
    assert one.begin("WANG", "10.0.0.9") == other.begin("wang", "10.0.0.8") == 600
    other.succeed("wang", "10.0.0.1")
    assert one.begin("wang", "10.0.0.9") == 0


def test_the_file_names_nobody_is_private_and_forgets_what_is_over(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "lockout.json"
    lockout = Lockout(clock, path, KEY)
    lockout.begin("my-Password-123", "10.1.2.3")
    assert "Password" not in path.read_text() and "10.1.2.3" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    clock.now += 601
    lockout.begin("wang", "10.1.2.4")
    assert len(json.loads(path.read_text())) == 2


def test_a_damaged_file_and_a_folder_that_cannot_be_written_still_count(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "lockout.json"
    path.write_text('{"cut off')
    for place in (path, Path("/proc/no/lockout.json")):
        lockout = Lockout(clock, place, KEY)
        assert [lockout.begin("wang", f"10.0.0.{n}") for n in range(NAME_FAILURES + 1)] == [0] * NAME_FAILURES + [600]


def test_the_number_of_names_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_pipeline.access.lockout.MAX_TRACKED", 10)
    lockout = Lockout(Clock(), tmp_path / "lockout.json", KEY)
    for n in range(50):
        lockout.begin(f"name-{n}", f"10.0.1.{n}")
    assert len(json.loads((tmp_path / "lockout.json").read_text())) == 10 < MAX_TRACKED


def lines_of(folder: Path) -> list[int]:
    return [json.loads(line)["n"] for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_the_log_rotates_and_every_line_is_in_one_of_its_files(tmp_path: Path) -> None:
    log = SignInLog(tmp_path / "logs" / "sign-ins.jsonl", max_bytes=200)
    for n in range(30):
        log.write({"n": n, "user": "王芳"})
    files = list((tmp_path / "logs").iterdir())
    assert 2 < len(files) <= KEPT_FILES + 1 and all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in files)
    assert all(f.stat().st_size <= 200 for f in files)
    assert sorted(lines_of(tmp_path / "logs")) == list(range(30))


def test_two_processes_that_write_one_log_lose_no_line_when_it_rotates(tmp_path: Path) -> None:
    pair = [SignInLog(tmp_path / "logs" / "sign-ins.jsonl", max_bytes=300) for _ in range(2)]
    for n in range(60):
        pair[n % 2].write({"n": n})
    assert sorted(lines_of(tmp_path / "logs")) == list(range(60))


def test_a_log_that_cannot_be_written_is_an_error_not_a_silence() -> None:
    with pytest.raises(OSError, match="/proc"):
        SignInLog(Path("/proc/no/sign-ins.jsonl")).write({"n": 1})
