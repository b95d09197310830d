"""Settings, and the files of ours that anybody may have changed."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.fuzz.reader import Reader, text_of, written
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.budgets.file import read_budgets
from vllm_costmeter.sources.files.calibration import recall
from vllm_costmeter.sources.files.settings import environment_layer, read_settings
from vllm_costmeter.sources.files.throughput_calibrations import recall_throughput
from vllm_costmeter.sources.files.waivers import read_waivers
from vllm_costmeter.sources.gpu.host_memory import host_memory
from vllm_costmeter.sources.servers.targets import TargetFile
from vllm_costmeter.sources.targets.credentials import SecretFile
from vllm_costmeter.sources.targets.file_sd import targets_of


def _toml(data: bytes, folder: Path) -> None:
    read_settings({}, config=str(written(folder, "s.toml", data)))


def _json(data: bytes, folder: Path) -> None:
    try:
        given = json.loads(text_of(data))
    except (ValueError, RecursionError):
        return  # vLLM parses --additional-config itself, and stops
    if isinstance(given, dict):
        read_settings({}, additional_config=given)


def _environment(data: bytes, folder: Path) -> None:
    lines = (line.partition("=") for line in text_of(data).replace("\0", "").split("\n"))
    environment_layer(given := {name: value for name, _, value in lines if name})
    read_settings({name: value for name, value in given.items() if name != "COSTMETER_CONFIG"})


def _budgets(data: bytes, folder: Path) -> None:
    read_budgets(written(folder, "budgets.json", data))


def _calibration(data: bytes, folder: Path) -> None:
    recall("H100 SXM", written(folder, "calibration.json", data))


def _throughput(data: bytes, folder: Path) -> None:
    recall_throughput(written(folder, "throughput.json", data).parent)


def _waivers(data: bytes, folder: Path) -> None:
    read_waivers(written(folder, "waivers.toml", data))


def _targets(data: bytes, folder: Path) -> None:
    for name in ("targets.json", "targets.yml"):
        try:
            targets_of(text_of(data), name)
        except BadInputError as error:
            fault = error
        else:
            return
    raise fault


def _top_targets(data: bytes, folder: Path) -> None:
    TargetFile(written(folder, "servers", data)).read()


def _secret(data: bytes, folder: Path) -> None:
    SecretFile(written(folder, "token", data), "--token-file", pair=True).header()


def _meminfo(data: bytes, folder: Path) -> None:
    host_memory(written(folder, "meminfo", data))


SEEDS = "scripts/fuzz/seeds"
SETTINGS = (
    Reader(
        "settings-toml",
        "settings in TOML",
        _toml,
        (f"{SEEDS}/settings/*.toml",),
        parses=("sources/files/toml.py",),
    ),
    Reader("settings-json", "settings in JSON (--additional-config)", _json, (f"{SEEDS}/settings/*.json",)),
    Reader("settings-environment", "settings in the environment", _environment, (f"{SEEDS}/settings/*.env",)),
    Reader("waivers", "accepted risks in TOML", _waivers),
    Reader("budgets", "the budgets file", _budgets, parses=("sources/budgets/file.py",)),
    Reader(
        "calibration", "the file of measured starts", _calibration, parses=("sources/files/calibration.py",)
    ),
    Reader(
        "throughput",
        "the file of measured rates",
        _throughput,
        parses=("sources/files/throughput_calibrations.py",),
    ),
    Reader(
        "targets",
        "the exporter's targets (JSON and YAML)",
        _targets,
        (f"{SEEDS}/targets/*", "grafana/prometheus/targets.yml"),
        parses=("sources/targets/file_sd.py",),
    ),
    Reader(
        "top-targets", "the servers of `costmeter top`", _top_targets, parses=("sources/servers/targets.py",)
    ),
    Reader("secret", "files with a token", _secret, parses=("sources/targets/credentials.py",)),
    Reader("meminfo", "/proc/meminfo", _meminfo, parses=("sources/gpu/host_memory.py",)),
)
