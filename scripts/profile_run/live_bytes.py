"""Bytes of tensors alive, followed through every operator that runs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only


class LiveBytes(TorchDispatchMode):
    """Within it, `now` is the bytes of all storages that operators made and that still live, `peak` its largest.

    vLLM's custom operators run by their own Python (`operators`), so that what they allocate inside is seen.
    """

    def __init__(
        self, operators: Mapping[str, Callable[..., Any]], known: Iterable[torch.Tensor] = ()
    ) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._operators = operators
        self._not_run: set[str] = set()
        self._storages: dict[int, Any] = {}
        for tensor in known:
            storage = tensor.untyped_storage()
            self._storages[storage._cdata] = weakref.ref(storage)

    @property
    def not_run(self) -> list[str]:
        """Operators whose Python failed on tensors without memory; their outputs alone are counted."""
        return sorted(self._not_run)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = self._run(func, args, kwargs or {})
        tree_map_only(torch.Tensor, self._follow, made)
        return made

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        name = func._schema.name.partition("::")[2]
        if func.namespace == "vllm" and name in self._operators and name not in self._not_run:
            try:
                with self:
                    return self._operators[name](*args, **kwargs)
            except Exception:  # noqa: BLE001 - the finding is that it does not run here
                self._not_run.add(name)
        return func(*args, **kwargs)

    def _follow(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._storages:
            self._storages[key] = weakref.ref(storage, partial(self._forget, key, size))
            self.now += size
            self.peak = max(self.peak, self.now)

    def _forget(self, key: int, size: int, _: Any) -> None:
        self.now -= size
        del self._storages[key]
