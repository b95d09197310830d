"""The rules, in the order in which vLLM would stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vllm_costmeter.core.refusals.start import Refusal, Start

Rule = Callable[[Start], Refusal | None]


def refusal(start: Start) -> Refusal | None:
    """The first reason for which vLLM stops this start; None if no rule knows one."""
    for rule in _rules(start):
        found = rule(start)
        if found is not None:
            return found
    return None


def _rules(start: Start) -> Iterator[Rule]:
    """The rules that may concern this start; each is imported only then."""
    asked, capability = start.engine_args, start.compute_capability
    if asked.dtype != "auto" or (capability is not None and capability < (8, 0)):
        from vllm_costmeter.core.refusals.dtype import dtype_fault

        yield dtype_fault
