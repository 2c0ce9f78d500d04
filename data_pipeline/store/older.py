"""A store that an older version made: what its tables lack beside the declared ones.

The writer adds what is missing. A reader writes nothing: until a pipeline has opened the store it sees a missing
column as null and a missing table as empty, so that what the store holds is shown and the rest is "no data".
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from data_pipeline.errors import StoreError

Tables = Mapping[str, Mapping[str, str]]


def stored_tables(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The tables of the attached lake as they are: name → column → DuckDB type."""
    found: dict[str, dict[str, str]] = {}
    rows = con.execute("SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'lake'").fetchall()
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def missing_columns(found: Tables, declared: Tables) -> dict[str, list[str]]:
    """Table → declared columns it lacks; tables that lack none are absent, of those that are not there all are missing.

    Raises
    ------
    StoreError
        A column has another type than is declared.
    """
    missing: dict[str, list[str]] = {}
    for table, columns in declared.items():
        have = found.get(table, {})
        for column, kind in columns.items():
            if column not in have:
                missing.setdefault(table, []).append(column)
            elif have[column] != kind:
                raise StoreError(
                    f"column {table}.{column} is {have[column]} in this store but {kind} in this version",
                    hint="build a new store, or use the version that made this one",
                )
    return missing


def read_as_null(con: duckdb.DuckDBPyConnection, declared: Tables, shown: frozenset[str] = frozenset()) -> frozenset[str]:
    """Show missing columns as null and missing tables as empty, on this connection alone.

    Parameters
    ----------
    shown : frozenset of str
        Tables an earlier call has put a view before; those that are whole by now are read directly again.

    Returns
    -------
    frozenset of str
        Tables a view stands before; none in a store of this version.

    Raises
    ------
    StoreError
        As `missing_columns`.
    """
    found = stored_tables(con)
    missing = missing_columns(found, declared)
    for table in shown - missing.keys():
        con.execute(f'DROP VIEW temp."{table}"')
    for table, lacking in missing.items():
        absent = set(lacking)
        columns = ", ".join(
            f'NULL::{kind} AS "{name}"' if name in absent else f'"{name}"' for name, kind in declared[table].items()
        )
        source = f'FROM lake.main."{table}"' if table in found else "WHERE FALSE"
        con.execute(f'CREATE OR REPLACE TEMP VIEW "{table}" AS SELECT {columns} {source}')
    return frozenset(missing)
