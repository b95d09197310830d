"""What people rely on when a `vllm serve` command line is read; `test_against_vllm.py` has every detail."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from vllm_costmeter.sources.vllm_cli.flag_table import flag_from, flag_table
from vllm_costmeter.sources.vllm_cli.parse import ServeArgs, parse_serve_args
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError


def parsed(text: str, release: tuple[int, int, int] = (0, 33, 0), **options: Any) -> ServeArgs:
    return parse_serve_args(shlex.split(text), release, **options)


def refused(text: str, release: tuple[int, int, int] = (0, 33, 0), **options: Any) -> ServeArgsError:
    with pytest.raises(ServeArgsError) as caught:
        parsed(text, release, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_command_is_a_model_and_the_values_of_its_flags() -> None:
    """Values have the names of vLLM's arguments and their Python types."""
    found = parsed("org/model -tp 8 --max-model-len 32k --gpu-memory-utilization=0.85 --enforce-eager")
    assert found.model == "org/model"
    assert found.values == {
        "tensor_parallel_size": 8,
        "max_model_len": 32_000,
        "gpu_memory_utilization": 0.85,
        "enforce_eager": True,
    }


def test_what_is_not_given_is_vllms_default() -> None:
    """A default is that of the release."""
    assert parsed("m", (0, 19, 0)).get("gpu_memory_utilization") == 0.9
    assert parsed("m", (0, 33, 0)).get("gpu_memory_utilization") == 0.92
    with pytest.raises(KeyError):
        parsed("m").get("no_such_argument")


def test_every_form_of_a_json_flag_gives_the_same_value() -> None:
    """One object, dotted keys, the short name, `=` or a space, lists that grow."""
    expected = {"compilation_config": {"mode": 3, "cudagraph_capture_sizes": [1, 2]}}
    for text in (
        """m --compilation-config '{"mode": 3, "cudagraph_capture_sizes": [1, 2]}'""",
        """m -cc '{"mode": 3, "cudagraph_capture_sizes": [1, 2]}'""",
        "m --compilation_config.mode 3 --compilation-config.cudagraph_capture_sizes [1,2]",
        "m -cc.mode=3 -cc.cudagraph_capture_sizes=[1] -cc.cudagraph_capture_sizes=[2]",
    ):
        assert parsed(text).values == expected


def test_an_object_beside_dotted_keys_is_lost_as_in_vllm() -> None:
    """vLLM puts the dotted keys last as one object of their own, and the last one counts: it is said to be repeated."""
    found = parsed("""m -cc.mode=3 -cc '{"backend": "eager"}'""")
    assert found.values == {"compilation_config": {"mode": 3}}
    assert found.repeated == ("--compilation-config",)


def test_a_dropped_flag_is_refused_with_the_release_that_dropped_it() -> None:
    assert str(refused("m --swap-space 4", (0, 19, 0))) == (
        "--swap-space: dropped by vLLM 0.18.0 (last in 0.17.1), 0.19.0 refuses it"
    )


def test_a_flag_to_come_is_refused_with_the_release_that_brings_it() -> None:
    first = next(
        release
        for release in flag_table().releases
        if "--spec-method" in flag_table().at(_numbers(release)).by_name
    )
    assert str(refused("m --spec-method mtp", (0, 19, 0))) == (
        f"--spec-method: new in vLLM {first}, 0.19.0 refuses it"
    )


def test_a_misspelt_flag_is_refused_with_its_nearest_neighbours() -> None:
    """All unknown flags at once, as vLLM tells them."""
    refusal = refused("m --max-modle-len 8k --gpu-memory-utilisation 0.9")
    assert refusal.kind == "unknown"
    assert "--max-modle-len: not a flag of vLLM 0.33.0; nearest: --max-model-len" in str(refusal)
    assert "--gpu-memory-utilisation" in str(refusal)


def test_a_value_that_other_releases_take_is_refused_with_their_numbers() -> None:
    assert str(refused("m --mamba-cache-mode all")) == (
        "--mamba-cache-mode: must be one of align, none; got 'all' (vLLM 0.16.0 to 0.31.0 takes it)"
    )
    assert str(refused("m -ac.use_fp4_indexer_cache=true")).endswith("(vLLM 0.20.0 to 0.29.0 takes it)")


def test_an_ambiguous_abbreviation_names_what_it_may_mean() -> None:
    refusal = refused("m --max-num 8", (0, 17, 0))
    assert refusal.kind == "ambiguous"
    assert {"--max-num-seqs", "--max-num-batched-tokens"} <= set(refusal.words)


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("m --port x", "value", "--port: must be a whole number, got 'x'"),
        (
            "m --dtype bf16",
            "choice",
            "--dtype: must be one of auto, bfloat16, float, float16, float32, half; got 'bf16'",
        ),
        ("m --max-model-len", "expected", "--max-model-len: expects a value"),
        ("m --enforce-eager=true", "takes no value", "--enforce-eager: takes no value, got 'true'"),
        ("m n", "unknown", "'n' belongs to no flag: vllm serve takes one MODEL"),
        ("m -cc.moode=3", "value", "--compilation-config: has no key 'moode'; nearest: mode"),
        (
            "m --eplb-config.window_size=0",
            "value",
            "--eplb-config.window_size: must be a whole number > 0, got 0 (vLLM 0.16.0 to 0.19.1 takes it)",
        ),
        ("m --help", "help", "--help: asks vLLM for its help"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_is_allowed(text: str, kind: str, line: str) -> None:
    refusal = refused(text)
    assert (refusal.kind, str(refusal)) == (kind, line)


def test_the_module_takes_the_model_by_its_flag_alone() -> None:
    """`python -m vllm.entrypoints.openai.api_server org/model` serves vLLM's default model: the word is passed over."""
    assert parsed("--model org/model", is_module=True).model == "org/model"
    assert parsed("org/model", is_module=True).model is None
    assert parsed("org/model").model == "org/model"


def test_flags_of_plugins_are_read_beside_vllms_own() -> None:
    """They count where an abbreviation is completed, too."""
    more = [flag_from({"names": "--plugin"}), flag_from({"names": "--gpu-hourly-usd", "kind": "float"})]
    found = parsed("m --plugin costmeter --gpu-hourly 3.84 -tp 2", more_flags=more)
    assert found.values == {"plugin": "costmeter", "gpu_hourly_usd": 3.84, "tensor_parallel_size": 2}
    assert refused("m --gpu 0.9", more_flags=more).kind == "ambiguous"
    assert refused("m --plugin costmeter").kind == "unknown"


def test_a_file_of_flags_stands_before_the_commands_own() -> None:
    """--config FILE is read where it is a word of its own, and the command line goes before it."""
    found = parsed("m --config f.yaml -tp 4", read_config=lambda _: {"tensor-parallel-size": 2, "seed": 7})
    assert (found.values["tensor_parallel_size"], found.values["seed"]) == (4, 7)
    assert refused("m --config f.yaml").kind == "config file"


def test_a_release_that_is_not_recorded_is_read_as_the_one_before_it() -> None:
    """The newest for a newer one; what was used is in the result."""
    newest = flag_table().releases[-1]
    assert parse_serve_args(["m"], (99, 0, 0)).flags.release == newest
    assert parse_serve_args(["m"]).flags.release == newest
    assert parsed("m", (0, 20, 9)).flags.release == "0.20.2"


def _numbers(release: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in release.split("."))
    return major, minor, patch
