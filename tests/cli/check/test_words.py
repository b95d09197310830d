"""`costmeter check` of a whole command, through the real command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.cli.check.command import add_parser, parsed
from vllm_costmeter.cli.main import main
from vllm_costmeter.cli.parser import CommandParser
from vllm_costmeter.sources.vllm_cli.flag_table import flag_from, flag_table

VERSION = ("--vllm-version", "0.32.0")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("behind", [["--"], []])
@pytest.mark.parametrize(
    "text",
    [
        "HF_TOKEN=hf_secret vllm serve {} \\\n  --max-model-len 1024 \\\n  --port 80",
        "cd /srv && exec nohup vllm serve {} --max-model-len=1024 2>&1 | tee log",
        "python3 -m vllm.entrypoints.openai.api_server --model {} --max-model-len 1024 > log 2>&1 &",
    ],
)
def test_a_command_is_read_as_one_quoted_text(
    model: Path, capsys: pytest.CaptureFixture[str], text: str, behind: list[str]
) -> None:
    """As a script has it: prefixes, continuation lines, pipes and redirections; no token is repeated."""
    assert main(["check", "--gpu", "L4", *VERSION, *behind, text.format(shlex.quote(str(model)))]) == 0
    said = capsys.readouterr()
    assert f"{model} on L4" in said.out
    assert said.out.startswith("fits: 1,024 tokens of context")
    assert "hf_secret" not in said.out + said.err


def test_flags_of_the_check_may_stand_among_vllms(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A word behind one of them belongs to no flag of vLLM before it."""
    own = ["--gpu", "L4", *VERSION]
    words = ["--cudagraph-capture-sizes", "1", "2", *own, str(model), "--max-model-len=1024"]
    for start in ([], ["--", "vllm", "serve"]):
        assert main(["check", *start, *words]) == 0
        assert "fits: 1,024 tokens of context on L4" in capsys.readouterr().out


@pytest.mark.parametrize("release", ["0.19.0", "0.32.0"])
def test_a_flag_of_another_release_is_refused(
    model: Path, capsys: pytest.CaptureFixture[str], release: str
) -> None:
    """Exit 1 with the release that dropped it, as vLLM stops; what the rest says is a note."""
    served = ["vllm", "serve", str(model), "--max-model-len", "1024", "--swap-space", "4"]
    assert main(["check", "--gpu", "L4", "--vllm-version", release, "--", *served]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"--swap-space: dropped by vLLM 0.18.0 (last in 0.17.1), {release} refuses it" in said
    assert "note: without these flags: fits: 1,024 tokens" in said
    assert main(["check", "--gpu", "L4", "--vllm-version", "0.17.1", "--", *served]) == 0


def test_the_model_of_the_module_is_named_by_its_flag(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """vLLM passes over a word without one, and serves its default model."""
    module = ["python", "-m", "vllm.entrypoints.openai.api_server"]
    assert main(["check", "--gpu", "L4", "--", *module, str(model)]) == 2
    assert "no model" in capsys.readouterr().err
    assert main(["check", "--gpu", "L4", "--", *module, "--model", str(model), "--max-model-len", "1k"]) == 0


def test_no_flag_of_the_check_is_one_of_vllms() -> None:
    """It would be taken from the server's words."""
    own = set(parsed([]).own_flags) - {"-h", "--help"}
    assert "--gpu" in own
    of_vllm = {name for _, record in flag_table().records for name in flag_from(record).names}
    assert own & of_vllm == set()


@given(
    st.lists(
        st.sampled_from(
            [
                "M",
                "--gpu",
                "L4",
                "--strict",
                "--file",
                "-",
                "--max-num-seqs=4",
                "-tp",
                "--",
                "-h",
                "",
                "--gpu=L4",
            ]
        )
    )
)
def test_no_word_is_lost_among_the_checks_own(words: list[str]) -> None:
    """Each is one of the check's own, or the server's; all behind `--` are the server's, in their order."""
    root = CommandParser(prog="costmeter", allow_abbrev=False)
    subparsers = root.add_subparsers(prog="costmeter")
    add_parser(subparsers)
    own, others = subparsers.choices["check"].split(words)
    assert sorted([*own, *others]) == sorted(words)
    if "--" in words:
        behind = words[words.index("--") :]
        assert others[len(others) - len(behind) :] == behind


@pytest.mark.parametrize("form", ["{0} vllm serve {1}", "export {0}; vllm serve {1}"])
def test_the_environment_of_a_command_decides_about_cuda_graphs(
    model: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS, off in 0.19 and on from 0.20, whose default a 1 or a 0 turns round."""
    pools = {}
    for release in ("0.19.1", "0.22.0"):
        for value in "01":
            text = form.format(f"VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS={value}", shlex.quote(str(model)))
            words = ["check", "--gpu", "L4", "--vllm-version", release, "--format", "json", "--", text]
            assert main(words) == 0
            found = json.loads(capsys.readouterr().out)
            pools[release, value] = found["per_gpu_bytes"]["cuda_graphs"]
    assert pools["0.19.1", "0"] == pools["0.22.0", "0"] == 0
    assert pools["0.19.1", "1"] > 0
    assert pools["0.22.0", "1"] > 0
