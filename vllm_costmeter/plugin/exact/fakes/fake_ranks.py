"""Fake parallel ranks: torch's fake process group lets one process be any rank of any world size."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@functools.cache
def prepare_groups() -> None:
    """Make every process group a fake one, and vLLM's groups free of communicators and message queues."""
    import torch.distributed
    import torch.testing._internal.distributed.fake_pg  # registers the "fake" backend
    import vllm.distributed.parallel_state as state

    new_group = torch.distributed.new_group

    def new_fake_group(ranks: Any = None, *_: Any, **__: Any) -> Any:
        return new_group(ranks, backend="fake")

    torch.distributed.new_group = new_fake_group
    state._node_count = lambda _: 1
    coordinator: Any = state.GroupCoordinator
    build, signature = coordinator.__init__, inspect.signature(coordinator.__init__)

    def build_alone(self: Any, *args: Any, **kwargs: Any) -> None:
        arguments = signature.bind(self, *args, **kwargs)
        arguments.arguments |= {"use_device_communicator": False, "use_message_queue_broadcaster": False}
        build(*arguments.args, **arguments.kwargs)

    coordinator.__init__ = build_alone


@contextmanager
def as_rank(parallel: Any, pipeline_rank: int) -> Iterator[None]:
    """Be the first tensor-parallel rank of `pipeline_rank` in the world of vLLM's `parallel` configuration.

    The first has the most memory: only padding differs. Needs the current vLLM configuration to be set.
    """
    import torch.distributed
    import vllm.distributed.parallel_state as state
    from torch.testing._internal.distributed.fake_pg import FakeStore

    prepare_groups()
    world_size = parallel.world_size * parallel.data_parallel_size
    rank = pipeline_rank * parallel.tensor_parallel_size
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=world_size)
    try:
        state.init_distributed_environment(parallel.world_size, rank, "env://", rank, "fake")
        state.initialize_model_parallel(
            parallel.tensor_parallel_size,
            parallel.pipeline_parallel_size,
            decode_context_model_parallel_size=parallel.decode_context_parallel_size,
        )
        yield
    finally:
        state.destroy_model_parallel()
        state.destroy_distributed_environment()
