"""A delivery that needs a second file is kept as one zip that holds both, so that it can always be read again."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: the same files always make the same bytes


def bundle(paths: Sequence[Path], target: Path) -> Path:
    """Write the files (or the files of a folder) into one zip at `target`; the same input gives the same bytes.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders whose files are taken (a Shapefile). Names inside are the bare file names.
    target : Path
        The zip to write; replaced where it exists.

    Returns
    -------
    Path
        `target`.
    """
    files = [part for path in paths for part in (sorted(path.iterdir()) if path.is_dir() else [path]) if part.is_file()]
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in files:
            info = zipfile.ZipInfo(file.name, date_time=EPOCH)
            # what is packed already does not get smaller
            packed = file.suffix.lower() in (".gz", ".zip", ".parquet", ".xlsx")
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            with file.open("rb") as given, archive.open(info, "w", force_zip64=True) as kept:
                while chunk := given.read(1024 * 1024):
                    kept.write(chunk)
    return target
