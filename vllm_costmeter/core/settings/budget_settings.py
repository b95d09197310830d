"""Settings about what happens when a tenant's budget is spent."""

from __future__ import annotations

from typing import Literal, cast, get_args

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.settings.setting import Setting
from vllm_costmeter.core.settings.values import text

BudgetAction = Literal["none", "refuse"]


def budget_action(raw: object) -> BudgetAction:
    """None of YAML and TOML means none too."""
    folded = "none" if raw is False else str(raw).strip().lower()
    if folded not in get_args(BudgetAction):
        raise ValueError(f"none or refuse{nearest(folded, get_args(BudgetAction), 1)}")
    return cast(BudgetAction, folded)


def prometheus_address(raw: object) -> str:
    """An address without a user or a password, which would show in the process list and in messages."""
    address = text(raw)
    if not address.lower().startswith(("http://", "https://")) or any(sign in address for sign in "@?# \n"):
        raise ValueError("an address such as http://prometheus:9090, without a user")
    return address.rstrip("/")


BUDGET_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "budget_action",
        "ACTION",
        budget_action,
        "What happens to requests of a tenant whose budget is spent (costmeter budget set): none (default), or refuse "
        "with HTTP 429 until its period ends; nobody is refused while the figures are unknown or stale.",
    ),
    Setting(
        "budget_prometheus",
        "URL",
        prometheus_address,
        "Prometheus that adds up what tenants spent of their budgets, for servers without a common ledger folder "
        "(default: all ledgers in the ledger's folder).",
    ),
)
