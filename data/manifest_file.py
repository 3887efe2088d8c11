"""Reads a table of samples: CSV, JSON lines or Parquet, a row for each sample."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pixlate.errors import DataError
from pixlate.util.foreign import foreign
from pixlate.util.text import quoted

Row = Mapping[str, Any]
MAX_BYTES = 2**30  # of a table


def read_rows(path: Path) -> list[Row]:
    """The rows of a table, by its suffix: .csv, .tsv, .jsonl or .parquet.

    Raises DataError for a file that is missing, damaged or of another kind, and for one without rows.
    """
    readers = {".csv": _csv, ".tsv": _tsv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{quoted(path)} is no table of samples: its name must end with {', '.join(readers)}.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{quoted(path)} is larger than a gigabyte, which is too large for a table of samples.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"the table of samples {quoted(path)} cannot be read: {error.strerror or error}.") from None
    with foreign(lambda problem: DataError(f"the table of samples {quoted(path)} is damaged: {problem}.")):
        rows = reader(data)
    if not rows:
        raise DataError(f"the table of samples {quoted(path)} has no rows.")
    return rows


def _csv(data: bytes, delimiter: str = ",") -> list[Row]:
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    rows: list[Row] = []
    for number, row in enumerate(csv.DictReader(text, delimiter=delimiter, strict=True), start=2):
        if None in row or None in row.values():
            raise ValueError(f"line {number} has another number of columns than the first line")
        rows.append({name.strip(): value.strip() for name, value in row.items()})
    return rows


def _tsv(data: bytes) -> list[Row]:
    return _csv(data, "\t")


def _json_lines(data: bytes) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no object")
            rows.append(row)
    return rows


def _parquet(data: bytes) -> list[Row]:
    if find_spec("pyarrow") is None:
        raise DataError("a table in Parquet needs pyarrow: pip install 'pixlate[parquet]'.")
    import pyarrow.parquet

    rows: Sequence[Row] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    return list(rows)
