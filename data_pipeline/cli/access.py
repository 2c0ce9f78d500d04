"""`access add|list|remove|passwd`: the accounts that may sign in to the web.

Accounts belong to the installation; `--packs` is taken as by every command and changes nothing here.
"""

from __future__ import annotations

import stat
import sys
from typing import Annotated

import typer

from data_pipeline.access.accounts import (
    ROLES,
    add_account,
    check_password,
    read_accounts,
    remove_account,
    set_password,
)
from data_pipeline.cli.common import Format, FormatOption, HomeOption, PacksOption, emit, emit_one
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.home import Home

app = typer.Typer(help="Accounts that may sign in to the web.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="Name the person signs in with.")]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input (one line) instead of asking.")
]


@app.command("add")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="view, report, review or admin.")],
    department: Annotated[str, typer.Option("--department", help="Department the person belongs to.")] = "",
    wall: Annotated[
        bool, typer.Option("--wall", help="A wall screen: role view only, not signed out when idle.")
    ] = False,
    password_stdin: StdinOption = False,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Add an account. The password needs 10 characters from 3 of: a–z, A–Z, 0–9, others."""
    if role not in ROLES:
        raise UnknownId("role", role, ROLES)
    place = Home.of(home)
    account = add_account(place, name, role, _ask(name, password_stdin), department=department, wall=wall)
    emit_one({"name": name, "role": account.role, "department": account.department, "file": str(place.access)}, fmt)


@app.command("list")
def list_accounts(home: HomeOption = None, packs: PacksOption = None, fmt: FormatOption = Format.table) -> None:
    """List the accounts (never the password hashes)."""
    place = Home.of(home)
    rows = [
        {"name": name} | account.model_dump(exclude={"password"})
        for name, account in sorted(read_accounts(place.access).items())
    ]
    emit(rows, fmt, ["name", "role", "department", "wall", "created_at", "password_changed_at"], "accounts")
    if place.access.exists() and stat.S_IMODE(place.access.stat().st_mode) & 0o077:
        print(f"warning: {place.access} can be read by others; run: chmod 600 {place.access}", file=sys.stderr)


@app.command("remove")
def remove(
    name: NameArgument, home: HomeOption = None, packs: PacksOption = None, fmt: FormatOption = Format.table
) -> None:
    """Remove an account; its sessions end at once."""
    place = Home.of(home)
    left = remove_account(place, name)
    emit_one({"removed": name, "accounts_left": left}, fmt)
    if not left:
        print(
            f"note: nobody can sign in now; add an account, or delete {place.access} for use on this machine only",
            file=sys.stderr,
        )


@app.command("passwd")
def passwd(
    name: NameArgument,
    password_stdin: StdinOption = False,
    home: HomeOption = None,
    packs: PacksOption = None,
    fmt: FormatOption = Format.table,
) -> None:
    """Give an account a new password; its sessions end at once."""
    place = Home.of(home)
    accounts = read_accounts(place.access)
    if name not in accounts:
        raise UnknownId("account", name, accounts)
    set_password(place, name, _ask(name, password_stdin))
    emit_one({"name": name, "password": "changed"}, fmt)


def _ask(name: str, from_stdin: bool) -> str:
    """The password from standard input or a hidden prompt, checked before anything is written."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True)
    else:
        raise UsageError("no terminal to ask for the password", hint="give it with --password-stdin")
    check_password(password, name)
    return password
