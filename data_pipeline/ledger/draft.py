"""What a department sends: one report on a target, project or system, before it is checked and kept."""

from __future__ import annotations

from datetime import date

from pydantic import Field, field_validator

from data_pipeline.declare import Declared
from data_pipeline.ledger.types import MOST_EVIDENCE, REASON_LENGTH, Subject


class Draft(Declared):
    """What a department sends: one figure or state of a target, project or system on one data date.

    `value` in the target's unit as printed; `progress_share` 0–1; `evidence`: ids of kept files (`sha256:name`)
    or http(s) links; `replaces`: id of the entry this one corrects; `confirmed`: the warnings were read and
    `reason` answers them.
    """

    city: str
    subject: Subject
    subject_id: str
    data_on: date
    department: str
    value: float | None = Field(default=None, allow_inf_nan=False)
    stage: str = ""
    expected_on: date | None = None
    progress_share: float | None = Field(default=None, allow_inf_nan=False)
    invested_yi_yuan: float | None = Field(default=None, allow_inf_nan=False)
    blocked: bool | None = None
    blocked_cause: str = Field(default="", max_length=REASON_LENGTH)
    blocked_owner: str = Field(default="", max_length=REASON_LENGTH)
    reason: str = Field(default="", max_length=REASON_LENGTH)
    evidence: tuple[str, ...] = Field(default=(), max_length=MOST_EVIDENCE)
    replaces: str = ""
    confirmed: bool = False

    @field_validator("reason", "blocked_cause", "blocked_owner", "department", "subject_id", "stage", "replaces")
    @classmethod
    def _trimmed(cls, text: str) -> str:
        return text.strip()
