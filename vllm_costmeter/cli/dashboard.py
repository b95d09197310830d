"""`costmeter dashboard`: Grafana dashboards, with matching Prometheus and Compose files."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from vllm_costmeter.cli.economics.api_price_flags import add_api_price_flags, api_prices_from
from vllm_costmeter.cli.parser import folder
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.dashboards.api_panels import with_api_prices
from vllm_costmeter.outputs.dashboards.grafana_api import GrafanaApi
from vllm_costmeter.outputs.dashboards.push import push
from vllm_costmeter.outputs.files.new_files import write_new_files
from vllm_costmeter.outputs.kubernetes import dashboard_config_maps, is_dashboard
from vllm_costmeter.sources.files.grafana import grafana_files

TOKEN_VARIABLE = "GRAFANA_TOKEN"
EXPORT = """\
examples:
  costmeter dashboard export monitoring                # then: cd monitoring && docker compose up
  costmeter dashboard export monitoring --api-input-usd-per-million 0.15 --api-output-usd-per-million 0.6
"""
PUSH = f"""\
examples:
  {TOKEN_VARIABLE}=glsa_... costmeter dashboard push --url http://localhost:3000 --datasource Prometheus
"""
GENERATE = """\
examples:
  costmeter dashboard generate grafana --force         # what is committed there
"""
EXAMPLES = f"{EXPORT}{PUSH.removeprefix('examples:' + chr(10))}"


def add_parser(subparsers: Any) -> None:
    """Declare the command and its three actions."""
    parser = subparsers.add_parser(
        "dashboard",
        description="Grafana dashboards for cost, fit and fleet.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="export|push|generate")
    export = actions.add_parser(
        "export",
        allow_abbrev=False,
        epilog=EXPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Write dashboards, provisioning, rules, a compose file, Kubernetes manifests and a mixin to DIR.",
    )
    export.add_argument("folder", metavar="DIR", type=folder)
    export.add_argument("--force", action="store_true", help="overwrite existing files")
    add_api_price_flags(export)
    to_grafana = actions.add_parser(
        "push",
        allow_abbrev=False,
        epilog=PUSH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Create or update the dashboards in Grafana, by uid; other dashboards are never changed.",
    )
    to_grafana.add_argument("--url", required=True, help="address of Grafana")
    to_grafana.add_argument(
        "--token", help=f"service account token; prefer {TOKEN_VARIABLE}: process lists show flags"
    )
    to_grafana.add_argument(
        "--datasource",
        metavar="NAME",
        help="initial Prometheus data source (default: Grafana's default)",
    )
    to_grafana.add_argument("--force", action="store_true", help="overwrite changes made in Grafana")
    add_api_price_flags(to_grafana)
    generate = actions.add_parser(
        "generate",
        allow_abbrev=False,
        epilog=GENERATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Generate the dashboards from the metric table in DIR/dashboards, and their ConfigMaps in "
        "DIR/kubernetes; needs the extra `dashboards`.",
    )
    generate.add_argument("folder", metavar="DIR", type=folder)
    generate.add_argument("--force", action="store_true", help="overwrite existing files")


def run(args: argparse.Namespace) -> int:
    """Write or push the dashboards. BadInputError without a token, or for existing files without --force."""
    if args.action == "push":
        return _push(args)
    texts = _generated() if args.action == "generate" else _repriced(grafana_files(), args)
    write_new_files(args.folder, texts, force=args.force)
    print("\n".join(f"wrote {args.folder / name}" for name in texts))
    return 0


def _repriced(files: dict[str, str], args: argparse.Namespace) -> dict[str, str]:
    prices = api_prices_from(args)
    repriced = {
        name: with_api_prices(text, prices) if is_dashboard(name) else text for name, text in files.items()
    }
    return repriced | dashboard_config_maps(repriced)


def _push(args: argparse.Namespace) -> int:
    token = args.token or os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise BadInputError(
            f"no token: set {TOKEN_VARIABLE} to a Grafana service account token (or use --token)"
        )
    files = _repriced(grafana_files(), args)
    dashboards = [text for name, text in files.items() if is_dashboard(name)]
    outcomes = push(GrafanaApi(args.url, token), dashboards, data_source=args.datasource, force=args.force)
    titles = {json.loads(text)["uid"]: json.loads(text)["title"] for text in dashboards}
    for uid, outcome in outcomes.items():
        print(f"{outcome:<9}  {titles[uid]}  {args.url.rstrip('/')}/d/{uid}")
    return 0


def _generated() -> dict[str, str]:
    try:
        from vllm_costmeter.outputs.dashboards.files import dashboard_files
    except ModuleNotFoundError as error:
        raise BadInputError(
            f"generating needs {error.name}: pip install 'vllm-costmeter[dashboards]'; "
            "`costmeter dashboard export` writes the same files without it"
        ) from None
    dashboards = dashboard_files()
    return dashboards | dashboard_config_maps(dashboards)
