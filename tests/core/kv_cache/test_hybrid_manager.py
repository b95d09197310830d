"""Whether vLLM's hybrid KV cache manager is on, by release, flag and connector."""

from __future__ import annotations

from typing import Any

import pytest
from refused_starts import MODELS, judged

from vllm_costmeter.api import check
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.kv_cache.hybrid_manager import hybrid_manager
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.models.open import open_model

GEMMA, GPT_OSS, LLAMA = "google__gemma-3-27b-it", "openai__gpt-oss-20b", "meta-llama__Llama-3.1-8B-Instruct"
SCOUT, QWEN = "meta-llama__Llama-4-Scout-17B-16E-Instruct", "Qwen__Qwen3.5-35B-A3B"
RELEASES = (
    "0.17.0",
    "0.18.0",
    "0.19.1",
    "0.20.0",
    "0.21.0",
    "0.22.0",
    "0.23.0",
    "0.29.0",
    "0.30.0",
    "0.33.0",
)


def connected(name: str, **more: Any) -> dict[str, Any]:
    return {"kv_connector": name, "kv_role": "kv_both", **more}


def several(*names: str) -> dict[str, Any]:
    children = {"connectors": [connected(name) for name in names]}
    return connected("MultiConnector", kv_connector_extra_config=children)


def state(release: str, model: str = LLAMA, **flags: Any) -> bool | None:
    found = hybrid_manager(open_model(str(MODELS / model)), EngineArgs(**flags), release_of(release))
    return found.is_off


def numbers(found: Fit) -> tuple[Any, ...]:
    return found.verdict, found.reason, found.max_model_len_that_fits, found.kv_cache


@pytest.mark.parametrize(
    ("connector", "off"),
    [
        (connected("NixlConnector"), "yyyyynnnnn"),
        (connected("LMCacheConnectorV1"), "yyyyyyyyyy"),
        (connected("LMCacheMPConnector"), "yyyyy?????"),
        (connected("MoRIIOConnector"), "yyyyyyyynn"),
        (connected("OffloadingConnector"), "yyyyynnnnn"),
        (connected("Mine", kv_connector_module_path="my.module"), "yyyyy?????"),
        (several("NixlConnector", "OffloadingConnector"), "yyyyynnnnn"),
        (several("NixlConnector", "LMCacheConnectorV1"), "yyyyyyyyyy"),
        (several("NixlConnector", "LMCacheMPConnector"), "yyyyy?????"),
        (several(), "yyyyyyyyyy"),
    ],
    ids=lambda value: value.get("kv_connector") if isinstance(value, dict) else value,
)
def test_a_connector_turns_it_off_by_release(connector: dict[str, Any], off: str) -> None:
    """Up to 0.21 every connector, from 0.22 those that are no `SupportsHMA`; others' classes are unknown."""
    found = [state(release, kv_transfer_config=connector) for release in RELEASES]
    assert found == [{"y": True, "n": False, "?": None}[each] for each in off]


def test_events_turn_it_off_up_to_0_19() -> None:
    """`--kv-events-config` in 0.17 to 0.19, whatever it holds."""
    assert [state(release, kv_events_config={}) for release in RELEASES] == [True] * 3 + [False] * 7


def test_offloading_to_lmcache_chooses_a_connector_by_release() -> None:
    """0.22 takes LMCacheConnectorV1, 0.23 and newer the class of the installed lmcache; before, it comes too late."""
    found = [state(release, kv_offloading_size=8.0, kv_offloading_backend="lmcache") for release in RELEASES]
    assert found == [False] * 5 + [True] + [None] * 4


@pytest.mark.parametrize(
    ("model", "gpu"), [(GEMMA, "H100 SXM"), (GPT_OSS, "L4"), (LLAMA, "RTX 4090"), (SCOUT, "H200 SXM:8")]
)
@pytest.mark.parametrize("release", ["0.17.0", "0.21.0", "0.22.0", "0.33.0"])
def test_a_connector_gives_the_numbers_of_the_flag_that_vllm_sets(model: str, gpu: str, release: str) -> None:
    """The same verdict, length and tokens as `--[no-]disable-hybrid-kv-cache-manager` given outright."""
    tensor_parallel_size = 8 if ":8" in gpu else 1
    for name, is_off in (("NixlConnector", release < "0.22"), ("LMCacheConnectorV1", True)):
        found, plain = (
            check(
                str(MODELS / model),
                gpu,
                vllm_version=release,
                tensor_parallel_size=tensor_parallel_size,
                **flags,
            )
            for flags in (
                {"kv_transfer_config": connected(name)},
                {"disable_hybrid_kv_cache_manager": is_off},
            )
        )
        assert numbers(found) == numbers(plain)
        assert any("hybrid KV cache manager" in note for note in found.notes) is (is_off and model != LLAMA)


def test_a_connector_of_unknown_support_never_says_that_it_fits() -> None:
    """Gemma 3 in 0.22 on an H100: 131,072 tokens with the manager, 31,760 without."""
    found = check(
        str(MODELS / GEMMA),
        "H100 SXM",
        vllm_version="0.22.0",
        kv_transfer_config=connected("LMCacheMPConnector"),
    )
    assert (found.verdict, found.max_model_len_that_fits) == ("unknown", 31760)
    assert "the connector decides" in found.message
    short = judged(GEMMA, kv_transfer_config=connected("LMCacheMPConnector"))
    assert short.verdict == "fits"
    assert any("not known" in note for note in short.notes)


def test_chunked_local_attention_loses_it_to_a_drafter_or_a_variable() -> None:
    """Llama 4 with EAGLE, MTP or the variable set to 0; an n-gram drafter and other models keep it."""
    eagle, ngram = {"method": "eagle", "num_speculative_tokens": 3}, {"method": "ngram"}
    for release in ("0.17.0", "0.33.0"):
        assert state(release, SCOUT, speculative_config=eagle) is True
        assert state(release, SCOUT, speculative_config={"model": "x/EAGLE-Llama-4"}) is True
        assert state(release, SCOUT, chunked_local_hybrid=False) is True
        assert state(release, SCOUT, speculative_config=ngram) is False
        assert state(release, GEMMA, speculative_config=eagle, chunked_local_hybrid=False) is False
    dflash = {"speculative_config": {"method": "dflash"}}
    assert [state(release, SCOUT, **dflash) for release in ("0.19.1", "0.20.0")] == [False, True]
