"""The check of a starting server with a KV connector, which vLLM has asked for its support already."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starting_servers import MODELS, as_checked

GEMMA = MODELS / "google__gemma-3-27b-it"


@pytest.mark.parametrize("release", ["0.20.0", "0.22.0", "0.33.0"])
@pytest.mark.parametrize("name", ["NixlConnector", "LMCacheConnectorV1"])
def test_a_connector_gives_a_server_the_answer_of_a_check(release: str, name: str, server: Any) -> None:
    """Windows without the hybrid KV cache manager: the same numbers, whether or not the config says so already."""
    connector = {"kv_connector": name, "kv_role": "kv_both"}
    expected = as_checked(release, GEMMA, kv_transfer_config=connector)
    given = SimpleNamespace(kv_connector_module_path=None, kv_connector_extra_config={}, **connector)
    is_off = name == "LMCacheConnectorV1" or release < "0.22"
    for resolved in (None, is_off):
        served = server(release, GEMMA, kv_transfer_config=given, resolved_hybrid=resolved)
        assert expected is not None
        assert (served.verdict, served.kv_cache, served.max_model_len_that_fits) == (
            expected.verdict,
            expected.kv_cache,
            expected.max_model_len_that_fits,
        )


@pytest.mark.parametrize("is_off", [True, False])
def test_a_server_knows_what_its_connector_supports(is_off: bool, server: Any) -> None:
    """vLLM has asked the class of the installed lmcache: no answer is unknown then."""
    connector = {"kv_connector": "LMCacheMPConnector", "kv_role": "kv_both"}
    expected = as_checked("0.33.0", GEMMA, disable_hybrid_kv_cache_manager=is_off)
    served = server("0.33.0", GEMMA, kv_transfer_config=connector, resolved_hybrid=is_off)
    assert expected is not None
    assert (served.verdict, served.kv_cache) == (expected.verdict, expected.kv_cache)
