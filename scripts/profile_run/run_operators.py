"""Operators run without a card: vLLM's own by their Python on meta tensors, compiled kernels as calls that do nothing.

A kernel writes into tensors that Python allocated for it, so that the memory is seen without the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vllm_costmeter.plugin.exact.fakes.stub_operators import OPERATORS, MissingOperator

COLLECTIVES = frozenset({"all_reduce", "all_gather", "reduce_scatter"})
"""These have no communicator here; their fake versions allocate the one output that NCCL's do."""


class _Idle(MissingOperator):
    """A kernel that may be called: it does nothing, and answers questions to kernels as exact mode does."""

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        return super().__call__(*arguments) if self._first is not None else None


class _IdleNamespace:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, operator: str) -> Any:
        if operator.startswith("__"):
            raise AttributeError(operator)
        return _Idle(self._name, operator)


def let_operators_run() -> dict[str, Callable[..., Any]]:
    """vLLM's Python operators by name, filled while vLLM is imported. Call before any of its models is."""
    import torch
    import vllm.utils.torch_utils as registering
    from triton.runtime import autotuner, jit

    for name in OPERATORS:
        setattr(torch.ops, name, _IdleNamespace(name))
    for kernel in (jit.JITFunction, autotuner.Autotuner, autotuner.Heuristics):
        kernel.run = lambda *_, **__: None
    register, found = registering.direct_register_custom_op, {}

    def register_and_keep(
        op_name: str, op_func: Any, mutates_args: Any = None, fake_impl: Any = None, **more: Any
    ) -> None:
        if op_name not in COLLECTIVES:
            found[op_name] = op_func
        register(op_name, op_func, mutates_args, fake_impl or (lambda *_, **__: None), **more)

    registering.direct_register_custom_op = register_and_keep
    return found
