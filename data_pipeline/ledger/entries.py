"""Entries of departments (填报) and their way: submitted → accepted | returned | withdrawn.

Every change of state is a row of the table `report_entries`, never a change of one; the last row is the present
state. What is accepted goes, in the same commit, into the dataset `plan_reports` as one delivery whose bytes are
kept, so provenance, as-of and revisions are those of any other record. A correction is a new entry that names the
one it `replaces`. An accepted report that should not be there at all is taken back the same way: an entry whose stage
is `withdrawn` becomes, once reviewed, the newest revision of its data date, and what it withdraws stays in the chain.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from data_pipeline.contracts import contract
from data_pipeline.declare import validate
from data_pipeline.errors import UnknownId, UsageError
from data_pipeline.ingest.types import Incoming
from data_pipeline.ledger.checks import check
from data_pipeline.ledger.draft import Draft
from data_pipeline.ledger.evidence import check_links
from data_pipeline.ledger.says import refuse, say
from data_pipeline.ledger.types import NOTE_LENGTH, WITHDRAWN, EntryState, Finding, Past, ReportEntry
from data_pipeline.plans import read_plan_facts
from data_pipeline.times import local_day

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.ingest.commit import Commit
    from data_pipeline.store.lake import Lake

DATASET = "plan_reports"
ACTIONS = ("submit", "accept", "return", "withdraw")
STATES: tuple[EntryState, ...] = ("submitted", "accepted", "returned", "withdrawn")
_LISTS = ("evidence", "warnings")  # kept as JSON text
COLUMNS = (
    "entry_id", "city", "subject", "subject_id", "data_on", "state", "value", "stage", "expected_on", "progress_share",
    "invested_yi_yuan", "blocked", "blocked_cause", "blocked_owner", "department", "reason", "evidence", "author",
    "author_known", "submitted_at_utc", "reviewer", "reviewer_known", "reviewed_at_utc", "review_note", "warnings",
    "is_simulated", "replaces", "delivery_id",
)  # fmt: skip
_SCHEMA: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String) | {
    "data_on": pl.Date, "expected_on": pl.Date, "value": pl.Float64, "progress_share": pl.Float64,
    "invested_yi_yuan": pl.Float64, "blocked": pl.Boolean, "author_known": pl.Boolean, "reviewer_known": pl.Boolean,
    "is_simulated": pl.Boolean, "submitted_at_utc": pl.Datetime("us"), "reviewed_at_utc": pl.Datetime("us"),
    "delivery_id": pl.Int64, "changed_at_utc": pl.Datetime("us"), "commit_seq": pl.Int64,
}  # fmt: skip
_PRESENT = (
    "SELECT * FROM report_entries WHERE city = ? "
    "QUALIFY row_number() OVER (PARTITION BY entry_id ORDER BY commit_seq DESC, changed_at_utc DESC) = 1"
)


@dataclass(frozen=True)
class Person:
    """Who acts. `known` False: a role chosen on the machine itself, shown as 未认证; `department` "" = any."""

    name: str
    known: bool
    department: str = ""


class NeedsConfirmation(UsageError):
    """The checks noticed something that is possible but unusual; the author confirms it with a reason."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(
            "to be confirmed: " + "; ".join(say(finding) for finding in findings),
            hint="check the figure; if it is right send it again with confirmed = true and a reason",
        )


def new_id(city: str, on: date) -> str:
    """An id for a new entry: city, day and eight random hexadecimal digits."""
    return f"{city}-{on:%Y%m%d}-{secrets.token_hex(4)}"


# ---------------------------------------------------------------------- reading


def listed(
    lake: Lake, city: str, *, state: str | None = None, department: str | None = None, subject_id: str | None = None
) -> list[ReportEntry]:
    """Entries of a city in their present state, newest submission first; filters may be combined."""
    filters = {"state": state, "department": department, "subject_id": subject_id}
    chosen = {name: value for name, value in filters.items() if value is not None}
    where = " AND ".join(f"{name} = ?" for name in chosen)  # names from here, values as parameters
    sql = f"SELECT * FROM ({_PRESENT})" + (f" WHERE {where}" if where else "") + " ORDER BY submitted_at_utc DESC, entry_id"
    return [_entry(row) for row in lake.frame(sql, [city, *chosen.values()]).iter_rows(named=True)]


def history(lake: Lake, city: str, entry_id: str) -> list[tuple[datetime, str, ReportEntry]]:
    """Every state of one entry, oldest first: when (UTC), who changed it, and the entry then.

    Raises
    ------
    UnknownId
        The city has no such entry.
    """
    sql = "SELECT * FROM report_entries WHERE city = ? AND entry_id = ? ORDER BY commit_seq, changed_at_utc"
    rows = list(lake.frame(sql, [city, entry_id]).iter_rows(named=True))
    if not rows:
        known = lake.frame("SELECT DISTINCT entry_id FROM report_entries WHERE city = ? LIMIT 1000", [city])
        raise UnknownId("entry", entry_id, known["entry_id"].to_list())
    return [(row["changed_at_utc"], row["changed_by"], _entry(row)) for row in rows]


