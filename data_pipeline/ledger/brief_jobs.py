"""Briefings being made: each in a thread of its own, asked about by its number until it is fetched."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from data_pipeline.errors import CityBrainError, StoreBusy, UnknownId
from data_pipeline.ledger.says import refuse

FORMATS = {"pdf": "application/pdf", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
SUBJECTS = ("overview", "ledger", "targets", "projects", "systems", "departments", "target", "department", "changes")
# filters of the list of targets, which its briefing takes over
FILTERS = ("plan", "domain", "department", "deadline", "kind", "status")
MOST_AT_ONCE = 4
KEPT = 40
KEPT_S = 1800.0
log = logging.getLogger(__name__)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Wanted:
    """Which briefing: of what, of which city, in which language and format, of which ledger.

    `at` (and `before` for changes) is `now`, a date or a freeze's id or name; `target` the id of one target, `department`
    an office as the plan spells it; `only` narrows the list of targets (`FILTERS` → value), as its page does.
    """

    of: str
    city: str
    lang: str = "zh"
    format: str = "pdf"
    at: str = "now"
    before: str = ""
    target: str = ""
    department: str = ""
    only: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> Wanted:
        """This, where it makes sense; `UsageError` names what does not."""
        for name, value, allowed in (("of", self.of, SUBJECTS), ("lang", self.lang, ("zh", "en")), ("format", self.format, tuple(FORMATS))):
            if value not in allowed:
                raise refuse("brief_word", name=name, got=value, allowed=", ".join(allowed))
        if self.of == "changes" and not self.before:
            raise refuse("brief_before", hint="give a date or the name of a freeze")
        if self.of == "target" and not self.target:
            raise refuse("brief_target", hint="give its id, for example ez-5g-stations")
        if self.of == "department" and not self.department:
            raise refuse("brief_department", hint="give its name as the plan spells it")
        for name in self.only:
            if name not in FILTERS:
                raise refuse("brief_word", name="only", got=name, allowed=", ".join(FILTERS))
        return self

    @property
    def file_name(self) -> str:
        """A name for the file, plain letters only."""
        parts = ("briefing", self.city, self.of, "" if self.at == "now" else "".join(c for c in self.at if c.isascii() and (c.isalnum() or c == "-")), self.lang)
        return "_".join(part for part in parts if part) + f".{self.format}"


# makes the file; told what it is to make and how to say how far it is
Maker = Callable[[Wanted, Progress], bytes]


@dataclass
class Job:
    """One briefing on its way: `step` is a word of the text catalogue, `share` 0–1."""

    id: str
    wanted: Wanted
    state: Literal["working", "done", "failed"] = "working"
    step: str = "gather"
    share: float = 0.0
    error: str = ""
    hint: str = ""
    code: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    started: float = field(default_factory=time.monotonic)
    took_s: float | None = None

    def as_dict(self) -> dict[str, object]:
        """What a program is told of it."""
        return {"id": self.id, "state": self.state, "step": self.step, "share": round(self.share, 2), "error": self.error,
                "hint": self.hint, "code": self.code, "facts": self.facts,
                "file": self.wanted.file_name if self.state == "done" else None, "bytes": len(self.body) or None,
                "took_s": None if self.took_s is None else round(self.took_s, 2)}  # fmt: skip


class BriefJobs:
    """The briefings of one web process. Thread-safe; a finished one is kept for half an hour."""

    def __init__(self, make: Maker) -> None:
        self._make = make
        self._jobs: dict[str, Job] = {}
        self._guard = threading.Lock()

    def start(self, wanted: Wanted) -> Job:
        """Begin a briefing; `StoreBusy` where too many are being made already."""
        wanted.check()
        with self._guard:
            self._clear()
            if sum(job.state == "working" for job in self._jobs.values()) >= MOST_AT_ONCE:
                raise refuse("brief_many", StoreBusy, n=MOST_AT_ONCE, hint="try again in a few seconds")
            job = Job(uuid.uuid4().hex, wanted)
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job,), name=f"briefing-{job.id[:8]}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job:
        """A briefing by its number; `UnknownId` where there is none, or it is long fetched."""
        with self._guard:
            if job_id not in self._jobs:
                raise UnknownId("briefing", job_id, [])
            return self._jobs[job_id]

    def _run(self, job: Job) -> None:
        def progress(step: str, share: float) -> None:
            job.step, job.share = step, share

        try:
            job.body = self._make(job.wanted, progress)
            job.step, job.share, job.state = "done", 1.0, "done"
        except CityBrainError as error:
            job.error, job.hint, job.code, job.facts = error.message, error.hint, error.code, error.facts
            job.state = "failed"
        except Exception as error:
            # told to who waits for it, and written down with its place: a thread has nobody to raise to
            log.exception("briefing %s of %s failed", job.id, job.wanted)
            job.error, job.state = f"{type(error).__name__}: {error}", "failed"
            raise
        finally:
            job.took_s = time.monotonic() - job.started

    def _clear(self) -> None:
        now = time.monotonic()
        settled = [job for job in self._jobs.values() if job.state != "working"]
        for at, job in enumerate(sorted(settled, key=lambda j: -j.started)):
            if at >= KEPT or now - job.started > KEPT_S:
                del self._jobs[job.id]
