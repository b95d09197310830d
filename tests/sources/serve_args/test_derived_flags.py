"""What several flags decide together."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.serve_args.read import read_command


def engine_args(*words: str) -> EngineArgs:
    return read_command(["MODEL", *words], NEWEST).flags.engine_args()


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        ((), False),
        (("--mm-encoder-only",), True),
        (("--ec-transfer-config", '{"ec_connector": "X", "ec_role": "ec_producer"}'), True),
        (("--ec-transfer-config", '{"ec_connector": "X", "ec_role": "ec_consumer"}'), False),
        (("--ec-transfer-config", '{"ec_connector": "X", "ec_role": "ec_both"}'), False),
    ],
)
def test_an_encoder_alone_is_told_by_two_flags(words: tuple[str, ...], alone: bool) -> None:
    """Its own, and the role of one that only hands over what it encoded."""
    assert engine_args(*words).encodes_alone is alone


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ((), 1),
        (("--cp-kv-cache-interleave-size", "8"), 8),
        (("--dcp-kv-cache-interleave-size", "4"), 4),
        (("--dcp-kv-cache-interleave-size", "4", "--cp-kv-cache-interleave-size", "8"), 4),
        (("--dcp-kv-cache-interleave-size", "1", "--cp-kv-cache-interleave-size", "8"), 8),
    ],
)
def test_the_old_name_of_the_interleave_size_wins(words: tuple[str, ...], size: int) -> None:
    """Where it is above 1 (`VllmConfig.__post_init__`)."""
    assert engine_args(*words).kv_cache_interleave_size == size
