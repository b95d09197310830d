"""`costmeter budget`: what tenants may spend, and how far each has got."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vllm_costmeter.core.budgets.budget import PERIODS, Budget, amount_usd, period_name
from vllm_costmeter.core.budgets.periods import zone
from vllm_costmeter.core.budgets.state import current_period, state_of
from vllm_costmeter.core.budgets.tenant import must_be_known, tenant_name
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.outputs.budgets.answer import in_words, listed
from vllm_costmeter.outputs.economics.answer import FORMATS
from vllm_costmeter.sources.budgets.file import Budgets, budgets_file, change_budgets, read_budgets
from vllm_costmeter.sources.budgets.spent import ledgers_beside, spent_in_ledgers, tenants_in_ledgers
from vllm_costmeter.sources.files.ledger_path import default_ledger

EXAMPLES = """\
examples:
  a month of $50 for the tenant acme, which begins at midnight in Berlin
    costmeter budget set acme 50 --per month --timezone Europe/Berlin
  how far has each got, and when will it run out?
    costmeter budget list
  no budget for acme any more
    costmeter budget remove acme

Budgets lie beside the ledger (budgets.json) and hold for all ledgers in that folder. What counts is the active cost of
a tenant's requests in its period, also from before the budget was set. Running servers see a change within 30 seconds:
docs/budgets.md.

exit codes: 0 done, 2 bad input: nothing was changed
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command and its three actions."""
    parser = subparsers.add_parser(
        "budget",
        description="Budgets of tenants: what each may spend in a day, a week or a month.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="set|list|remove")
    setting = _action(actions, "set", "Set a tenant's budget, or replace it.")
    setting.add_argument(
        "tenant", metavar="TENANT", help="as `costmeter report --by tenant` shows it, or untagged"
    )
    setting.add_argument("amount", metavar="USD", help="US dollars, such as 50 or $12.50")
    setting.add_argument("--per", required=True, metavar="PERIOD", help=", ".join(PERIODS))
    setting.add_argument(
        "--timezone",
        metavar="NAME",
        help="whose midnight begins a period, such as Europe/Berlin; default: as before, otherwise UTC",
    )
    setting.add_argument("--new", action="store_true", help="a tenant that has not sent any request yet")
    listing = _action(actions, "list", "What was spent of each budget, what is left, and when it runs out.")
    listing.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    removing = _action(actions, "remove", "Remove a tenant's budget.")
    removing.add_argument("tenant", metavar="TENANT", help="as `costmeter budget list` shows it")


def _action(actions: Any, name: str, description: str) -> Any:
    found = actions.add_parser(
        name,
        description=description,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.add_argument(
        "--ledger", metavar="PATH", help="a ledger in whose folder the budgets lie; default: this user's own"
    )
    return found


def run(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Set, list or remove."""
    moment = now or datetime.now(UTC)
    ledger = default_ledger() if args.ledger is None else Path(args.ledger).expanduser()
    if ledger.is_dir():
        raise BadInputError(
            f"--ledger {ledger} is a folder; name the ledger in it, such as {ledger}/ledger.sqlite3"
        )
    file = budgets_file(ledger)
    match args.action:
        case "set":
            print(_set(args, ledger, file, moment))
        case "list":
            sys.stdout.write(_list(ledger, file, moment, args.format))
        case _:
            print(_remove(args.tenant, file))
    return 0


def _set(args: argparse.Namespace, ledger: Path, file: Path, now: datetime) -> str:
    usd, per, tenant = amount_usd(args.amount), period_name(args.per), tenant_name(args.tenant)
    if args.timezone is not None:
        zone(args.timezone)
    earlier = read_budgets(file).get(tenant)
    if not args.new and earlier is None:
        _must_be_known(tenant, ledger)

    def changed(budgets: Budgets) -> Budgets:
        before = budgets.get(tenant)
        where = args.timezone or (before.timezone if before else "UTC")
        return {**budgets, tenant: Budget(tenant, usd, per, where, now.isoformat(timespec="seconds"))}

    budget = change_budgets(file, changed)[tenant]
    return f"{in_words(budget)}{f' (before: {in_words(earlier)})' if earlier else ''}, in {file}"


def _must_be_known(tenant: str, ledger: Path) -> None:
    if not ledger.exists():
        raise BadInputError(
            f"there is no ledger at {ledger}, so no tenant is known: --ledger PATH names another, and --new sets a "
            "budget for a tenant that has sent no request yet"
        )
    must_be_known(tenant, tenants_in_ledgers(ledgers_beside(ledger)), ledger.parent)


def _list(ledger: Path, file: Path, now: datetime, format: Any) -> str:
    budgets, seconds = read_budgets(file), now.timestamp()
    if not budgets and not ledger.exists():
        raise BadInputError(f"there is no ledger at {ledger}; --ledger PATH names another")
    ledgers = ledgers_beside(ledger) if budgets else []
    periods = {budget: current_period(budget, seconds) for budget in budgets.values()}
    spent = spent_in_ledgers(ledgers, periods, seconds) if ledgers else {}
    states = {
        budget: state_of(budget, period, spent[budget.tenant], seconds) if spent else None
        for budget, period in periods.items()
    }
    return listed(states, periods, file, ledgers, format)


def _remove(given: str, file: Path) -> str:
    def changed(budgets: Budgets) -> Budgets:
        if given not in budgets:
            raise BadInputError(
                f"{given!r:.80} has no budget{nearest(given[:80], budgets)}; `costmeter budget list` lists all"
            )
        return {tenant: budget for tenant, budget in budgets.items() if tenant != given}

    if not file.exists():
        raise BadInputError(f"{given!r:.80} has no budget: there are none at {file}")
    earlier = read_budgets(file).get(given)
    change_budgets(file, changed)
    return f"removed: {in_words(earlier)}" if earlier else f"removed: {given}"
