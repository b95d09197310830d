"""Targets from a file in the format of Prometheus's file_sd_configs, read again when it changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, nearest, unreadable
from vllm_costmeter.core.settings.budget_settings import BUDGET_SETTINGS
from vllm_costmeter.core.settings.page_settings import PAGE_SETTINGS
from vllm_costmeter.core.settings.request_settings import REQUEST_SETTINGS
from vllm_costmeter.core.settings.table import BY_KEY, convert
from vllm_costmeter.core.settings.telemetry_settings import TELEMETRY_SETTINGS
from vllm_costmeter.sources.targets.target import Target, target_url, without_doubles

OURS = "__costmeter_"
"""Labels that say something about a target to us; Prometheus drops all that begin with `__`."""
NOT_OF_A_TARGET = (
    *("preflight", "catalogue", "ledger"),
    *(setting.key for setting in (*TELEMETRY_SETTINGS, *REQUEST_SETTINGS, *BUDGET_SETTINGS, *PAGE_SETTINGS)),
)
"""Settings of the exporter, or of what happens inside a server."""
OF_A_TARGET = tuple(key for key in BY_KEY if key not in NOT_OF_A_TARGET)
MOST_BYTES = 16 << 20
_LABEL = re.compile(r"[a-zA-Z_]\w*")
_TAKEN = (
    "model_name",
    "target",
    "instance",
    "state",
    "component",
    "kind",
    "per",
    "window",
    "gpu",
    "name",
    "source",
)


class TargetFile:
    """Called about once a second; reads the file only when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._targets: list[Target] = []

    def __call__(self) -> list[Target]:
        """The targets now. BadInputError for a file that cannot be read or understood."""
        try:
            found = self._path.stat()
            state = found.st_mtime_ns, found.st_size, found.st_ino
            if state != self._state:
                self._targets = targets_of(self._text(), str(self._path))
                self._state = state
        except OSError as why:
            raise unreadable(self._path, why) from None
        return self._targets

    def _text(self) -> str:
        with self._path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise BadInputError(f"{self._path}: more than {MOST_BYTES >> 20} MiB")
        return content.decode("utf-8", errors="replace")


def targets_of(text: str, place: str) -> list[Target]:
    """The targets of a file. BadInputError for any other text."""
    groups = _parsed(text, place)
    if not isinstance(groups, list):
        raise BadInputError(
            f'{place} must be a list such as [{{"targets": ["10.0.0.1:8000"], "labels": {{}}}}]'
        )
    found: list[Target] = []
    for number, group in enumerate(groups, 1):
        where = f"{place}, group {number}"
        if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
            raise BadInputError(f"{where} must have targets, a list of HOST:PORT")
        labels = group.get("labels") or {}
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise BadInputError(f"{where}: labels must be a mapping of names to texts")
        found += [_target(each, labels, where) for each in group["targets"]]
    return without_doubles(found)


def _parsed(text: str, place: str) -> Any:
    try:
        if not place.endswith((".yml", ".yaml")):
            return json.loads(text)
    except (ValueError, RecursionError) as why:
        raise BadInputError(f"{place} is not JSON: {why}") from None
    from vllm_costmeter.sources.manifests.yaml_tree import documents

    return [group for document in documents(text.encode(), place) for group in _plain(document) or ()]


def _plain(node: Any) -> Any:
    if node.items is not None:
        return [_plain(each) for each in node.items]
    return node.text if node.table is None else {key: _plain(each) for key, each in node.table.items()}


def _target(given: object, labels: dict[str, str], where: str) -> Target:
    if not isinstance(given, str):
        raise BadInputError(f"{where}: a target must be HOST:PORT, got {given!r:.60}")
    scheme, path = labels.get("__scheme__", "http"), labels.get("__metrics_path__", "/metrics")
    url = target_url(given if "://" in given else f"{scheme}://{given}{path}", where)
    own = {key.removeprefix(OURS): value for key, value in labels.items() if key.startswith(OURS)}
    gpus, model = own.pop("gpus", None), own.pop("model_name", None)
    for key, value in own.items():
        if key not in OF_A_TARGET:
            what = "is not a setting of one target" if key in BY_KEY else "is not a setting"
            raise BadInputError(
                f"{where}: {OURS}{key} {what}{nearest(key, (*OF_A_TARGET, 'gpus', 'model_name'))}"
            )
        convert(BY_KEY[key], value, f"{where}: {OURS}{key}")
    shown = {key: value for key, value in labels.items() if not key.startswith("__")}
    for key in shown:
        if not _LABEL.fullmatch(key) or key in _TAKEN:
            raise BadInputError(
                f"{where}: the label {key} has a meaning of its own here; give it another name"
            )
    return Target(
        url, gpu_count(gpus, f"{where}: {OURS}gpus"), tuple(own.items()), tuple(sorted(shown.items())), model
    )


def gpu_count(given: str | None, called: str) -> int | None:
    """A whole number from 1; BadInputError for another text."""
    if given is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,4}", given.strip()):
        raise BadInputError(f"{called} must be a whole number of GPUs from 1 to 99999, got {given!r:.40}")
    return int(given)
