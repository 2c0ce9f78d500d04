"""What the database says of a full disk or a folder that cannot be written, in words of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from data_pipeline.errors import StoreError
from data_pipeline.home import Home

_DISK_SIGNS = (
    "No space left", "disk is full", "disk I/O error", "readonly database", "read-only", "Permission denied",
    "Could not write", "Cannot open file", "unable to open database", "File too large", "No such file or directory",
    "Failed to create directory", "Read-only file system", "Input/output error", "could not write",
)  # fmt: skip


@contextmanager
def storage_errors(home: Home) -> Iterator[None]:
    """Turn the database's complaints about disk and folder into `StoreError`; leave others as they are."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if isinstance(error, duckdb.IOException) or any(sign in text for sign in _DISK_SIGNS):
            first = text.splitlines()[0]
            raise StoreError(
                f"the store {home.root} could not be read or written: {first}",
                hint="check free space and rights of the folder; the last snapshot stays readable",
            ) from error
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError) or error.errno in (27, 28, 30, 122):
            raise StoreError(
                f"the store {home.root} could not be written: {error.strerror} ({error.filename or home.root})",
                hint="check free space and rights of the folder; the last snapshot stays readable",
            ) from error
        raise
