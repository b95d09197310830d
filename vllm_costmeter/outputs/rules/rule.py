"""Prometheus rules as values, and as YAML for Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field

Severity = Literal["warning", "critical"]

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_:]*|[0-9]+[smhd]")
"""Text that needs no quotes in YAML; everything else is quoted as JSON, which is valid YAML."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series computed at every evaluation. `record` is level:metric:window."""

    record: str
    expression: str
    labels: tuple[tuple[str, str], ...] = ()

    def fields(self) -> dict[str, object]:
        """The fields under Prometheus's names."""
        found: dict[str, object] = {"record": self.record, "expr": self.expression}
        return found | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Alert:
    """Fires when `expression` has had a value for `lasting`. `runbook` describes what to do."""

    name: str
    expression: str
    lasting: str
    severity: Severity
    summary: str
    description: str
    runbook: str

    def fields(self) -> dict[str, object]:
        """The fields under Prometheus's names."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": self.runbook,
            },
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that Prometheus evaluates together and in order: a later rule sees what an earlier one recorded."""

    name: str
    rules: tuple[Recording | Alert, ...] = field(default=())

    def fields(self) -> dict[str, object]:
        """The fields under Prometheus's names."""
        return {"name": self.name, "rules": [rule.fields() for rule in self.rules]}


def quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def as_yaml(groups: Iterable[Group], heading: str) -> str:
    """A rule file; deterministic for the same rules."""
    return "\n".join((*(f"# {line}" for line in heading.splitlines()), "groups:", *_groups(groups))) + "\n"


def _groups(groups: Iterable[Group]) -> Iterator[str]:
    for group in groups:
        yield f"  - name: {_text(group.name)}"
        yield "    rules:"
        for rule in group.rules:
            lines = list(_mapping(rule.fields()))
            yield f"      - {lines[0]}"
            yield from (f"        {line}" for line in lines[1:])


def _mapping(fields: Mapping[str, object]) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {line}" for line in _mapping(value))
        elif name == "expr":
            yield "expr: |-"
            yield from (f"  {line}" for line in str(value).splitlines())
        else:
            yield f"{name}: {_text(str(value))}"


def _text(value: str) -> str:
    return value if PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
