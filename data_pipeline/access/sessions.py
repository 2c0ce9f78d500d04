"""Signed session cookies: who, since when, last seen; ended by idleness, sign-out or a changed password.

Idle means that no person is there, not that the page is quiet: an open page refreshes itself for ever, so only
page loads and `POST /session/touch` (sent by `assets/app.js` on a key or pointer) count. A wall display has
nobody to touch it; its account is made with `--wall`, may only view, and its session does not end by idleness.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

from data_pipeline.access.accounts import Account
from data_pipeline.errors import StoreError

IDLE_S = {"view": 30 * 60, "report": 30 * 60, "review": 30 * 60, "admin": 15 * 60}
LIFETIME_S = 12 * 3600
WALL_LIFETIME_S = 400 * 86400
RESIGN_AFTER_S = 60


@dataclass(frozen=True)
class Session:
    """What a session cookie says. Times are seconds since the epoch; `fingerprint` binds it to the password."""

    sid: str
    name: str
    issued: int
    seen: int
    fingerprint: str


def read_key(path: Path, *, in_memory_if_unwritable: bool = False) -> str:
    """The signing key of this installation; made on first use, readable by its owner only.

    Parameters
    ----------
    in_memory_if_unwritable : bool
        Where nothing secret is signed (no access file), a key that lives as long as the process will do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        if not path.exists():
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # never replaces a key another process has just made
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        if in_memory_if_unwritable:
            return secrets.token_hex(32)
        raise StoreError(f"{path}: cannot keep the session key ({error.strerror})") from None
    if len(key) < 32:
        raise StoreError(f"{path}: not a session key", hint="delete the file; everybody signs in again")
    return key


def fingerprint(account: Account) -> str:
    """Changes with the password, the role and the department, so that old sessions end with them."""
    text = "\0".join((account.password, account.role, account.department, str(account.wall)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Sessions:
    """Issues, reads and ends sessions. Safe to call from several threads.

    Parameters
    ----------
    key : str
        Signing key of the installation.
    revoked_path : Path
        Sessions that were signed out, one JSON line each; shared by several web processes.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(self, key: str, revoked_path: Path, clock: Callable[[], float]) -> None:
        self._signer = URLSafeSerializer(key, salt="city-brain-session", signer_kwargs={"digest_method": hashlib.sha256})
        self._path, self._clock, self._lock = revoked_path, clock, threading.Lock()
        self._seen: dict[str, int] = {}
        self._revoked: set[str] = set()
        self._revoked_stamp: tuple[int, int] | None = None

    def issue(self, name: str, account: Account) -> str:
        """The cookie value of a new session."""
        now = int(self._clock())
        return self._sign(Session(secrets.token_urlsafe(16), name, now, now, fingerprint(account)))

    def read(self, cookie: str, accounts: dict[str, Account]) -> tuple[Session, Account] | None:
        """The session in a cookie, or None where it is forged, over, signed out or its account has changed."""
        try:
            sid, name, issued, seen, mark = self._signer.loads(cookie)
        except (BadData, ValueError, TypeError):
            return None
        account = accounts.get(name)
        if account is None or fingerprint(account) != mark:
            return None
        with self._lock:
            session = Session(sid, name, issued, max(seen, self._seen.get(sid, 0)), mark)
        return (session, account) if self.alive(session, account) else None

    def alive(self, session: Session, account: Account) -> bool:
        """Whether a session may still be used now."""
        if session.sid in self._read_revoked():
            return False
        now = self._clock()
        with self._lock:
            seen = max(session.seen, self._seen.get(session.sid, 0))
        if account.wall:
            return now - session.issued < WALL_LIFETIME_S
        return now - session.issued < LIFETIME_S and now - seen < IDLE_S[account.role]

    def touch(self, session: Session, cookie_seen: int) -> str | None:
        """Note that the person is there; a new cookie value when the old one is more than a minute behind."""
        now = int(self._clock())
        with self._lock:
            self._seen[session.sid] = now
            if len(self._seen) > 10_000:  # forget the sessions that ended long ago
                self._seen = {sid: at for sid, at in self._seen.items() if now - at < LIFETIME_S}
        if now - cookie_seen < RESIGN_AFTER_S:
            return None
        return self._sign(Session(session.sid, session.name, session.issued, now, session.fingerprint))

    def cookie_seen(self, cookie: str) -> int:
        """Last-seen time written in the cookie itself; 0 where it cannot be read."""
        try:
            return int(self._signer.loads(cookie)[3])
        except (BadData, ValueError, TypeError, IndexError):
            return 0

    def end(self, session: Session) -> None:
        """Sign a session out, in every web process of this home."""
        line = json.dumps({"sid": session.sid, "at": int(self._clock())}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(line)
        with self._lock:
            self._seen.pop(session.sid, None)

    def _sign(self, session: Session) -> str:
        return self._signer.dumps([session.sid, session.name, session.issued, session.seen, session.fingerprint])

    def _read_revoked(self) -> set[str]:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return self._revoked
        stamp = (stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if stamp != self._revoked_stamp:
                oldest = self._clock() - WALL_LIFETIME_S
                entries = [json.loads(line) for line in self._path.read_text().splitlines() if line.endswith("}")]
                self._revoked |= {entry["sid"] for entry in entries if entry["at"] >= oldest}
                self._revoked_stamp = stamp
            return self._revoked
