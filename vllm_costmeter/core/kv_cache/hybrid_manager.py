"""Whether vLLM's hybrid KV cache manager is on: without it windows are cached for every token.

Mirrors the "Hybrid KV cache manager (HMA) runtime rules" of `VllmConfig.__post_init__` (vllm/config/vllm.py) and
`KVConnectorFactory` (distributed/kv_transfer/kv_connector/factory.py), read in 0.17.0 to 0.33.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.attention import ChunkedLocal
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

_ASKS_THE_CONNECTOR = (0, 22)
"""From here on only a connector without support turns it off; before, `--kv-transfer-config` does."""
_ALLOWS_EVENTS = (0, 20)
_MULTIPLE = "MultiConnector"
_MP = "LMCacheMPConnector"
_MP_OF_LMCACHE = (0, 22)  # `_resolve_lmcache_mp_connector` takes the class of the installed lmcache
_NEVER: tuple[int, int] = (1 << 10, 0)
_SUPPORTS_SINCE: Mapping[str, tuple[int, int]] = {
    "NixlConnector": (0, 18),
    "SimpleCPUOffloadConnector": (0, 19),
    "MooncakeConnector": (0, 20),
    "DecodeBenchConnector": (0, 21),
    "OffloadingConnector": (0, 21),
    _MULTIPLE: (0, 21),
    "ExampleHiddenStatesConnector": (0, 22),
    "MooncakeStoreConnector": (0, 22),
    "NixlPullConnector": (0, 24),
    "NixlPushConnector": (0, 24),
    "HiSparseConnector": (0, 30),
    "MoRIIOConnector": (0, 30),
    "ExampleConnector": _NEVER,
    "FlexKVConnectorV1": _NEVER,
    "HF3FSKVConnector": _NEVER,
    "LMCacheConnectorV1": _NEVER,
    "P2pNcclConnector": _NEVER,
}
"""The first minor release in which the class derives from `SupportsHMA`."""
_READS_TARGET_SINCE: Mapping[str, tuple[int, int]] = {
    "eagle": (0, 17),
    "eagle3": (0, 17),
    "mtp": (0, 17),
    "dflash": (0, 20),
    "dspark": (0, 26),
}
"""Methods of `SpeculativeConfig.use_eagle`, with the first release that lists them."""
_HEAD_NAMES = ("eagle-", "eagle3", "dflash", "dspark")


@dataclass(frozen=True, slots=True)
class HybridManager:
    """What the flags make of it."""

    is_off: bool | None
    """None: it depends on a connector's class, which is not vLLM's."""
    cause: str = ""
    """What turns it off, or may."""
    fault: str | None = None
    """Why vLLM stops whatever the model's layers are; None if it does not."""
    fault_is_certain: bool = True


def hybrid_manager(model: Model, engine_args: EngineArgs, release: Release) -> HybridManager:
    """The manager of a start in this release."""
    asked = engine_args.disable_hybrid_kv_cache_manager
    if asked:
        return HybridManager(True, "--disable-hybrid-kv-cache-manager")
    needs_off = _incompatible(model, engine_args, release)
    connector, said = _connector(engine_args, release)
    supports = _supports(connector, release) if connector is not None else True
    if asked is False:
        if needs_off:
            return HybridManager(
                False, fault=f"--no-disable-hybrid-kv-cache-manager: {needs_off} needs it disabled"
            )
        return _kept_on(said, supports, "--no-disable-hybrid-kv-cache-manager")
    if needs_off:
        return HybridManager(True, needs_off)
    if release.minor < _ASKS_THE_CONNECTOR:
        if engine_args.kv_transfer_config is not None:
            return HybridManager(True, "--kv-transfer-config")
        return _kept_on(said, supports, said)
    return HybridManager(None if supports is None else not supports, "" if supports else said)


def _kept_on(said: str, supports: bool | None, flag: str) -> HybridManager:
    """On, with a connector for which `KVConnectorFactory.create_connector` may then stop."""
    if supports:
        return HybridManager(False)
    at = said if flag == said else f"{flag} and {said}"
    verb = "may lack" if supports is None else "lacks"
    return HybridManager(
        False,
        fault=f"{at}: the connector {verb} support for the hybrid KV cache manager: give "
        "--disable-hybrid-kv-cache-manager",
        fault_is_certain=supports is False,
    )


def _incompatible(model: Model, engine_args: EngineArgs, release: Release) -> str:
    """What vLLM does not combine with the manager; "" if nothing."""
    if engine_args.kv_events_config is not None and release.minor < _ALLOWS_EVENTS:
        return "--kv-events-config"
    layers = () if model.not_understood is not None else model.attention.layers
    if not any(isinstance(cache, ChunkedLocal) for caches in set(layers) for cache in caches):
        return ""
    if _reads_target(model, engine_args.speculative_config, release):
        return "--speculative-config with chunked local attention"
    if engine_args.chunked_local_hybrid is False:
        return "VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE=0"
    return ""


