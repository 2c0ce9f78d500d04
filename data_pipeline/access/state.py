"""What the web knows about its visitors: the present user, the accounts as they are now, the log of sign-ins."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection

from data_pipeline.access.accounts import ROLES, Account, read_accounts, verify_password
from data_pipeline.access.lockout import Lockout
from data_pipeline.access.sessions import Sessions, read_key
from data_pipeline.access.signlog import SignInLog
from data_pipeline.errors import CityBrainError
from data_pipeline.home import Home

SCOPE_KEY = "city_brain.user"
BASIC_CACHE_S = 300


@dataclass(frozen=True)
class User:
    """Who is looking. `authenticated` False: a role chosen on the page of this machine, shown as 未认证."""

    name: str
    role: str
    department: str
    authenticated: bool

    @property
    def label(self) -> str:
        """Name for logs and `operator` columns; says when nobody has proved it."""
        return self.name if self.authenticated else f"{self.role} (未认证)"


ANYBODY = User(name="", role="view", department="", authenticated=False)
_current: ContextVar[User | None] = ContextVar("city_brain_user", default=None)


@dataclass(frozen=True)
class LoginView:
    """What the sign-in page shows.

    `protected`: there is an access file, so name and password are asked; else a role is chosen.
    `message`: "", wrong, locked, csrf (form too old), role (unknown role), out (signed out).
    `ask_sign_out`: the page asks whether to sign out.
    """

    lang: str
    protected: bool
    csrf: str
    next: str
    message: str = ""
    wait_minutes: int = 0
    user: User | None = None
    ask_sign_out: bool = False
    roles: tuple[str, ...] = ROLES


class Forbidden(CityBrainError):
    """The visitor may not do this; HTTP 403 (401 where nobody has signed in yet)."""

    def __init__(self, message: str, *, hint: str = "", status: int = 403) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def current_user(request: HTTPConnection | None = None) -> User:
    """The user of a request, or of the request being answered now where none is given.

    Outside any request, or where no access gate is installed, an unauthenticated viewer.
    """
    if request is not None and SCOPE_KEY in request.scope:
        return request.scope[SCOPE_KEY]
    return _current.get() or ANYBODY


def set_current(user: User | None) -> object:
    """Set the user of the running request; returns the token for `reset_current`."""
    return _current.set(user)


def reset_current(token: object) -> None:
    """Undo `set_current`."""
    _current.reset(token)  # type: ignore[arg-type]


def require(*roles: str) -> Callable[[HTTPConnection], User]:
    """A FastAPI dependency: the current user, who must have one of `roles` (admin always may).

    Raises
    ------
    Forbidden
        Names the roles that may and the one that asked.
    """
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise ValueError(f"unknown roles {sorted(unknown)}; allowed: {', '.join(ROLES)}")

    def dependency(request: HTTPConnection) -> User:
        return check_role(current_user(request), *roles)

    return dependency


def check_role(user: User, *roles: str) -> User:
    """`user`, who must have one of `roles` (admin always may); `Forbidden` otherwise. For use in callbacks."""
    if user.role in roles or user.role == "admin":
        return user
    may = ", ".join(sorted({*roles, "admin"}, key=ROLES.index))
    raise Forbidden(
        f"role {user.role!r} may not do this; it needs one of: {may}",
        hint="sign in with such an account at /login" if user.authenticated else "choose the role at /login",
    )


class Access:
    """Everything about access of one web process; reads the access file again whenever it changes.

    Parameters
    ----------
    home : Home
    clock : callable
        Seconds since the epoch.
    """

    def __init__(self, home: Home, clock: Callable[[], float] = time.time) -> None:
        self.home, self.clock = home, clock
        self._seen_protected = home.access.exists()
        key = read_key(home.root / "access.key", in_memory_if_unwritable=not self._seen_protected)
        self.sessions = Sessions(key, home.root / "access.signed-out.jsonl", clock)
        self.lockout = Lockout(clock, home.root / "access.lockout.json", key)
        self._log = SignInLog(home.logs / "sign-ins.jsonl")
        self._key = key.encode()
        self._roles = URLSafeSerializer(key, salt="city-brain-role", signer_kwargs={"digest_method": hashlib.sha256})
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._basic: dict[bytes, float] = {}
        self._hashing = threading.BoundedSemaphore(2)  # argon2 takes 64 MiB and a core each time

    @property
    def protected(self) -> bool:
        """Whether a sign-in is needed. Once it was, it stays so: a lost access file opens nothing."""
        self._seen_protected = self._seen_protected or self.home.access.exists()
        return self._seen_protected

    def accounts(self) -> dict[str, Account]:
        """The accounts as the file has them now."""
        try:
            stat = self.home.access.stat()
        except FileNotFoundError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        with self._lock:
            if stamp != self._stamp:
                self._accounts, self._stamp = read_accounts(self.home.access), stamp
            return self._accounts

    def sign_in(self, name: str, password: str, address: str, way: str = "page") -> tuple[Account | None, int]:
        """Check name and password. Returns (account or None, seconds to wait where locked); writes the log."""
        wait = self.lockout.begin(name, address)
        if wait:
            self.log(name, address, success=False, reason="locked", way=way)
            return None, wait
        account = self.accounts().get(name)
        with self._hashing:
            right = verify_password(account, password)
        if not right:
            self.log(name, address, success=False, reason="wrong name or password", way=way)
            return None, 0
        self.lockout.succeed(name, address)
        self.log(name, address, success=True, reason="", way=way)
        return account, 0

    def basic(self, name: str, password: str, address: str) -> Account | None:
        """Name and password sent with an API call; a checked pair is not hashed again for five minutes."""
        account = self.accounts().get(name)
        mark = hmac.new(self._key, "\0".join((name, password, account.password if account else "")).encode(), "sha256")
        now, digest = self.clock(), mark.digest()
        with self._lock:
            if account and self._basic.get(digest, 0) > now:
                return account
        account, _ = self.sign_in(name, password, address, way="api")
        if account:
            with self._lock:
                self._basic = {key: until for key, until in self._basic.items() if until > now}
                self._basic[digest] = now + BASIC_CACHE_S
        return account

    def choose_role(self, role: str, department: str) -> str:
        """Cookie value of a role chosen on this machine without an account."""
        return self._roles.dumps([role, department[:60]])

    def chosen_role(self, cookie: str | None) -> User:
        """The unauthenticated user a role cookie names; a viewer where there is none."""
        try:
            role, department = self._roles.loads(cookie or "")
        except (BadData, ValueError, TypeError):
            return ANYBODY
        return User("", role, department, False) if role in ROLES else ANYBODY

    def sign(self, text: str) -> str:
        """Keyed digest of a text (for the token of the sign-in form)."""
        return hmac.new(self._key, b"form\0" + text.encode(), "sha256").hexdigest()

    def log(self, user: str, address: str, *, success: bool, reason: str, way: str) -> None:
        """Append one line to `logs/sign-ins.jsonl` (it rotates): time (UTC), user, address, success, reason, way."""
        at = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
        entry = {"at": at, "user": user[:64], "address": address, "success": success, "reason": reason, "way": way}
        self._log.write(entry)
