"""The budgets of all servers whose ledgers lie in a folder: one file there.

It is changed under a lock and replaced atomically, so that of two changes at once neither is lost, and whoever is
interrupted leaves the old file or the new one. A file that is not ours is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.core.budgets.budget import MOST_BUDGETS, Budget, budget_of
from vllm_costmeter.core.dataclass import asdict
from vllm_costmeter.core.errors import OTHERWISE, BadInputError
from vllm_costmeter.sources.files.state_folder import locked_folder, opened_folder, read_in, replace_in

SCHEMA = "costmeter.budgets/1"
LARGEST_BYTES = 1 << 20
NAME, LOCK_NAME = "budgets.json", "budgets.lock"

Budgets = dict[str, Budget]
"""By tenant."""


def budgets_file(ledger: Path) -> Path:
    """The file beside a ledger."""
    return ledger.parent / NAME


def read_budgets(file: Path) -> Budgets:
    """What it has; nothing where there is none. BadInputError for a file that cannot be read or is damaged."""
    try:
        with opened_folder(file.parent) as folder:
            return _parsed(read_in(folder, file.name, LARGEST_BYTES), file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read: {error.strerror or error}") from None


def change_budgets(
    file: Path, change: Callable[[Budgets], Budgets], patience_seconds: float = 5.0
) -> Budgets:
    """Replace the budgets by `change` of them, alone; the new ones. BadInputError if the file is damaged or cannot be
    written: then nothing has changed."""
    try:
        with locked_folder(file.parent, LOCK_NAME, patience_seconds) as folder:
            budgets = change(_parsed(read_in(folder, file.name, LARGEST_BYTES), file))
            if len(budgets) > MOST_BUDGETS:
                raise BadInputError(f"{file} has {MOST_BUDGETS} budgets already: remove one first")
            rows = [asdict(budgets[tenant]) for tenant in sorted(budgets)]
            content = json.dumps({"schema": SCHEMA, "budgets": rows}, indent=1, ensure_ascii=False)
            replace_in(folder, file.name, f"{content}\n".encode())
    except OSError as error:
        raise BadInputError(
            f"{file}: cannot be written: {error.strerror or error}; nothing was changed"
        ) from None
    return budgets


def _parsed(data: bytes | None, file: Path) -> Budgets:
    if data == b"":
        return {}
    try:
        found = json.loads(data or b"")
        if found["schema"] != SCHEMA:
            raise ValueError(f"its schema is {found['schema']!r:.40}, not {SCHEMA}")
        budgets = {each.tenant: each for each in map(budget_of, found["budgets"])}
        if len(budgets) != len(found["budgets"]):
            raise ValueError("it names a tenant twice")
    except OTHERWISE as why:
        raise BadInputError(
            f"{file} is not a valid budgets file ({_reason(data, why)}); nothing was changed: repair it, or move "
            "it away"
        ) from None
    return budgets


def _reason(data: bytes | None, why: Exception) -> str:
    if data is None:
        return f"more than {LARGEST_BYTES >> 20} MiB"
    if isinstance(why, KeyError):
        return f"{why} is missing"
    if isinstance(why, json.JSONDecodeError | UnicodeDecodeError):
        return "no JSON"
    return " ".join(str(why).split())[:120] or type(why).__name__