def past(lake: Lake, city: str, subject_id: str) -> list[Past]:
    """What was accepted on a subject so far, by data date; the newest revision of each, without what was withdrawn."""
    columns = ", ".join(Past.__dataclass_fields__)
    sql = f"SELECT {columns} FROM {contract(DATASET).table} WHERE city = ? AND subject_id = ? AND known_to_utc IS NULL"
    sql += " AND coalesce(stage, '') <> ? ORDER BY data_on"
    return [Past(**row) for row in lake.frame(sql, [city, subject_id, WITHDRAWN]).iter_rows(named=True)]


def findings(lake: Lake | None, pack: Pack, draft: Draft, now: datetime) -> list[Finding]:
    """What the checks say of a draft as the store stands; without a store there is no history to compare with."""
    facts = read_plan_facts(pack.folder / "plan", pack.id)
    before = [] if lake is None else past(lake, pack.id, draft.subject_id)
    waiting = [] if lake is None else listed(lake, pack.id, state="submitted", subject_id=draft.subject_id)
    waiting = [entry for entry in waiting if entry.entry_id != draft.replaces]
    districts = [area.id for area in pack.children(pack.city_area.id)]
    return check(draft, facts, before, waiting, local_day(now, pack.tz), districts)


# ---------------------------------------------------------------------- changing, inside the writer's transaction


def submit(commit: Commit, pack: Pack, entry_id: str, draft: Draft, person: Person) -> ReportEntry:
    """Take an entry in: it waits for its reviewer.

    Raises
    ------
    UsageError
        The checks refuse it; nothing is written.
    NeedsConfirmation
        The checks noticed something and it was not confirmed with a reason.
    """
    if person.department and person.department != draft.department:
        raise refuse(
            "other_office", name=person.name, own=person.department, got=draft.department,
            hint="ask a colleague of that department, or the administrator to change the account",
        )  # fmt: skip
    check_links(commit.writer.home, draft.evidence)
    found = findings(commit.lake, pack, draft, commit.now)
    errors = [finding for finding in found if finding.level == "error"]
    if errors:
        first = errors[0]
        raise UsageError("; ".join(say(finding) for finding in errors), hint="correct it and send it again", code=first.code, facts=first.args)
    if found and not (draft.confirmed and draft.reason):
        raise NeedsConfirmation(found)
    if draft.replaces:
        _replaceable(commit.lake, pack.id, draft)
    entry = ReportEntry(
        entry_id=entry_id, city=pack.id, state="submitted", author=person.name, author_known=person.known,
        submitted_at_utc=commit.now, reviewer="", reviewer_known=False, reviewed_at_utc=None, review_note="",
        warnings=tuple(finding.packed() for finding in found), is_simulated=False,
        **draft.model_dump(exclude={"city", "confirmed"}),
    )  # fmt: skip
    _append(commit, entry, person.name)
    return entry


def act(commit: Commit, arguments: dict[str, Any]) -> list[ReportEntry]:
    """Do what a person asked for, as the pipeline's inbox brings it.

    Parameters
    ----------
    arguments : dict
        `action` (submit, accept, return, withdraw), `city`, `person` (name, known, department, is_admin) and
        `entries` (list of {entry_id, draft}) for submit, else `entry_id` and `note`.

    Raises
    ------
    UsageError
        See `submit`, `review` and `withdraw`; of several entries all are taken or none.
    """
    action, city, given = (arguments.get(name) for name in ("action", "city", "person"))
    if action not in ACTIONS or not isinstance(given, dict):
        raise UsageError(f"report: action {action!r} is none of {', '.join(ACTIONS)}, or nobody is named")
    pack = commit.writer.pack(str(city))
    person = Person(str(given["name"]), bool(given["known"]), str(given.get("department", "")))
    if not person.name.strip():
        raise refuse("nobody", hint="sign in, or choose a role")
    if action == "submit":
        return [
            submit(commit, pack, str(item["entry_id"]), validate(Draft, item["draft"], "report"), person)
            for item in arguments["entries"]
        ]
    entry_id, note = str(arguments.get("entry_id")), str(arguments.get("note", ""))
    if action == "withdraw":
        return [withdraw(commit, pack, entry_id, note, person, bool(given.get("is_admin")))]
    return [review(commit, pack, entry_id, action == "accept", note, person)]


