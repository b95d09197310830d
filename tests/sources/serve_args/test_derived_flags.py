"""What several flags decide together."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import NEWEST, release_of
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


def test_an_attention_backend_may_be_stated_in_the_config() -> None:
    """Once; other keys of --attention-config keep their note."""
    found = read_command(["MODEL", "-ac.backend=FLASHINFER"], NEWEST).flags
    assert found.engine_args().attention_backend == "FLASHINFER"
    assert found.unmodelled == ()
    more = read_command(["MODEL", "-ac.backend=FLASHINFER", "-ac.flash_attn_version=2"], NEWEST).flags
    assert more.unmodelled == ("--attention-config",)
    with pytest.raises(BadInputError, match="exclude each other"):
        engine_args("--attention-backend", "FLASHINFER", "-ac.backend=FLASHINFER")


def test_adapters_that_are_not_read_are_named() -> None:
    """With the rank above which one of them stops vLLM."""
    given = ("--lora-modules", "a=/x", "--max-lora-rank", "32")
    (note,) = read_command(["MODEL", "--enable-lora", *given], NEWEST).flags.notes
    assert note == "the adapters of --lora-modules are not read: a rank above --max-lora-rank 32 stops vLLM"
    assert read_command(["MODEL", *given], NEWEST).flags.notes == ()


def test_older_releases_set_stated_blocks_after_the_check() -> None:
    """A note says so up to 0.20."""
    given = ["MODEL", "--num-gpu-blocks-override", "100"]
    assert len(read_command(given, release_of("0.20.0")).flags.notes) == 1
    assert read_command(given, release_of("0.21.0")).flags.notes == ()
