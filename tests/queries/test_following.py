"""The thread that follows the store outlives whatever goes wrong in it."""

from __future__ import annotations

import logging
import threading
from itertools import count

import pytest

from data_pipeline.errors import StoreError
from data_pipeline.queries import following
from data_pipeline.queries.following import Follower


def test_neither_a_refusal_nor_a_fault_ends_it_and_a_fault_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(following, "AFTER_REFUSAL_S", 0.0)
    monkeypatch.setattr(following, "AFTER_FAILURE_S", 0.0)
    steps, reached = count(), threading.Event()

    def step() -> None:
        number = next(steps)
        if number == 0:
            raise StoreError("the store is being moved")
        if number == 1:
            raise AttributeError("what nobody foresaw")
        if number == 3:
            reached.set()

    follower = Follower(step, "follow-test")
    assert not follower.runs
    with caplog.at_level(logging.ERROR):
        follower.start(0.001)
        assert reached.wait(10) and follower.runs
        follower.end()
    assert not follower.runs and next(steps) >= 4
    assert "what nobody foresaw" in caplog.text and "being moved" not in caplog.text
    after = next(steps)
    follower.end()
    assert next(steps) == after + 1
