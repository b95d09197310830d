"""The tenant of a budget, as an operator names it."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from vllm_costmeter.core.budgets.budget import LONGEST_NAME
from vllm_costmeter.core.errors import BadInputError, nearest

UNTAGGED = "untagged"
"""Requests that name no tenant: they may have a budget too."""
NOBODY = {
    "other": "all tenants beyond the limit together",
    "unattributed": "what no request accounts for",
}
"""Names of a report that are no tenant, and what they are."""


def tenant_name(text: str) -> str:
    """The name as the ledger has it. BadInputError for what cannot be one."""
    name = unicodedata.normalize("NFC", text[: 4 * LONGEST_NAME]).strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or "  " in name:
        raise BadInputError(
            f"a tenant's name is 1 to {LONGEST_NAME} printable characters, with single spaces, as `costmeter report "
            f"--by tenant` shows it; got {text!r:.60}{f' ({len(text):,} characters)' if len(text) > 60 else ''}"
        )
    if name in NOBODY:
        raise BadInputError(f"{name} is no tenant but {NOBODY[name]}: it cannot have a budget")
    return name


def must_be_known(tenant: str, known: Collection[str], ledger: object) -> None:
    """BadInputError, with the nearest names, for a tenant that the ledger has nothing of."""
    if tenant in known or tenant == UNTAGGED:
        return
    if tenant.startswith("t:"):
        hint = "; t:... is a hash that /metrics shows instead of a name"
    else:
        hint = nearest(tenant, known)
    raise BadInputError(
        f"{ledger} has nothing of a tenant {tenant!r}{hint}; `costmeter report --by tenant` lists all, and --new "
        "sets a budget for one that has sent no request yet"
    )
