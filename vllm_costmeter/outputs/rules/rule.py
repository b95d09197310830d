"""Prometheus rules as values, and as YAML for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.outputs.text.yaml import as_yaml

Severity = Literal["warning", "critical"]


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
    interval: str = ""
    """Between evaluations; empty: as the Prometheus is set."""

    def fields(self) -> dict[str, object]:
        """The fields under Prometheus's names."""
        found: dict[str, object] = {"name": self.name}
        found |= {"interval": self.interval} if self.interval else {}
        return found | {"rules": [rule.fields() for rule in self.rules]}


def quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def as_rule_file(groups: Iterable[Group], heading: str) -> str:
    """A rule file of Prometheus; deterministic for the same rules."""
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + as_yaml({"groups": [group.fields() for group in groups]})
