"""Every address a process and its children connect or send to, as the kernel saw it (strace)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESS = re.compile(
    r"sa_family=AF_INET, sin_port=htons\((?P<port4>\d+)\), sin_addr=inet_addr\(\"(?P<ip4>[^\"]+)\"\)"
    r"|sa_family=AF_INET6, sin6_port=htons\((?P<port6>\d+)\),.*?inet_pton\(AF_INET6, \"(?P<ip6>[^\"]+)\""
)
_LOCAL = re.compile(r"127\.|::1$|::ffff:127\.")


@dataclass(frozen=True)
class Contact:
    """One address on the network: IP and port."""

    ip: str
    port: int

    @property
    def is_local(self) -> bool:
        return bool(_LOCAL.match(self.ip))


def contacts(trace: Path) -> set[Contact]:
    """All IP addresses in a trace; local sockets (unix, netlink) are no contacts."""
    found = set()
    for match in _ADDRESS.finditer(trace.read_text(encoding="utf-8", errors="replace")):
        found.add(Contact(match["ip4"] or match["ip6"], int(match["port4"] or match["port6"])))
    return found


def can_trace() -> str:
    """Why processes cannot be traced here; empty where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt-get install strace)"
    probe = subprocess.run(["strace", "-qq", "-e", "trace=connect", "true"], capture_output=True, text=True)
    return f"this machine does not let processes be traced: {probe.stderr.strip()[:200]}" if probe.returncode else ""


def need_strace() -> None:
    """Skip, saying so, where processes cannot be traced."""
    if reason := can_trace():
        pytest.skip(reason)


def environment(folder: Path) -> dict[str, str]:
    """The environment of the processes: an empty home directory, so nothing installed beside the packages helps."""
    bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and not name.startswith("CITY_BRAIN")}
    home = folder / "user"
    home.mkdir(parents=True, exist_ok=True)
    return bare | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def traced(command: list[str], trace: Path) -> list[str]:
    """`python …` under strace; only socket calls stop the process, so it runs at nearly full speed."""
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, *command]


def run_traced(command: list[str], folder: Path, name: str, timeout_s: float, *, traceable: bool = True) -> set[Contact]:
    """Run `python …` to its end and return its contacts; a failure shows its last lines.

    Where processes are not `traceable` it runs without a trace, and nothing is known of its contacts.
    """
    trace = folder / f"{name}.trace"
    whole = traced(command, trace) if traceable else [sys.executable, *command]
    done = subprocess.run(whole, cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return contacts(trace) if traceable else set()


@contextmanager
def started(command: list[str], folder: Path, name: str) -> Iterator[Path]:
    """`python …` running under strace; stopped as Ctrl-C does. Yields the path of the trace."""
    trace, log = folder / f"{name}.trace", folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            traced(command, trace), cwd=ROOT, env=environment(folder), stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield trace
            assert process.poll() is None, f"{name} ended by itself: {log.read_text(errors='replace')[-1500:]}"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def wait_for(url: str, log: Path, timeout_s: float = 90) -> None:
    """Wait until an address answers."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.3)
        if "Traceback" in log.read_text(errors="replace"):
            break
    raise AssertionError(f"{url} did not answer within {timeout_s} s: {log.read_text(errors='replace')[-2000:]}")
