"""A JSON document of a command as CSV: its list of objects as rows, or the document itself as one row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any


def csv_text(document: str) -> str:
    """Columns are the fields of the JSON, those of nested objects as `outer.inner`; lists in a cell stay JSON."""
    values = json.loads(document)
    lists = [
        value
        for value in values.values()
        if value and isinstance(value, list) and all(map(_is_object, value))
    ]
    rows = [dict(_flat(each)) for each in (lists[0] if lists else [values])]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, bool):
            yield f"{prefix}{name}", str(value).lower()
        else:
            yield f"{prefix}{name}", json.dumps(value) if isinstance(value, list) else value
