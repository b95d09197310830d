"""The command line of `costmeter exporter`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.budget_settings import BUDGET_SETTINGS
from vllm_costmeter.core.settings.request_settings import REQUEST_SETTINGS
from vllm_costmeter.core.settings.table import SETTINGS
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.targets.file_sd import gpu_count

PORT = 9841
NOT_HERE = ("preflight", *(setting.key for setting in (*REQUEST_SETTINGS, *BUDGET_SETTINGS)))
"""Settings of what happens inside a server."""
OURS = tuple(setting for setting in SETTINGS if setting.key not in NOT_HERE)

EXAMPLES = """\
examples:
  beside one server: vLLM (0.17 to 0.33, the Rust front end too), SGLang, llama.cpp, trtllm-serve, TGI
    costmeter exporter --target http://127.0.0.1:8000/metrics --gpu-hourly-usd 3.84 --gpus 2
  several servers, from a file in the format of Prometheus's file_sd_configs
    costmeter exporter --discover file targets.json --gpu-hourly-usd 3.84
  in Kubernetes, every pod with a label, priced by its GPU limits
    costmeter exporter --discover k8s --k8s-selector app=vllm --host 0.0.0.0 --gpu-hourly-usd 3.84
  one look, to see what an engine tells
    costmeter exporter --target 127.0.0.1:8080 --once

The metrics are on http://127.0.0.1:9841/metrics. A server is charged from the first page that is read until the
exporter ends or no longer lists it, also while it does not answer: that time counts as idle. With more than one
target every series has the label instance; scrape with honor_labels: true.

exit codes: 0 ended by a signal, 2 bad input, or a target that is no engine
"""


@dataclass(frozen=True, slots=True)
class ExporterFlags:
    """The command line."""

    target: list[str]
    discover: list[str] | None
    host: str
    port: int
    gpus: int | None
    model_name: str | None
    interval: float
    timeout: float
    once: bool
    config: str | None
    target_token_file: Path | None
    target_basic_auth_file: Path | None
    target_ca_file: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    token_file: Path | None
    basic_auth_file: Path | None
    k8s_selector: str | None
    k8s_namespace: str | None
    k8s_port: int | None
    k8s_api: str | None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare all of them."""
    add = parser.add_argument
    add("--target", action="append", default=[], metavar="URL", help="an engine's metrics page; repeatable")
    add("--discover", nargs="+", metavar="HOW", help="find targets: file FILE, or k8s")
    add(
        "--host",
        type=_host,
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen here (default: 127.0.0.1, this machine only)",
    )
    add(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help=f"listen here (default: {PORT}; 0: any free one)",
    )
    add(
        "--gpus",
        type=_gpus,
        metavar="N",
        help="GPUs of each target; default: this machine's, for a single target here, else one per engine, and in "
        "Kubernetes what the pod is limited to",
    )
    add("--model-name", metavar="NAME", help="the model's name in all series; default: the engine's")
    add(
        "--interval",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="between two looks, 0.2 to 5 (default: 1)",
    )
    add(
        "--timeout",
        type=_seconds,
        default=3.0,
        metavar="SECONDS",
        help="for one answer, 0.2 to 5 (default: 3)",
    )
    add("--once", action="store_true", help="look once, print the metrics and end")
    towards = parser.add_argument_group("towards targets")
    towards.add_argument(
        "--target-token-file",
        type=Path,
        metavar="FILE",
        help="bearer token; or the environment variable COSTMETER_TARGET_TOKEN",
    )
    towards.add_argument("--target-basic-auth-file", type=Path, metavar="FILE", help="USER:PASSWORD")
    towards.add_argument(
        "--target-ca-file", type=Path, metavar="FILE", help="certificates that https targets have"
    )
    own = parser.add_argument_group("for itself")
    own.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve https with this certificate")
    own.add_argument("--tls-key", type=Path, metavar="FILE", help="and its key")
    own.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="ask for this bearer token; or the environment variable COSTMETER_EXPORTER_TOKEN",
    )
    own.add_argument("--basic-auth-file", type=Path, metavar="FILE", help="ask for USER:PASSWORD")
    pods = parser.add_argument_group("--discover k8s")
    pods.add_argument("--k8s-selector", metavar="LABELS", help="pods with these labels, such as app=vllm")
    pods.add_argument("--k8s-namespace", metavar="NAME", help="of the pods; * for all (default: the own one)")
    pods.add_argument(
        "--k8s-port", type=_port, metavar="N", help="of the metrics (default: the pod's annotation or port)"
    )
    pods.add_argument("--k8s-api", metavar="URL", help="the Kubernetes API (default: this cluster's)")
    settings = parser.add_argument_group("settings, also as COSTMETER_* and in --config FILE")
    settings.add_argument("--config", metavar="FILE", help="TOML file with settings; or COSTMETER_CONFIG")
    for setting in OURS:
        names = dict.fromkeys((f"--{setting.key.replace('_', '-')}", setting.flag))
        settings.add_argument(
            *names, dest=setting.key, metavar=setting.metavar, help=setting.help.replace("%", "%%")
        )


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Those on the command line, by key."""
    found = {setting.key: getattr(args, setting.key) for setting in OURS}
    return {key: value for key, value in found.items() if value is not None}


def _host(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must be an address of this machine; 0.0.0.0 is all of them")
    return text.strip()


def _port(text: str) -> int:
    port = whole_number(text)
    if port is None or port > 65_535:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, got {text!r:.40}")
    return port


def _gpus(text: str) -> int:
    try:
        return gpu_count(text, "") or 0
    except BadInputError as why:
        raise argparse.ArgumentTypeError(str(why).strip()) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.2 <= seconds <= 5:
        raise argparse.ArgumentTypeError(f"must be from 0.2 to 5 seconds, got {text!r:.40}")
    return seconds