def _reads_target(model: Model, speculative: Mapping[str, Any] | None, release: Release) -> bool:
    """`use_eagle`: whether the drafter reads the target's hidden states; a method not given follows from the draft."""
    if speculative is None:
        return False
    method, name = speculative.get("method"), str(speculative.get("model") or "").lower()
    if method is None or method == "draft_model":
        is_head = model.draft_facts is not None and model.draft_facts.is_head
        return is_head or any(word in name for word in _HEAD_NAMES)
    known = "mtp" if str(method).endswith("_mtp") else method
    return release.minor >= _READS_TARGET_SINCE.get(known, _NEVER)


def _connector(engine_args: EngineArgs, release: Release) -> tuple[Mapping[str, Any] | None, str]:
    """The connector as `_post_init_kv_transfer_config` leaves it, and the flag that chooses it."""
    given = engine_args.kv_transfer_config
    if engine_args.kv_offloading_size is None:
        return given, "--kv-transfer-config" if given is None else _named(given)
    if engine_args.kv_offloading_backend == "lmcache":
        name = _MP if release.minor >= (0, 23) else "LMCacheConnectorV1"
    else:
        name = "OffloadingConnector"
    module = (given or {}).get("kv_connector_module_path")
    return {"kv_connector": name, "kv_connector_module_path": module}, f"--kv-offloading-size with {name}"


def _named(connector: Mapping[str, Any]) -> str:
    return f"--kv-transfer-config with {str(connector.get('kv_connector'))[:60]}"


def _supports(connector: Mapping[str, Any], release: Release) -> bool | None:
    """`KVConnectorFactory.supports_hma_config`; None for a class that is not vLLM's."""
    name = connector.get("kv_connector")
    since = _SUPPORTS_SINCE.get(name) if isinstance(name, str) else None
    if connector.get("kv_connector_module_path") or (name == _MP and release.minor >= _MP_OF_LMCACHE):
        return None
    if name == _MP:
        return False
    if since is None:
        return None
    if name != _MULTIPLE or release.minor < since:
        return release.minor >= since
    extra = connector.get("kv_connector_extra_config")
    children = extra.get("connectors") if isinstance(extra, Mapping) else None
    each = [
        _supports(child, release) if isinstance(child, Mapping) else None
        for child in (children if isinstance(children, list | tuple) else ())
    ]
    if not each or False in each:
        return False
    return None if None in each else True


@dataclass(frozen=True, slots=True)
class Decided:
    """Flags with the manager decided, where the model's layers make a difference."""

    engine_args: EngineArgs
    with_manager: EngineArgs | None = None
    """The flags if the manager is on, where that cannot be known: then `engine_args` have it off."""
    notes: tuple[str, ...] = ()


def decided(model: Model, engine_args: EngineArgs, release: Release, is_off: bool | None = None) -> Decided:
    """`engine_args` as vLLM resolves them. `is_off`: what a starting vLLM has resolved; None: it was not asked."""
    if engine_args.disable_hybrid_kv_cache_manager is not None:
        return Decided(engine_args)
    ours = hybrid_manager(model, engine_args, release)
    on = replace(
        engine_args,
        disable_hybrid_kv_cache_manager=False,
        kv_transfer_config=None,
        kv_events_config=None,
        kv_offloading_size=None,
        chunked_local_hybrid=None,
    )
    if is_off is False and ours.is_off is not False:
        return Decided(on)
    is_off = ours.is_off if is_off is None else is_off
    if is_off is False or not _has_several_kinds(model):
        return Decided(engine_args)
    off = replace(engine_args, disable_hybrid_kv_cache_manager=True)
    cause = ours.cause or "vLLM"
    if is_off:
        return Decided(
            off,
            notes=(
                f"{cause} turns the hybrid KV cache manager off: layers with a window are cached as full attention",
            ),
        )
    note = (
        f"{cause}: whether this connector supports the hybrid KV cache manager is not known; without support, as "
        "assumed here, layers with a window are cached as full attention"
    )
    return Decided(off, on, (note,))


def _has_several_kinds(model: Model) -> bool:
    """Whether the layers of the model, its drafter and its encoders may differ in what they keep of a sequence."""
    if model.not_understood is not None:
        return True
    attention = model.attention
    held = (*attention.layers, *attention.draft_layers, *attention.tower_layers)
    kinds = {(type(cache), getattr(cache, "window_tokens", None)) for caches in set(held) for cache in caches}
    return len(kinds) > 1
