"""The log of sign-ins: one JSON line each, in files that rotate and that only their owner reads."""

from __future__ import annotations

import json
import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

MAX_BYTES = 5_000_000  # some 30,000 sign-ins a file
KEPT_FILES = 12


class SignInLog(RotatingFileHandler):
    """Appends lines to `path`; at `max_bytes` it becomes `path.1` and so on, the oldest beyond `KEPT_FILES` goes.

    Several web processes may write the same log: who finds the file rotated by another opens the new one.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._inode = 0
        super().__init__(path, maxBytes=max_bytes, backupCount=KEPT_FILES, encoding="utf-8", delay=True, errors="replace")
        self.setFormatter(logging.Formatter("%(message)s"))

    def write(self, entry: dict[str, Any]) -> None:
        """Append one line.

        Raises
        ------
        OSError
            The log cannot be written; a sign-in nobody can account for must not pass.
        """
        text = json.dumps(entry, ensure_ascii=False)
        self.handle(logging.LogRecord("sign-ins", logging.INFO, __file__, 0, text, None, None))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, into the present file."""
        if self.stream is not None and self._rotated_elsewhere():
            self.stream.close()
            self.stream = None  # type: ignore[assignment]
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (name of the base class)
        """An error is the caller's to know; the base class would only print it."""
        raise  # noqa: PLE0704 (called inside the base class's except)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        stream = open(self.baseFilename, "a", encoding="utf-8", errors="replace", opener=_private)  # noqa: SIM115
        self._inode = os.fstat(stream.fileno()).st_ino
        return stream

    def _rotated_elsewhere(self) -> bool:
        try:
            return os.stat(self.baseFilename).st_ino != self._inode
        except FileNotFoundError:
            return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
