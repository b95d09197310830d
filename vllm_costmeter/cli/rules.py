"""`costmeter rules`: Prometheus recording rules and alerts with your limits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.cli.economics.api_price_flags import add_api_price_flags, api_prices_from
from vllm_costmeter.cli.economics.price_flags import money
from vllm_costmeter.cli.parser import folder
from vllm_costmeter.cli.rules_engine import add_engine_flags, engine_from
from vllm_costmeter.core.dataclass import fields
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.files.new_files import write_new_files
from vllm_costmeter.outputs.rules.alerts import alert_groups
from vllm_costmeter.outputs.rules.engine import engine_groups
from vllm_costmeter.outputs.rules.files import (
    all_recordings,
    engine_rule_file,
    kubernetes_rule_file,
    rule_files,
)
from vllm_costmeter.outputs.rules.limits import Limits
from vllm_costmeter.outputs.rules.rule import Group

EXAMPLES = """\
examples:
  costmeter rules                                       # print both files
  costmeter rules /etc/prometheus/rules --target-usd-per-million 1.5 --budget-usd-per-day 60
  costmeter rules --format kubernetes | kubectl apply -f -   # a PrometheusRule
  costmeter rules --format json | jq '.groups[].rules[].alert'
  costmeter rules --engine sglang --gpu-hourly-usd 3.84 --gpus 8    # from the engine's own metrics
"""
HEAD = "groups:\n"
HELP = {
    "target_usd_per_million": "$/M generated tokens of a model, idle time included, over 15 minutes",
    "idle_usd_per_hour": "idle cost of all servers over an hour",
    "budget_usd_per_day": "bill of all servers over 24 hours",
    "budget_usd_per_month": "bill of all servers over 30 days",
    "price_age_days": "age of a price in days",
}


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "rules",
        usage="costmeter rules [DIR] [--force] [--format FORMAT] [--opencost-names] "
        "[limits | --engine NAME --gpu-hourly-usd USD]",
        description="Print Prometheus recording rules and alerts, or write them to DIR.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", type=folder, help="where to write the files")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--format",
        choices=("yaml", "json", "kubernetes"),
        default="yaml",
        help="yaml: Prometheus rule files (default); json; kubernetes: a PrometheusRule",
    )
    parser.add_argument(
        "--opencost-names",
        action="store_true",
        help="also record container_gpu_allocation and node_gpu_hourly_cost, where no OpenCost runs",
    )
    group = parser.add_argument_group("limits: an alert fires above")
    for limit in fields(Limits):
        if limit.name in HELP:
            text = f"{HELP[limit.name]} (default: {limit.default:g})"
            flag = f"--{limit.name.replace('_', '-')}"
            group.add_argument(flag, type=_limit, default=limit.default, metavar="N", help=text)
    add_api_price_flags(parser)
    add_engine_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Print or write the rules. BadInputError if a file exists and --force was not given."""
    found = engine_from(args)
    if found is not None:
        _refuse_limits(args)
        file = engine_rule_file(*found, kubernetes=args.format == "kubernetes")
        return _written(args, file, engine_groups(*found))
    limits = Limits(**{name: getattr(args, name) for name in HELP}, api=api_prices_from(args))
    files_of = kubernetes_rule_file if args.format == "kubernetes" else rule_files
    files = files_of(limits, opencost_names=args.opencost_names)
    return _written(args, files, (*all_recordings(args.opencost_names), *alert_groups(limits)))


def _refuse_limits(args: argparse.Namespace) -> None:
    """BadInputError for a flag about alerts, which an engine's own metrics have none of."""
    given = [
        *(each.name for each in fields(Limits) if getattr(args, each.name, each.default) != each.default),
        *(name for name in vars(args) if name.startswith("api_") and getattr(args, name) is not None),
        *["opencost_names"] * args.opencost_names,
    ]
    if given:
        raise BadInputError(
            f"--engine records dollars and tokens, without alerts: leave out --{given[0].replace('_', '-')}"
        )


def _written(args: argparse.Namespace, files: dict[str, str], groups: Sequence[Group]) -> int:
    if args.folder is not None:
        write_new_files(args.folder, files, force=args.force)
        print("\n".join(f"wrote {args.folder / name}" for name in files))
    elif args.format == "json":
        values = {"schema": "costmeter.rules/1", "groups": [group.fields() for group in groups]}
        print(json.dumps(values, indent=2))
    else:
        first, *others = files.values()
        print(first + "".join(text[text.index(HEAD) + len(HEAD) :] for text in others), end="")
    return 0


def _limit(text: str) -> float:
    return float(money(text))
