"""The access file: names, roles, departments and argon2 hashes in `access.toml` of the home folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field

from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.errors import StoreError, UnknownId, UsageError
from data_pipeline.home import Home
from data_pipeline.times import now_utc

Role = Literal["view", "report", "review", "admin"]
ROLES: tuple[Role, ...] = ("view", "report", "review", "admin")
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MIN_CLASSES = 3

_NAME = re.compile(r"[\w.@-]{1,64}")
_CLASSES = (("a–z", r"[a-z]"), ("A–Z", r"[A-Z]"), ("0–9", r"[0-9]"), ("other characters", r"[^a-zA-Z0-9]"))


class Account(Declared):
    """One person (or wall screen) that may sign in. `password` is an argon2id hash, never the password.

    `wall`: a screen nobody touches; only with role `view`, its session does not end by standing idle.
    """

    role: Role
    department: str = ""
    wall: bool = False
    password: str = Field(pattern=r"\$argon2id\$.+", repr=False)
    created_at: str
    password_changed_at: str


class AccessFile(Declared):
    """The whole file: one table `[user."NAME"]` an account."""

    user: dict[str, Account] = {}


@cache
def hasher() -> PasswordHasher:
    """Argon2id with the parameters of RFC 9106, second recommended option (64 MiB, 3 passes)."""
    return PasswordHasher()


@cache
def _decoy_hash() -> str:
    return hasher().hash(secrets.token_hex(16))


def read_accounts(path: Path) -> dict[str, Account]:
    """Accounts by name; empty where the file does not exist.

    Raises
    ------
    DeclarationError
        The file is not valid; nobody is let in on a file that cannot be read.
    """
    if not path.exists():
        return {}
    return dict(validate(AccessFile, read_toml(path), str(path)).user)


def check_password(password: str, name: str = "") -> None:
    """Refuse a weak password: at least 10 characters from 3 of 4 classes, and not built from the name.

    Raises
    ------
    UsageError
        Says what is missing.
    """
    problems = []
    if len(password) < MIN_PASSWORD_LENGTH:
        problems.append(f"it has {len(password)} characters, at least {MIN_PASSWORD_LENGTH} are needed")
    if len(password) > MAX_PASSWORD_LENGTH:
        problems.append(f"it has {len(password)} characters, at most {MAX_PASSWORD_LENGTH} are allowed")
    if sum(bool(re.search(pattern, password)) for _, pattern in _CLASSES) < MIN_CLASSES:
        problems.append(f"it needs {MIN_CLASSES} of: {', '.join(label for label, _ in _CLASSES)}")
    if len(name) > 2 and name.casefold() in password.casefold():
        problems.append("it contains the account's name")
    if problems:
        raise UsageError("password refused: " + "; ".join(problems), hint="choose a longer or more varied password")


def verify_password(account: Account | None, password: str) -> bool:
    """Whether `password` is the account's; an unknown account costs the same time as a known one."""
    try:
        hasher().verify(account.password if account else _decoy_hash(), password[: MAX_PASSWORD_LENGTH + 1])
    except (VerificationError, InvalidHashError):
        return False
    return account is not None


def add_account(
    home: Home, name: str, role: str, password: str, *, department: str = "", wall: bool = False
) -> Account:
    """Write a new account into the access file.

    Raises
    ------
    UsageError
        Bad name, role or password, or the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"name: {name!r} is not allowed", hint="1–64 letters, digits and . _ @ - (Chinese too)")
    if role not in ROLES:
        raise UnknownId("role", role, ROLES)
    if any(ord(c) < 32 or ord(c) == 127 for c in department) or len(department) > 100:
        raise UsageError("department: at most 100 characters on one line")
    if wall and role != "view":
        raise UsageError(f"a wall screen may only view, got role {role!r}", hint="--wall goes with --role view")
    check_password(password, name)
    now = now_utc().isoformat(timespec="seconds") + "Z"
    account = Account(
        role=role,
        department=department,
        wall=wall,
        password=hasher().hash(password),
        created_at=now,
        password_changed_at=now,
    )
    with _edit(home) as accounts:
        if name in accounts:
            raise UsageError(
                f"account {name!r} exists already (role {accounts[name].role})",
                hint=f"`access passwd {name}` changes its password; `access remove {name}` frees the name",
            )
        accounts[name] = account
    return account


def remove_account(home: Home, name: str) -> int:
    """Take an account out of the access file; its sessions end at once. Returns how many accounts are left."""
    with _edit(home) as accounts:
        _known(accounts, name)
        del accounts[name]
    return len(accounts)


def set_password(home: Home, name: str, password: str) -> None:
    """Give an account a new password; its sessions end at once."""
    check_password(password, name)
    new_hash = hasher().hash(password)
    changed_at = now_utc().isoformat(timespec="seconds") + "Z"
    with _edit(home) as accounts:
        _known(accounts, name)
        accounts[name] = accounts[name].model_copy(update={"password": new_hash, "password_changed_at": changed_at})


def _known(accounts: dict[str, Account], name: str) -> None:
    if name not in accounts:
        raise UnknownId("account", name, accounts)


@contextlib.contextmanager
def _edit(home: Home) -> Iterator[dict[str, Account]]:
    """The accounts to change in place; written back as a whole when the block ends without an error."""
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with open(home.root / "access.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            accounts = read_accounts(home.access)
            yield accounts
            write_private(home.access, _to_toml(accounts))
    except OSError as error:
        raise StoreError(
            f"{home.access}: cannot write ({error.strerror})", hint="check the folder and its owner"
        ) from None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only (0600)."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _to_toml(accounts: dict[str, Account]) -> str:
    # JSON strings are TOML basic strings as long as no control character is left bare
    lines = ["# written by `python -m data_pipeline access`; passwords are argon2id hashes", ""]
    for name, account in sorted(accounts.items()):
        lines.append(f"[user.{json.dumps(name, ensure_ascii=False)}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in account.model_dump().items()]
        lines.append("")
    return "\n".join(lines)
