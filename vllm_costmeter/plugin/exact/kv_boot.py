"""The KV cache as vLLM's engine core plans it at start-up, by calling vLLM's own functions in its order.

Follows `EngineCore._initialize_kv_caches` (vLLM 0.32, v1/engine/core.py); steps that an older vLLM lacks are skipped.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vllm_costmeter.core.fit.vllm_counts import BlockNeed, ExactLayer
from vllm_costmeter.plugin.exact.block_need import block_need
from vllm_costmeter.plugin.exact.messages import NotAskableError
from vllm_costmeter.plugin.exact.planning import bytes_needed, kv_cache_configs

AMPLE_BYTES = 1 << 60
"""A pool large enough for any sequence, to get the groups; nothing is allocated."""


def layer_specs(config: Any) -> dict[str, Any]:
    """The cache format of each layer of the model built under `config`, by layer name (`get_kv_cache_spec` of
    vLLM's model runners). Layers that read another layer's cache have none."""
    from vllm.config import get_layers_from_vllm_config
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

    specs = {}
    for name, layer in get_layers_from_vllm_config(config, AttentionLayerBase).items():
        if getattr(layer, "kv_sharing_target_layer_name", None):
            continue
        spec = layer.get_kv_cache_spec(config)
        if spec:
            specs[name] = _as_backend_stores_it(layer, spec)
    return specs


def _as_backend_stores_it(layer: Any, spec: Any) -> Any:
    from vllm.v1.kv_cache_interface import AttentionSpec
    from vllm.v1.worker import utils

    customize = getattr(utils, "customize_attention_spec", None)
    if customize is None or not isinstance(spec, AttentionSpec):
        return spec
    return customize(layer.get_attn_backend(), spec)


def backends(config: Any) -> list[Any]:
    """The distinct attention backends of the model built under `config`."""
    from vllm.config import get_layers_from_vllm_config
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

    layers = get_layers_from_vllm_config(config, AttentionLayerBase).values()
    return list(dict.fromkeys(layer.get_attn_backend() for layer in layers))


def prepare(
    config: Any, specs_of_ranks: Sequence[Mapping[str, Any]], backends_of_ranks: Sequence[Any]
) -> None:
    """What the engine core does before memory is counted: register the specs, resolve and record the layout."""
    from vllm.v1.attention.backends import utils
    from vllm.v1.core import single_type_kv_cache_manager

    register = getattr(single_type_kv_cache_manager, "register_all_kvcache_specs", None)
    if register is not None:
        register(config)
    resolve = getattr(utils, "resolve_kv_cache_layout", None)
    if resolve is not None:
        supported = [
            [layout.name for layout in utils.get_supported_kv_cache_layouts(found)]
            for found in backends_of_ranks
        ]
        resolve(config, supported, [spec for specs in specs_of_ranks for spec in specs.values()])


def count_layers(specs: Iterable[Any]) -> tuple[ExactLayer, ...]:
    """Layers of equal kind, page and block, with how many there are, in order of appearance."""
    counted = Counter((type(spec).__name__, spec.page_size_bytes, spec.block_size) for spec in specs)
    return tuple(ExactLayer(*layer, count) for layer, count in counted.items())


class BootPlan:
    """vLLM's results for any pool and length of one deployment."""

    def __init__(self, config: Any, specs_of_ranks: Sequence[Mapping[str, Any]]) -> None:
        self._config = config
        self._specs = specs_of_ranks
        self.maximum = int(config.model_config.max_model_len)
        self._groups_of_ranks = [kv.kv_cache_groups for kv in self._plan(self.maximum, AMPLE_BYTES)]
        if any(getattr(group, "host_resident", False) for group in self._groups):
            raise NotAskableError("part of the KV cache is in host memory")

    @property
    def _groups(self) -> Any:
        return self._groups_of_ranks[0]

    def block_needs(self) -> tuple[BlockNeed, ...]:
        """Per group, the blocks of a sequence by length. Raises NotAskableError for an unknown shape."""
        shards = self._config.parallel_config.decode_context_parallel_size
        return tuple(
            block_need(
                functools.partial(self._blocks_taken, group.kv_cache_spec),
                _block_tokens(group.kv_cache_spec, shards),
                self.maximum,
            )
            for group in self._groups
        )

    def bytes_per_block(self) -> tuple[int, ...]:
        """Bytes of one block on each pipeline rank: vLLM's bytes for a sequence divided by its blocks."""
        blocks = sum(self._blocks_taken(group.kv_cache_spec, self.maximum) for group in self._groups)
        return tuple(needed // blocks if blocks else 0 for needed in self.bytes_needed(self.maximum))

    def bytes_needed(self, length: int) -> tuple[int, ...]:
        """Bytes one sequence of `length` tokens needs on each pipeline rank."""
        with self._serving(length):
            return tuple(bytes_needed(self._config, groups) for groups in self._groups_of_ranks)

    def longest(self, pool_bytes: int) -> int:
        """The length `--max-model-len auto` would set with this pool on every rank; 0: not even one token fits."""
        model = self._config.model_config
        if not self._groups:
            return self.maximum
        with self._serving(self.maximum):
            given, model.original_max_model_len = model.original_max_model_len, -1
            try:
                self._configs(pool_bytes)
            except ValueError:
                return 0
            finally:
                model.original_max_model_len = given
            return int(model.max_model_len)

    def capacity(self, length: int, pool_bytes: int) -> tuple[int, int, float] | None:
        """(blocks, tokens, concurrency) as logged at start-up; None if vLLM refuses that length for this pool."""
        from vllm.v1.core import kv_cache_utils

        with self._serving(length):
            try:
                configs = self._configs(pool_bytes)
            except ValueError:
                return None
            scheduler = kv_cache_utils.generate_scheduler_kv_cache_config(configs)
            if not scheduler.kv_cache_groups:
                return scheduler.num_blocks, 0, 0.0
            tokens, concurrency = kv_cache_utils.get_kv_cache_capacity(self._config, scheduler)
            return int(scheduler.num_blocks), int(tokens), float(concurrency)

    def _plan(self, length: int, pool_bytes: int) -> Any:
        with self._serving(length):
            return self._configs(pool_bytes)

    def _configs(self, pool_bytes: int) -> Any:
        return kv_cache_configs(self._config, self._specs, pool_bytes)

    def _blocks_taken(self, spec: Any, length: int) -> int:
        with self._serving(length):
            return -(-int(spec.max_memory_usage_bytes(self._config)) // int(spec.page_size_bytes))

    @contextmanager
    def _serving(self, length: int) -> Iterator[None]:
        """Let the deployment's length be `length`; vLLM's own searches change it the same way."""
        model = self._config.model_config
        given, model.max_model_len = model.max_model_len, length
        try:
            yield
        finally:
            model.max_model_len = given


def _block_tokens(spec: Any, shards: int) -> int:
    return int(spec.block_size) * (shards if getattr(spec, "dcp_sharded", True) else 1)
