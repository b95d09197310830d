"""Memory that is kept spare, that others hold, and the GPUs that flags leave unused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vllm_costmeter.cli.main import main

LLAMA = "examples/models/llama-3.1-8b"
ADA = ("check", LLAMA, "--gpu", "RTX 4090", "--vllm-version", "0.32.0")


def found(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON of a check of an 8B on a 4090."""
    main([*ADA, *words, "--format", "json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.sampled_from([2048, 16384, 30000]))
def test_headroom_is_as_strict_as_less_utilization(
    capsys: pytest.CaptureFixture[str], percent: int, length: int
) -> None:
    """The verdict and the longest length are those of a GPU share that much lower; the bytes stay the real ones."""
    plain = found(capsys, "--max-model-len", str(length))
    kept = found(capsys, "--max-model-len", str(length), "--headroom", f"{percent}%")
    lower = str(round(0.92 - percent / 100, 6))
    less = found(capsys, "--max-model-len", str(length), "--gpu-memory-utilization", lower)
    assert kept["verdict"] == less["verdict"]
    assert kept["max_model_len_that_fits"] == less["max_model_len_that_fits"]
    assert kept["per_gpu_bytes"] == plain["per_gpu_bytes"]
    if plain["verdict"] == "fits" != kept["verdict"]:
        assert kept["reason"] == "headroom"


@pytest.mark.parametrize("share", ["10", "-1", "1", "ten", "100%"])
def test_a_headroom_that_is_no_share_is_bad_input(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is allowed, and what was given."""
    assert main([*ADA, f"--headroom={share}"]) == 2
    assert f"--headroom must be a share of the GPU's memory such as 10% or 0.1, got '{share}'" in (
        capsys.readouterr().err
    )


def test_headroom_beyond_the_budget_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing would be left for vLLM."""
    assert main([*ADA, "--headroom", "95%"]) == 2
    assert "leaves nothing of --gpu-memory-utilization 0.92" in capsys.readouterr().err


def test_what_others_hold_is_missing_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """vLLM needs its share free: with 3 GiB taken it stops, with the share that is free it starts."""
    assert found(capsys, "--max-model-len", "8192")["verdict"] == "fits"
    taken = found(capsys, "--max-model-len", "8192", "--other-processes", "3")
    assert (taken["verdict"], taken["reason"]) == ("refused", "free_memory")
    share = taken["suggestions"][0]["change"]["gpu_memory_utilization"]
    words = ("--max-model-len", "8192", "--other-processes", "3", "--gpu-memory-utilization", str(share))
    assert found(capsys, *words)["verdict"] == "fits"


def test_more_held_than_there_is_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with both amounts."""
    assert main([*ADA, "--other-processes", "24"]) == 2
    assert "--other-processes 24 leaves nothing of the 23.64 GiB of the RTX 4090" in capsys.readouterr().err


def test_gpus_that_no_flag_uses_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """`--gpu "4090:2"` alone is one GPU for vLLM."""
    main(["check", LLAMA, "--gpu", "4090:2", "--max-model-len", "8192"])
    assert "--gpu names 2 GPUs; these flags use 1" in capsys.readouterr().out
    main(["check", LLAMA, "--gpu", "4090:2", "--max-model-len", "8192", "-tp", "2"])
    assert "--gpu names" not in capsys.readouterr().out


def test_a_change_that_needs_more_gpus_says_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    """In text and in JSON."""
    main([*ADA])
    text = capsys.readouterr().out
    assert "--tensor-parallel-size 2" in text
    assert "(2 GPUs, up to 131,072 tokens)" in text
    assert {each["gpus"] for each in found(capsys)["suggestions"]} >= {1, 2}


def test_three_changes_are_shown_and_all_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    """The first is the length; the rest are counted."""
    main([*ADA])
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if line.startswith("  --")]
    assert len(shown) == 3
    assert shown[0].startswith("  --max-model-len ")
    more = next(line for line in lines if line.endswith("more with --all-suggestions"))
    main([*ADA, "--all-suggestions"])
    every = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  --")]
    assert len(every) == 3 + int(more.split()[0])


def test_a_length_beyond_the_model_leads_with_its_maximum(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the model's own length fits, that is the only change."""
    main(["check", LLAMA, "--gpu", "H200 SXM", "--max-model-len", "200000", "--format", "json"])
    changes = [each["change"] for each in json.loads(capsys.readouterr().out)["suggestions"]]
    assert changes == [{"max_model_len": 131072}]


@pytest.mark.parametrize(
    "words",
    [
        ["vllm", "serve", LLAMA, "--max-model-len", "8k", "--gpu", "L40S"],
        ["--gpu", "L40S", "HF_HOME=/x", "vllm", "serve", LLAMA, "--max-model-len", "8k"],
        ["--gpu", "L40S", "python3", "-m", "vllm.entrypoints.openai.api_server", "--model", LLAMA],
        [
            "--gpu",
            "L40S",
            "sudo",
            "docker",
            "run",
            "--gpus",
            "all",
            "vllm/vllm-openai:v0.30.0",
            "--model",
            LLAMA,
        ],
    ],
)
def test_a_command_needs_no_dashes_before_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As people paste it."""
    assert main(["check", *words]) == 0
    assert f"{LLAMA} on L40S" in capsys.readouterr().out


def test_a_pipe_gets_each_text_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No width of a terminal that is not there, whatever COLUMNS says."""
    main([*ADA, "--explain"])
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("refused: ") and line.endswith("available on RTX 4090") for line in said)
    assert any(len(line) > 100 and "--gpu-memory-utilization 0.92 of" in line for line in said)


def test_an_unknown_release_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    """The newest known rules are used; the exit code is that of the verdict."""
    assert main(["check", LLAMA, "--gpu", "L40S", "--max-model-len", "8k", "--vllm-version", "0.99"]) == 0
    assert (
        "note: vLLM 0.99 is unknown, newer than the newest known: using the rules of"
        in capsys.readouterr().out
    )
