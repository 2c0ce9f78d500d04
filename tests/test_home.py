"""A folder that cannot be a home, or holds no packs, is refused at once, in words, by every command that starts work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import app as web
from data_pipeline.cities import load_packs
from data_pipeline.cli import main
from data_pipeline.errors import UsageError
from data_pipeline.home import Home


def a_file(folder: Path) -> Path:
    (folder / "x").write_text("x")
    return folder / "x"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "deep" / "home"


def something_else(folder: Path) -> Path:
    (folder / "holiday.jpg").write_text("x")
    return folder


def cannot_be_made(folder: Path) -> Path:
    return Path("/proc/city-brain-home")  # nobody may write there, root neither


IMPOSSIBLE = [
    (a_file, "is a file, a folder is needed"), (below_a_file, "x is a file, a folder is needed"),
    (something_else, "is no store of this product: it holds holiday.jpg"), (cannot_be_made, "cannot be written"),
]  # fmt: skip
COMMANDS: dict[str, list[str]] = {
    "serve": ["serve"], "run": ["run", "--no-simulator"], "build": ["build", "--city", "420700", "--sources", "real"],
}  # fmt: skip


@pytest.mark.parametrize(("made", "says"), IMPOSSIBLE)
def test_an_impossible_home_is_refused_and_the_message_says_why_and_what_to_do(
    tmp_path: Path, made: Callable[[Path], Path], says: str
) -> None:
    with pytest.raises(UsageError) as error:
        Home.of(made(tmp_path)).ready()
    assert says in error.value.message and "--home" in error.value.hint


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("made", [a_file, something_else])
def test_serve_run_and_build_end_with_2_on_an_impossible_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, made: Callable[[Path], Path]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*COMMANDS[command], "--home", str(made(tmp_path))])
    assert end.value.code == 2
    assert "home folder" in capsys.readouterr().err


@pytest.mark.parametrize("made", [a_file, below_a_file, something_else, cannot_be_made])
def test_the_web_ends_with_2_on_an_impossible_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: Callable[[Path], Path]
) -> None:
    assert web.main(["--home", str(made(tmp_path)), "--port", "8129"]) == 2
    assert "home folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", [*COMMANDS, "web"])
@pytest.mark.parametrize("made", [a_file, something_else])
def test_a_folder_without_packs_is_refused_by_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, made: Callable[[Path], Path]
) -> None:
    (tmp_path / "packs").mkdir()
    places = ["--home", str(tmp_path / "home"), "--packs", str(made(tmp_path / "packs"))]
    if command == "web":
        assert web.main([*places, "--port", "8129"]) == 2
    else:
        with pytest.raises(SystemExit) as end:
            main([*COMMANDS[command], *places])
        assert end.value.code == 2
    assert "packs folder" in capsys.readouterr().err


def test_a_new_an_empty_and_a_used_folder_are_homes(tmp_path: Path) -> None:
    assert Home.of(tmp_path / "new" / "deep").ready().root.is_dir()
    (tmp_path / "empty").mkdir()
    assert Home.of(tmp_path / "empty").ready()
    Home.of(tmp_path / "used").inbox.mkdir(parents=True)
    (tmp_path / "used" / "notes.txt").write_text("the operator's own")
    assert Home.of(tmp_path / "used").ready()


def test_an_empty_packs_folder_is_a_beginning(tmp_path: Path) -> None:
    assert load_packs(tmp_path).keys() == load_packs().keys()
