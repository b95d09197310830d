"""The tenant of a budget, as an operator names it."""

from __future__ import annotations

from collections.abc import Collection

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.ledger.tenants import ASLEEP, IDLE, UNATTRIBUTED, UNRESERVED
from vllm_costmeter.core.tenants.names import HASH_PREFIX, OTHER, UNTAGGED, typed

NOBODY = {OTHER, UNATTRIBUTED, IDLE, ASLEEP, UNRESERVED}
"""Lines of `costmeter report --by tenant` that are no tenant."""


def tenant_name(text: str) -> str:
    """The name as the ledger has it, of a tenant that sends this one. BadInputError for what names nobody."""
    name = typed(text)
    if not name:
        raise BadInputError(
            f"a tenant's name has printable characters, as `costmeter report --by tenant` shows it; got {text!r:.60}"
        )
    if text.startswith(HASH_PREFIX):
        raise BadInputError(
            f"{text!r:.60} is a hash that /metrics shows for a name; `costmeter report --by tenant` has the names"
        )
    if NOBODY & {name, text.strip()}:
        raise BadInputError(f"{text.strip()} is a line of the report, not a tenant: it cannot have a budget")
    return name


def must_be_known(tenant: str, known: Collection[str], ledger: object) -> None:
    """BadInputError, with the nearest names, for a tenant that the ledger has nothing of."""
    if tenant in known or tenant == UNTAGGED:
        return
    raise BadInputError(
        f"{ledger} has nothing of a tenant {tenant!r}{nearest(tenant, known)}; `costmeter report --by tenant` "
        "lists all, and --new sets a budget for one that has sent no request yet"
    )
