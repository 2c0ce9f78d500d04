"""The access file and its commands."""

from __future__ import annotations

import io
import json
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.access.accounts import (
    add_account,
    check_password,
    read_accounts,
    remove_account,
    set_password,
    verify_password,
)
from data_pipeline.cli import main
from data_pipeline.errors import DeclarationError, UnknownId, UsageError
from data_pipeline.home import Home

GOOD = "Ezhou-2026-lake"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_an_account_is_kept_as_an_argon2id_hash_in_a_file_only_its_owner_reads(home: Home) -> None:
    add_account(home, "王芳", "report", GOOD, department="市经济和信息化局")
    text = home.access.read_text(encoding="utf-8")
    assert stat.S_IMODE(home.access.stat().st_mode) == 0o600
    assert GOOD not in text
    entry = tomllib.loads(text)["user"]["王芳"]
    assert entry["password"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (entry["role"], entry["department"]) == ("report", "市经济和信息化局")


def test_only_the_right_password_of_a_known_account_is_verified(home: Home) -> None:
    account = add_account(home, "wang", "view", GOOD)
    assert verify_password(account, GOOD)
    assert not verify_password(account, GOOD + " ")
    assert not verify_password(None, GOOD)


@pytest.mark.parametrize(
    ("password", "what"),
    [
        ("Ab3$567", "7 characters, at least 10"),
        ("abcdefghijkl", "3 of: a–z, A–Z, 0–9, other characters"),
        ("abcdefgh1234", "3 of:"),
        ("Zhang-san-9000", "contains the account's name"),
        ("A1$" + "x" * 254, "257 characters, at most 256"),
    ],
)
def test_a_weak_password_is_refused_and_told_why(password: str, what: str) -> None:
    with pytest.raises(UsageError, match="password refused") as caught:
        check_password(password, "zhang-san")
    assert what in str(caught.value)


@pytest.mark.parametrize("password", ["abcdefgh12A", "abcdefg12-", "ABCDEFG12-", "城市大脑运行中心Ab1"])
def test_three_of_four_classes_and_ten_characters_are_enough(password: str) -> None:
    assert check_password(password, "zhang") is None


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 65, "a/b", '"'])
def test_a_name_that_could_break_a_file_or_a_log_is_refused(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        add_account(home, name, "view", GOOD)
    assert not home.access.exists()


def test_a_role_that_does_not_exist_is_refused_with_a_suggestion(home: Home) -> None:
    with pytest.raises(UnknownId, match="did you mean report"):
        add_account(home, "wang", "reports", GOOD)


def test_a_wall_screen_may_only_view(home: Home) -> None:
    with pytest.raises(UsageError, match="may only view"):
        add_account(home, "hall", "admin", GOOD, wall=True)
    assert add_account(home, "hall", "view", GOOD, wall=True).wall is True


def test_a_taken_name_an_unknown_name_and_a_removed_one_are_told_apart(home: Home) -> None:
    add_account(home, "wang", "view", GOOD)
    with pytest.raises(UsageError, match="exists already"):
        add_account(home, "wang", "admin", GOOD)
    with pytest.raises(UnknownId, match="did you mean wang"):
        set_password(home, "wangg", GOOD)
    assert remove_account(home, "wang") == 0
    assert read_accounts(home.access) == {}
    with pytest.raises(UnknownId):
        remove_account(home, "wang")


def test_a_new_password_replaces_the_old_one(home: Home) -> None:
    add_account(home, "wang", "view", GOOD)
    set_password(home, "wang", "Another-one-77")
    account = read_accounts(home.access)["wang"]
    assert verify_password(account, "Another-one-77") and not verify_password(account, GOOD)


def test_a_broken_access_file_lets_nobody_in_and_says_what_is_wrong(home: Home) -> None:
    home.root.mkdir()
    home.access.write_text('[user.wang]\nrole = "boss"\npassword = "plain"\n', encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"user\.wang\.role") as caught:
        read_accounts(home.access)
    assert "user.wang.password" in str(caught.value) and "created_at" in str(caught.value)


@settings(max_examples=5, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40))
def test_any_department_name_survives_the_file(tmp_path_factory: pytest.TempPathFactory, department: str) -> None:
    home = Home(tmp_path_factory.mktemp("h"))
    add_account(home, "wang", "view", GOOD, department=department)
    assert read_accounts(home.access)["wang"].department == department


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out = capsys.readouterr()
    return int(ended.value.code or 0), out.out, out.err


def test_the_commands_add_list_change_and_remove(home: Home, monkeypatch, capsys) -> None:
    place = ("--home", str(home.root), "--format", "json")
    code, out, _ = run(
        monkeypatch, capsys, "access", "add", "li", "--role", "admin", "--department", "大数据局",
        "--password-stdin", *place, stdin=GOOD + "\n",
    )  # fmt: skip
    assert (code, json.loads(out)["role"]) == (0, "admin")
    code, out, _ = run(monkeypatch, capsys, "access", "list", *place)
    assert code == 0 and GOOD not in out and "argon2" not in out
    assert [(row["name"], row["department"]) for row in json.loads(out)] == [("li", "大数据局")]
    code, _, _ = run(monkeypatch, capsys, "access", "passwd", "li", "--password-stdin", *place, stdin="Changed-2026x\n")
    assert code == 0 and verify_password(read_accounts(home.access)["li"], "Changed-2026x")
    code, out, err = run(monkeypatch, capsys, "access", "remove", "li", *place)
    assert code == 0 and json.loads(out) == {"removed": "li", "accounts_left": 0} and "nobody can sign in" in err


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (("add", "li", "--role", "boss", "--password-stdin"), GOOD, "unknown role 'boss'"),
        (("add", "li", "--role", "view", "--password-stdin"), "short", "password refused"),
        (("add", "li", "--role", "view"), "", "--password-stdin"),
        (("remove", "nobody"), "", "unknown account 'nobody'"),
    ],
)
def test_wrong_use_of_the_commands_ends_with_2_and_says_why(home: Home, monkeypatch, capsys, arguments, stdin, says) -> None:
    code, _, err = run(monkeypatch, capsys, "access", *arguments, "--home", str(home.root), stdin=stdin)
    assert code == 2 and says in err
    assert read_accounts(home.access) == {}
