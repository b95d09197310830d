"""Flags of the KV cache that a release does not have, or whose value it does not accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.cache_flags import cache_flags_of, check_cache_flags

LLAMA = str(Path(__file__).parents[2] / "data" / "models" / "meta-llama__Llama-3.1-8B-Instruct")


@pytest.mark.parametrize(
    ("flag", "value", "version", "said"),
    [
        (
            "--kv-cache-dtype",
            "nvfp4",
            "0.19.1",
            "give one of auto, bfloat16, .*, fp8_inc; new in vLLM 0.20.0$",
        ),
        ("--kv-cache-dtype", "fp4", "0.32.0", "nearest: nvfp4"),
        (
            "--mamba-cache-mode",
            "all",
            "0.33.0",
            "give one of align, none; vLLM 0.31.0 was the last to know it$",
        ),
        ("--mamba-ssm-cache-dtype", "bfloat16", "0.21.0", "; new in vLLM 0.22.0$"),
        ("--mamba-cache-dtype", "int8", "0.32.0", "give one of auto, bfloat16, float16, float32$"),
        ("--block-size", 24, "0.17.1", "give one of 1, 8, 16, 32, 64, 128, 256"),
        ("--kv-cache-dtype-skip-layers", "0", "0.18.1", "new in vLLM 0.19.0, 0.18.1 refuses it$"),
    ],
)
def test_what_the_release_refuses_is_one_line(flag: str, value: object, version: str, said: str) -> None:
    """The value, what is allowed, and which release knows it."""
    with pytest.raises(BadInputError, match=said):
        check_cache_flags({flag: value}, release_of(version))


@pytest.mark.parametrize(
    ("flag", "value", "version"),
    [
        ("--kv-cache-dtype", "nvfp4", "0.20.0"),
        ("--kv-cache-dtype", "a plugin's own", "0.33.0"),
        ("--mamba-cache-mode", "all", "0.31.0"),
        ("--block-size", 24, "0.18.0"),
        ("--kv-cache-dtype", "nvfp4", "0.14.0"),
    ],
)
def test_what_the_release_accepts_passes(flag: str, value: object, version: str) -> None:
    """0.33 has no fixed list of cache dtypes; releases before 0.16 are not recorded."""
    check_cache_flags({flag: value}, release_of(version))


def test_only_given_flags_are_asked_about() -> None:
    """Those with vLLM's default are in every release."""
    assert cache_flags_of(EngineArgs()) == {}
    given = EngineArgs(kv_cache_dtype="fp8", block_size=32)
    assert cache_flags_of(given) == {"--kv-cache-dtype": "fp8", "--block-size": 32}


@pytest.mark.parametrize("words", [("--kv-cache-dtype", "nvfp4"), ("--kv-cache-dtype-skip-layers", "0", "1")])
def test_the_command_refuses_it_too(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, also for a flag whose memory is not modelled."""
    assert main(["check", LLAMA, "--gpu", "RTX 4090", "--vllm-version", "0.17.0", *words]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
