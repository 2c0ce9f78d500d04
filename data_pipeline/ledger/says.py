"""Every sentence the ledger says no with: checks, cells of the template, an entry's way, evidence, freezes, briefings.

A finding or a refusal is a code and what fills its sentence. Here are the English sentences, for errors, logs and the
API; screens have the same codes in both languages (`reports.find.*` of `components/text`), which a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from data_pipeline.errors import CityBrainError, UsageError

if TYPE_CHECKING:
    from data_pipeline.ledger.types import Finding

E = TypeVar("E", bound=CityBrainError)
NEAR = "; did you mean {near}?"

SAYS: dict[str, str] = {
    # checks of an entry (checks.py)
    "unknown_subject": "subject_id: unknown {kind} {got!r}{near}",
    "not_reported": "subject_id: {got} takes no reports ({why})",
    "nothing_said": "{name}: missing; {got} needs it",
    "unknown_stage": "stage: {got!r} is none of {allowed}{near}",
    "unknown_department": "department: unknown office {got!r}{near}",
    "future": "data_on: {got} is after today, {today}",
    "too_old": "data_on: {got} is more than ten years ago",
    "bounds": "{name}: {got} is outside {allowed}",
    "same_accepted": "data_on: the same report of {got} was accepted already",
    "same_waiting": "data_on: a report of {got} waits for its reviewer",
    "blocked_who": "{name}: missing; what is blocked names cause and who has to act",
    "done_later": "expected_on: done, but on {got}, after the data date {data_on}",
    "decrease": "value: {got} is below {before} of {on}; a cumulative figure does not fall",
    "jump": "value: {got} after {before} of {on}: a step of {step} a month, usual is {usual}",
    "not_owner": "department: {got} is neither lead nor responsible ({owners})",
    "went_back": "stage: {got} after {before} of {on}",
    "overdue_day": "expected_on: {got} lies before the data date {data_on}, and it is not done",
    "not_whole": "value: {got} {unit} is not a whole number",
    "above_planned": "invested_yi_yuan: {got} of {planned} planned",
    "not_accepted": "data_on: nothing is accepted for {got}; there is nothing to withdraw",
    "withdraw_reason": "reason: missing; an accepted report is withdrawn with a reason",
    "withdraw_only": "{name}: a withdrawal says nothing else",
    # cells and rows of a filled template (template.py)
    "cell_number": "{cell} ({name}): {got!r} is not a number",
    "cell_date": "{cell} ({name}): {got!r} is not a date such as 2026-11-30",
    "cell_word": "{cell} ({name}): {got!r} is none of {allowed}{near}",
    "cell_empty": "{cell} ({name}): is empty; a report needs its data date",
    "cell_long": "{cell} ({name}): {n} characters, at most {most} are kept",
    "row_lost": "{cell}: {got!r} is no kind of subject; the row lost its hidden id",
    # a template as a whole
    "template_large": "{file}: larger than the {most} MB allowed",
    "template_kind": "{file}: not an Excel workbook (.xlsx)",
    "template_xls": "{file}: the old .xls form",
    "template_unread": "{file}: the workbook cannot be read",
    "template_other": "{file}: no template of this product (sheets {sheets})",
    "template_version": "{file}: template version {got!r}, this product reads {wanted!r}",
    "template_formula": "{file}: sheet {sheet!r} cell {cell} holds a formula",
    "template_column": "{file}: sheet {sheet!r} cell {cell}: column {wanted!r} ({name}) expected, got {got!r}",
    "template_moved": "{file}: sheet {sheet!r} cell {cell}: column {wanted!r} ({name}) expected, got {got!r}, which belongs into column {home}",
    "template_added": "{file}: sheet {sheet!r} cell {cell}: an additional column {got!r}",
    # the way of an entry (entries.py)
    "nobody": "report: nobody is named",
    "other_office": "department: {name} reports for {own}, not for {got}",
    "other_subject": "replaces: entry {entry} is about {has}, not {got}",
    "still_waiting": "replaces: entry {entry} still waits for its reviewer",
    "own_review": "reviewer: {name} wrote entry {entry} and cannot review it",
    "return_note": "note: an entry is returned with a note that says what to correct",
    "note_long": "note: {n} characters, at most {most} are kept",
    "settled": "entry {entry} is {state} already",
    "not_author": "entry {entry} was written by {author}; {name} cannot withdraw it",
    # evidence (evidence.py)
    "file_large": "evidence: {name} is larger than the {most} MB allowed",
    "file_ending": "evidence: {name} is a {kind} file under another ending",
    "file_empty": "evidence: {name} is empty",
    "file_program": "evidence: {name} is {what}; it is not kept",
    "file_kind": "evidence: {name} is none of the allowed kinds",
    "link": "evidence: {got!r} is neither a kept file nor a link",
    "no_record": "entry {entry} cannot become a record: {status}, {n} rows refused. {text}",
    # freezes and the ledger's date (freeze.py, queries/freezes.py, pages)
    "freeze_name": "name: {got!r} has {n} characters, 1 to {most} are allowed",
    "freeze_nobody": "by: nobody is named",
    "freeze_taken": "name: {got!r} is taken by {freeze} of {on}",
    "freeze_large": "the ledger has {n} bytes, at most {most} are kept",
    "freeze_changed": "the frozen ledger arrived changed: its hash is not the one it was sent with",
    "day_to_come": "{got} is still to come; the ledger knows nothing of it",
    "day_unread": "on: {got!r} is not a date; write it as 2021-06-30",
    "day_outside": "on: {got} is outside {first} to {last}; the ledger knows nothing of it",
    # briefings (brief_jobs.py, brief.py)
    "brief_word": "{name}: {got!r} is none of {allowed}",
    "brief_before": "before: which ledger are the changes since?",
    "brief_target": "target: which target?",
    "brief_department": "department: which department?",
    "brief_many": "{n} briefings are being made already",
    "brief_unset": "the briefing {title!r} could not be set: {text}",
}


def say(finding: Finding) -> str:
    """A finding as an English sentence, for errors and logs; screens have texts of their own."""
    return sentence(finding.code, finding.args)


def sentence(code: str, args: dict[str, Any]) -> str:
    """The English sentence of a code; `near` (names that are close, may be empty) becomes a question."""
    near = NEAR.format(near=args["near"]) if args.get("near") else ""
    return SAYS[code].format(**args | ({"near": near} if "near" in args else {}))


def refuse(code: str, kind: type[E] = UsageError, /, *, hint: str = "", **facts: Any) -> E:  # type: ignore[assignment]
    """The error that refuses with a code: its English sentence, what to do, and code and facts for the screen."""
    return kind(sentence(code, facts), hint=hint, code=code, facts=facts)
