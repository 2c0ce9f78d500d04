"""Deliveries are kept as they came: bytes by their SHA-256, written once, never changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from data_pipeline.errors import DeliveryError, StoreError
from data_pipeline.home import Home
from data_pipeline.ingest.companions import with_companions
from data_pipeline.mappings import Mapping
from data_pipeline.sources.base import gone

_CHUNK = 4 * 1024 * 1024
MAX_BYTES = 2 * 1024**3  # the largest delivery any reader takes


@dataclass(frozen=True)
class Kept:
    """A kept delivery: where its bytes are, their hash and number, and the name to read them under."""

    path: Path
    sha256: str
    bytes: int
    filename: str


def keep(home: Home, path: Path, filename: str) -> Kept:
    """Copy a delivery into the home folder, whole and durable, before anything is made of it.

    Deliveries of several files go through `in_one_piece` first.

    Raises
    ------
    DeliveryError
        The file is absent, may not be read, is too large, or changed while it was copied.
    StoreError
        The home folder cannot take it (disk full, not writable).
    """
    try:
        home.deliveries.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".incoming-", dir=home.deliveries)
    except OSError as error:
        raise _cannot_keep(home, error) from None
    target = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as kept:
            _copy(path, kept, filename, home)
            try:
                kept.flush()
                os.fsync(kept.fileno())
            except OSError as error:
                raise _cannot_keep(home, error) from None
        digest, size = _hash(target)
        final = kept_path(home, digest)
        try:
            final.parent.mkdir(exist_ok=True)
            os.replace(target, final)
            _sync_folder(final.parent)
        except OSError as error:
            raise _cannot_keep(home, error) from None
        return Kept(final, digest, size, filename)
    finally:
        with suppress(FileNotFoundError):
            target.unlink()


def keep_text(home: Home, text: str) -> str:
    """Keep a small text (a mapping) beside the deliveries; returns its SHA-256."""
    data = text.encode()
    digest = sha256(data).hexdigest()
    final = kept_path(home, digest)
    if not final.exists():
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".incoming-", dir=home.deliveries)
            with os.fdopen(handle, "wb") as kept:
                kept.write(data)
                kept.flush()
                os.fsync(kept.fileno())
            os.replace(temporary, final)
        except OSError as error:
            raise _cannot_keep(home, error) from None
    return digest


def kept_path(home: Home, digest: str) -> Path:
    """Where the bytes with this SHA-256 are (or would be) kept."""
    return home.deliveries / digest[:2] / digest


def _copy(path: Path, kept, filename: str, home: Home) -> None:  # noqa: ANN001 (a binary file)
    """Copy one file and make sure it is the same before and after."""
    try:
        with path.open("rb") as given:
            before = os.fstat(given.fileno())
            if before.st_size > MAX_BYTES:
                raise DeliveryError(
                    f"{filename}: {before.st_size:,} bytes are more than the {MAX_BYTES:,} allowed",
                    hint="split the file, or deliver it as Parquet",
                )
            while chunk := given.read(_CHUNK):
                try:
                    kept.write(chunk)
                except OSError as error:
                    raise _cannot_keep(home, error) from None
            after = os.fstat(given.fileno())
            by_name = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise gone(filename) from None
    except PermissionError:
        raise DeliveryError(f"{filename}: the file may not be read (permission denied)") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or kept.tell() != before.st_size:
        raise DeliveryError(
            f"{filename}: the file changed while it was read ({before.st_size:,} bytes, then {after.st_size:,})",
            hint="wait until the supplier has finished writing, then deliver it again",
        )
    if (by_name.st_dev, by_name.st_ino) != (before.st_dev, before.st_ino):
        raise DeliveryError(f"{filename}: the file was replaced while it was read", hint="deliver it again")


@contextmanager
def in_one_piece(path: Path, filename: str, mapping: Mapping | None) -> Iterator[tuple[Path, str]]:
    """A delivery as one file: (path, name to read it under).

    A folder, a shapefile with its side files, and a file whose mapping joins a second one (beside
    it or beside the mapping) become one zip, so that what is kept can always be read again.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        try:
            found = with_companions(path, mapping, Path(folder) / "bundle.zip") if path.exists() else path
        except FileNotFoundError as error:
            raise DeliveryError(f"{filename}: {error.filename} vanished while it was read", hint="deliver it again") from None
        is_bundle = found != path and not filename.lower().endswith(".zip")
        yield found, f"{filename}.zip" if is_bundle else filename


def _hash(path: Path) -> tuple[str, int]:
    digest, size = sha256(), 0
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: after a power cut the name is there, too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _cannot_keep(home: Home, error: OSError) -> StoreError:
    return StoreError(
        f"the delivery could not be kept in {home.deliveries}: {error.strerror}",
        hint="check free space and rights of the folder; nothing was taken in",
    )
