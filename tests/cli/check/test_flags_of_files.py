"""Flags of servers in deployment files are those of the release in the image's tag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from manifests import deployment

from vllm_costmeter.cli.main import main


def answer(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, tag: str
) -> tuple[int, dict[str, Any]]:
    """The exit code, and the JSON of the one server."""
    file = deployment(folder, arguments)
    file.write_text(file.read_text().replace("vllm/vllm-openai", f"vllm/vllm-openai:{tag}"))
    code = main(["check", "--file", str(file), "--format", "json"])
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    return code, found


def test_abbreviated_and_dotted_flags_are_read_as_vllm_reads_them(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any flag may be cut where it stays the only one."""
    arguments = (
        f"[{model}, --max-num-seq, '4', --max-num-batched-token=4096, -cc.cudagraph_mode=none, -O, '3']"
    )
    code, found = answer(tmp_path, capsys, arguments, "v0.32.0")
    assert code == 0
    engine = found["engine"]
    assert (engine["max_num_seqs"], engine["max_num_batched_tokens"]) == (4, 4096)


def test_flags_that_the_release_dropped_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with the release that dropped it; the same file starts with an image that has them."""
    arguments = f"[{model}, --disable-log-requests, --swap-space, '8', --task, generate]"
    code, found = answer(tmp_path, capsys, arguments, "v0.32.0")
    assert (code, found["verdict"], found["reason"]) == (1, "refused", "flags")
    for says in (
        "--disable-log-requests: dropped by vLLM 0.17.0 (last in 0.16.0)",
        "--swap-space: dropped by vLLM 0.18.0 (last in 0.17.1)",
        "--task: dropped before vLLM 0.16.0",
    ):
        assert says in found["message"]
    code, found = answer(tmp_path, capsys, f"[{model}, --swap-space, '8']", "v0.17.1")
    assert (code, found["verdict"]) == (0, "fits")


def test_a_flag_that_the_release_does_not_have_yet_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the first release that has it."""
    code, found = answer(tmp_path, capsys, f"[{model}, --enable-moe-shared-loras]", "v0.17.0")
    assert (code, found["reason"]) == (1, "flags")
    assert "--enable-moe-shared-loras: new in vLLM 0.26.0, 0.17.0 refuses it" in found["message"]


def test_vllm_omni_is_another_server(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3: its memory is not known."""
    code, found = answer(tmp_path, capsys, f"[{model}, --omni, --stage-configs-path, x.yaml]", "v0.32.0")
    assert (code, found["verdict"]) == (3, "unknown")
    assert "vllm-omni" in found["message"]
