"""Starts that vLLM refuses because of its hybrid KV cache manager."""

from __future__ import annotations

from typing import Any

import pytest
from refused_starts import arguments, judged

LLAMA, QWEN = "meta-llama__Llama-3.1-8B-Instruct", "Qwen__Qwen3.5-35B-A3B"
SCOUT = "meta-llama__Llama-4-Scout-17B-16E-Instruct"


def connected(name: str) -> dict[str, Any]:
    return {"kv_transfer_config": {"kv_connector": name, "kv_role": "kv_both"}}


@pytest.mark.parametrize(
    ("release", "connector", "verdict"),
    [
        ("0.20.0", "NixlConnector", "refused"),
        ("0.22.0", "NixlConnector", "fits"),
        ("0.33.0", "NixlConnector", "fits"),
        ("0.33.0", "LMCacheConnectorV1", "refused"),
        ("0.33.0", "LMCacheMPConnector", "unknown"),
    ],
)
def test_recurrent_layers_beside_attention_need_it(release: str, connector: str, verdict: str) -> None:
    """vLLM stops a hybrid without the manager; the message names what turned it off."""
    found = judged(QWEN, release=release, **connected(connector))
    assert found.verdict == verdict
    if verdict == "refused":
        assert found.reason == "flags"
        assert found.message.startswith("--kv-transfer-config")


def test_a_connector_that_supports_it_may_keep_it() -> None:
    """Nixl up to 0.21: `--no-disable-hybrid-kv-cache-manager` starts what the default does not."""
    assert arguments(judged(QWEN, release="0.20.0", **connected("NixlConnector"))) == [
        "--no-disable-hybrid-kv-cache-manager"
    ]
    found = judged(QWEN, disable_hybrid_kv_cache_manager=True)
    assert (found.verdict, arguments(found)) == ("refused", ["--no-disable-hybrid-kv-cache-manager"])


@pytest.mark.parametrize(
    ("release", "flags", "verdict"),
    [
        ("0.17.0", {"kv_offloading_size": 8}, "refused"),
        ("0.20.0", {"kv_offloading_size": 8}, "refused"),
        ("0.21.0", {"kv_offloading_size": 8}, "fits"),
        ("0.21.0", {"kv_offloading_size": 8, "kv_offloading_backend": "lmcache"}, "refused"),
        ("0.22.0", {"kv_offloading_size": 8, "kv_offloading_backend": "lmcache"}, "fits"),
        ("0.17.0", {"kv_offloading_size": 8, "disable_hybrid_kv_cache_manager": True}, "fits"),
        ("0.17.0", {"disable_hybrid_kv_cache_manager": False, **connected("NixlConnector")}, "refused"),
        ("0.18.0", {"disable_hybrid_kv_cache_manager": False, **connected("NixlConnector")}, "fits"),
        ("0.33.0", {"disable_hybrid_kv_cache_manager": False, **connected("LMCacheConnectorV1")}, "refused"),
        ("0.33.0", {"disable_hybrid_kv_cache_manager": False, **connected("LMCacheMPConnector")}, "tight"),
        ("0.19.0", {"disable_hybrid_kv_cache_manager": False, "kv_events_config": {}}, "refused"),
        ("0.20.0", {"disable_hybrid_kv_cache_manager": False, "kv_events_config": {}}, "fits"),
    ],
)
def test_a_connector_without_support_stops_a_start_that_keeps_it(
    release: str, flags: dict[str, Any], verdict: str
) -> None:
    """Whatever the model's layers are: `KVConnectorFactory.create_connector` raises, or the flag contradicts."""
    found = judged(LLAMA, release=release, **flags)
    assert found.verdict == verdict
    if verdict == "refused":
        assert "--disable-hybrid-kv-cache-manager" in arguments(found)


def test_chunked_attention_with_a_drafter_cannot_keep_it() -> None:
    """Llama 4 with EAGLE and the flag: vLLM says that it is not supported."""
    eagle = {"method": "eagle", "model": "x/eagle", "num_speculative_tokens": 3}
    found = judged(
        SCOUT,
        gpu="H200 SXM:8",
        tensor_parallel_size=8,
        speculative_config=eagle,
        disable_hybrid_kv_cache_manager=False,
    )
    assert (found.verdict, found.reason) == ("refused", "flags")