def _replaceable(lake: Lake, city: str, draft: Draft) -> None:
    """A correction names an entry on the same subject; one that still waits is withdrawn by hand first."""
    old = history(lake, city, draft.replaces)[-1][2]
    if old.subject_id != draft.subject_id:
        raise refuse("other_subject", entry=old.entry_id, has=old.subject_id, got=draft.subject_id)
    if old.state == "submitted":
        raise refuse("still_waiting", entry=old.entry_id, hint="withdraw it first")


def review(commit: Commit, pack: Pack, entry_id: str, accept: bool, note: str, person: Person) -> ReportEntry:
    """Accept an entry (it becomes a record of `plan_reports` in the same commit) or return it with a note.

    Raises
    ------
    UnknownId
        No such entry.
    UsageError
        It does not wait any more, its author reviews it, or it is returned without a note.
    """
    entry = _waiting(commit.lake, pack.id, entry_id)
    if entry.author == person.name:
        raise refuse("own_review", name=person.name, entry=entry_id, hint="a second person reviews it")
    if not accept and not note.strip():
        raise refuse("return_note")
    if len(note) > NOTE_LENGTH:
        raise refuse("note_long", n=len(note), most=NOTE_LENGTH)
    now = max(commit.now, entry.submitted_at_utc)
    entry = replace(
        entry, state="accepted" if accept else "returned", reviewer=person.name, reviewer_known=person.known,
        reviewed_at_utc=now, review_note=note.strip(),
    )  # fmt: skip
    if accept:
        entry = replace(entry, delivery_id=_deliver(commit, pack, entry))
    _append(commit, entry, person.name)
    return entry


def withdraw(commit: Commit, pack: Pack, entry_id: str, note: str, person: Person, is_admin: bool = False) -> ReportEntry:
    """Take back an entry that still waits; only its author (or an administrator) may."""
    entry = _waiting(commit.lake, pack.id, entry_id)
    if entry.author != person.name and not is_admin:
        raise refuse("not_author", entry=entry_id, author=entry.author, name=person.name)
    entry = replace(entry, state="withdrawn", review_note=note.strip()[:NOTE_LENGTH])
    _append(commit, entry, person.name)
    return entry


def _waiting(lake: Lake, city: str, entry_id: str) -> ReportEntry:
    entry = history(lake, city, entry_id)[-1][2]
    if entry.state != "submitted":
        raise refuse("settled", entry=entry_id, state=entry.state, hint="a settled entry is never changed; correct it by a new one")
    return entry


def _deliver(commit: Commit, pack: Pack, entry: ReportEntry) -> int:
    """The accepted entry as one delivery of `plan_reports`; returns its delivery id."""
    row = {name: getattr(entry, name, None) for name in contract(DATASET).columns}
    row |= {
        "evidence": ";".join(entry.evidence), "submitted_at": _utc(entry.submitted_at_utc),
        "reviewed_at": _utc(entry.reviewed_at_utc), "area_id": pack.city_area.id,
    }  # fmt: skip
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items() if value not in ("", None)}
    with tempfile.TemporaryDirectory(prefix="report-", dir=commit.writer.home.root) as folder:
        path = Path(folder) / f"{entry.entry_id}.ndjson"
        path.write_text(json.dumps(plain, ensure_ascii=False) + "\n", encoding="utf-8")
        incoming = Incoming(path, pack.id, DATASET, source=entry.department, filename=path.name, operator=entry.author)
        receipt = commit.take(incoming)
    if receipt.accepted != 1:
        raise refuse(
            "no_record", entry=entry.entry_id, status=receipt.status, n=receipt.quarantined, text=receipt.message,
            hint="return it to its author; the contract of plan_reports says what a report must hold",
        )  # fmt: skip
    return receipt.delivery_id


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}Z"


def _append(commit: Commit, entry: ReportEntry, by: str) -> None:
    last = commit.lake.value("SELECT max(changed_at_utc) FROM report_entries WHERE city = ? AND entry_id = ?", [entry.city, entry.entry_id])
    # two changes in one commit keep their order
    at = commit.now if last is None else max(commit.now, last + timedelta(microseconds=1))
    row: dict[str, Any] = {name: getattr(entry, name) for name in COLUMNS}
    row |= {name: json.dumps(row[name], ensure_ascii=False) for name in _LISTS}
    row |= {"changed_at_utc": at, "changed_by": by, "commit_seq": commit.commit_seq}
    schema = _SCHEMA | {"changed_by": pl.String}
    commit.lake.append("report_entries", pl.DataFrame([row], schema=schema))
    commit.cities.add(entry.city)


def _entry(row: dict[str, Any]) -> ReportEntry:
    plain = {name: row[name] for name in COLUMNS}
    return ReportEntry(**plain | {name: tuple(json.loads(plain[name] or "[]")) for name in _LISTS})
