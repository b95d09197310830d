"""Nothing in a file is passed over in silence: everything is counted, and what was not read fails the job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from manifests import deployment

from vllm_costmeter.cli.main import main

VERSION = ("--vllm-version", "0.32.0")
CHAT = "---\nkind: Widget\nmetadata: {name: chat}\nspec: {engine: vLLM}\n"


def with_more(folder: Path, model: Path, more: str) -> Path:
    file = deployment(folder, f"[{model}]")
    file.write_text(f"{file.read_text()}{more}")
    return file


def test_what_was_not_read_is_named_and_fails_the_job(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3, beside a server that fits; --allow-unread says that it may be."""
    file = with_more(tmp_path, model, CHAT)
    words = ["check", "--file", str(file), *VERSION]
    assert main(words) == 3
    assert f"1 server checked, 1 not read: Widget chat ({file}:13)" in capsys.readouterr().out
    assert main([*words, "--skip-other-files"]) == 3
    assert main([*words, "--allow-unread"]) == 0


def test_json_has_the_counts(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By number, and each part that was not read with its place."""
    pod = "---\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: nginx}]}\n---\nkind: Service\n"
    file = with_more(tmp_path, model, CHAT + pod)
    assert main(["check", "--file", str(file), *VERSION, "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {
        "servers_checked": 1,
        "errors": 0,
        "not_understood": 0,
        "not_read": [{"name": "Widget chat", "file": str(file), "line": 13}],
        "other_containers": 1,
        "other_objects": 1,
        "other_files": [],
    }
    assert [each.get("reason") for each in found["checks"]] == [None, "unread"]


def test_files_without_a_server_are_counted(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where --skip-other-files allows them."""
    other = tmp_path / "other.yaml"
    other.write_text("kind: ConfigMap\n")
    file = deployment(tmp_path, f"[{model}]")
    assert main(["check", "--file", str(file), str(other), *VERSION, "--skip-other-files"]) == 0
    assert "1 server checked; 1 file without a server" in capsys.readouterr().out


def test_two_servers_on_one_gpu_are_judged_together(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second finds what the first leaves: refused at 0.92 of each, not at 0.4, on two GPUs or in two profiles."""
    file = tmp_path / "compose.yaml"
    service = (
        "  {name}:\n    image: vllm/vllm-openai:v0.32.0\n    command: --model {model} --max-model-len 1024 {more}\n"
        "    deploy: {{resources: {{reservations: {{devices: [{{driver: nvidia, {which}}}]}}}}}}\n"
    )

    def verdicts(
        more: str,
        first: str = "count: 1",
        second: str = "device_ids: ['0']",
        profile: str = "",
        more_words: Sequence[str] = (),
    ) -> list[str]:
        services = [
            service.format(name=name, model=model, more=more, which=which)
            for name, which in (("one", first), ("two", second))
        ]
        if profile:
            services = [
                f"{each}    profiles: [{name}]\n" for each, name in zip(services, profile, strict=True)
            ]
        file.write_text(f"services:\n{''.join(services)}")
        main(["check", "--file", str(file), "--gpu", "L4", "--format", "json", *more_words])
        return [each["verdict"] for each in json.loads(capsys.readouterr().out)["checks"]]

    assert verdicts("") == ["fits", "refused"]
    assert verdicts("--gpu-memory-utilization 0.4") == ["fits", "fits"]
    assert verdicts("", second="device_ids: ['1']") == ["fits", "fits"]
    assert verdicts("", profile="ab") == ["fits", "fits"]
    assert verdicts("--gpu-memory-utilization 0.4", more_words=["--other-processes", "6"]) == [
        "fits",
        "refused",
    ]


def test_a_slice_is_checked_as_the_slice(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the GPU that the label names; two ranks cannot have a slice each."""
    file = deployment(tmp_path, f"[{model}]")
    text = file.read_text().replace("nvidia.com/gpu: 1", "nvidia.com/mig-1g.10gb: 1")
    text = text.replace(
        "cloud.google.com/gke-accelerator: nvidia-l4", "nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3"
    )
    file.write_text(text)
    assert main(["check", "--file", str(file), *VERSION, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert found["gpu"]["name"] == "H100 SXM MIG 1g.10gb"
    assert main(["check", "--file", str(file), *VERSION, "-tp", "2", "--gpu", "H100 SXM:2"]) == 2
    assert "CUDA shows a process one MIG slice (1g.10gb)" in capsys.readouterr().err


def test_the_maker_of_the_gpu_is_the_files(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """amd.com/gpu is AMD's, whatever --gpu says; an unknown GPU needs its memory, not another name."""
    file = deployment(tmp_path, f"[{model}]")
    text = file.read_text()
    file.write_text(text.replace("nvidia.com/gpu", "amd.com/gpu"))
    assert main(["check", "--file", str(file), *VERSION, "--gpu", "H100 SXM"]) == 2
    assert "the file asks for amd.com/gpu; H100 SXM is NVIDIA's" in capsys.readouterr().err
    file.write_text(text.replace("nvidia-l4", "nvidia-x900"))
    assert main(["check", "--file", str(file), *VERSION]) == 2
    assert "give its memory with --gpu-memory-gib" in capsys.readouterr().err
    assert main(["check", "--file", str(file), *VERSION, "--gpu-memory-gib", "24"]) == 0


def test_what_another_tool_renders_is_no_deployment_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kustomize's own file says how to render it; --skip-other-files allows it, as it allows a chart's values."""
    file = tmp_path / "kustomization.yaml"
    file.write_text("kind: Kustomization\nimages: [{name: vllm/vllm-openai, newTag: v0.32.0}]\n")
    assert main(["check", "--file", str(file)]) == 2
    assert "`kustomize build . | costmeter check --file -`" in capsys.readouterr().err
    assert main(["check", "--file", str(file), "--skip-other-files"]) == 0


def test_a_folder_holds_units_and_batch_scripts_too(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside its manifests; other scripts of a folder may be anything."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "vllm.service").write_text(f"[Service]\nExecStart=vllm serve {model}\n")
    (tmp_path / "deploy" / "job.sbatch").write_text(f"#SBATCH --gres=gpu:l4:1\nvllm serve {model}\n")
    (tmp_path / "deploy" / "download.sh").write_text("vllm serve $1\n")
    assert main(["check", str(tmp_path / "deploy"), "--gpu", "L4", *VERSION]) == 0
    assert "2 servers checked" in capsys.readouterr().out
