"""Reads a bill from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.bill import BillLine, columns_of


def read_bill(
    path: Path, named: Mapping[str, str], *, credits: bool
) -> tuple[str, list[BillLine], list[str]]:
    """(kind of bill, its lines in dollars, what was left out). `named` are columns by field, as the reader gave them.
    Credits, which are negative, are left out where `credits` is false, and otherwise refused: BadInputError, as for
    anything else that cannot be compared."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            kind, columns = columns_of(reader.fieldnames or (), named)
            lines = [line for line in _lines(path, reader, columns) if line.usd != 0]
    except OSError as why:
        raise BadInputError(f"{path} cannot be read: {why.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as why:
        raise BadInputError(f"{path} is not a CSV file in UTF-8: {why}") from None
    negative = [line for line in lines if line.usd < 0]
    if not negative:
        return kind, lines, []
    total = sum((line.usd for line in negative), Decimal(0))
    lines_of = f"{len(negative)} line{'s' * (len(negative) != 1)} of {path}"
    said = f"{lines_of} below 0 (credits, refunds), ${total:,.2f} in all"
    if credits:
        raise BadInputError(f"{said}: the ledger has no credits; --without-credits leaves these lines out")
    return kind, [line for line in lines if line.usd > 0], [f"{said}: left out"]


def _lines(
    path: Path, reader: csv.DictReader[str], columns: Mapping[str, tuple[str, ...]]
) -> Iterator[BillLine]:
    currencies: set[str] = set()
    for row in reader:
        where = f"{path}, line {reader.line_num}"

        def cell(field: str, row: Mapping[str, str | None] = row) -> str:
            return " ".join(filter(None, ((row.get(name) or "").strip() for name in columns.get(field, ()))))

        if not any((value or "") for value in row.values() if isinstance(value, str)):
            continue
        currencies.add(cell("currency").upper() or "USD")
        if len(currencies) > 1:
            raise BadInputError(
                f"{where}: a second currency ({' and '.join(sorted(currencies))}); split the bill by currency"
            )
        if currencies != {"USD"}:
            raise BadInputError(f"{where}: the bill is in {currencies.pop()}; the ledger is in USD")
        yield BillLine(
            _moment(cell("start"), where, columns["start"][0]),
            _amount(cell("cost"), where, columns["cost"][0]),
            cell("gpu"),
        )


def _moment(text: str, where: str, column: str) -> float:
    try:
        found = datetime.fromisoformat(text.upper().removesuffix(" UTC"))
    except ValueError:
        raise BadInputError(f"{where}: {column} is no ISO 8601 time: {text!r:.60}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _amount(text: str, where: str, column: str) -> Decimal:
    try:
        found = Decimal(text.removeprefix("$").replace(",", ""))
    except InvalidOperation:
        raise BadInputError(f"{where}: {column} is no amount: {text!r:.60}") from None
    if not found.is_finite():
        raise BadInputError(f"{where}: {column} is no amount: {text!r:.60}")
    return found
