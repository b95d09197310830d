"""Which vLLM a container image holds."""

from __future__ import annotations

import pytest
from manifests import only, pod, words

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.image import other_device, release_in


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("vllm/vllm-openai:v0.17.1", "0.17.1"),
        ("vllm/vllm-openai:v0.23.0-cu130", "0.23.0"),
        ("docker.io/vllm/vllm-openai:v0.23.0-aarch64", "0.23.0"),
        ("registry.local:5000/team/vllm-openai:0.25.1@sha256:" + "0" * 64, "0.25.1"),
        ("rocm/vllm:rocm6.4.1_vllm_0.10.1_20250909", "0.10.1"),
        ("public.ecr.aws/deep-learning-containers/vllm:0.22.1-gpu-py312", "0.22.1"),
        ("vllm/vllm-openai:v0.30", "0.30"),
        ("vllm/vllm-openai:v0.29.0rc2", "0.29.0rc2"),
    ],
)
def test_a_tag_states_its_release(image: str, release: str) -> None:
    """With and without v, suffixes, digests and registries with a port."""
    assert release_in(image) == release


@pytest.mark.parametrize(
    "image",
    [
        "vllm/vllm-openai",
        "vllm/vllm-openai:latest",
        "vllm/vllm-openai:nightly-0a1b2c3d",
        "vllm/vllm-openai@sha256:" + "0" * 64,
        "nvcr.io/nvidia/vllm:26.08-py3",
        "registry.local:5000/vllm",
        "team/llama-server:0.17.1",
        "team/vllm-chat:0.3.1",
        "vllm/other:0.17.1",
        "",
    ],
)
def test_other_tags_state_none(image: str) -> None:
    """A date, a commit, a digest, another image's own version."""
    assert release_in(image) is None


@pytest.mark.parametrize(
    ("image", "device"),
    [
        ("intel/vllm:0.10.2-xpu", "XPU"),
        ("vllm/vllm-tpu:nightly", "TPU"),
        ("public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.10.0", "CPU"),
        ("vllm/vllm-openai:v0.30.0-cpu", "CPU"),
        ("public.ecr.aws/neuron/pytorch-inference-vllm-neuronx:0.9.1", "NEURONX"),
        ("quay.io/ascend/vllm-ascend:v0.9.1", "ASCEND"),
        ("team/serving-hpu:1", "HPU"),
    ],
)
def test_an_image_for_other_hardware_is_never_judged_as_a_gpus(image: str, device: str) -> None:
    """Its name or its tag says so, in a pod, a Compose file and a script alike, whatever --gpu says."""
    assert f"is vLLM for {device}" in (other_device(image) or "")
    for text in (
        pod(f"image: {image}\ncommand: [vllm, serve, o/m]\n"),
        f"services: {{a: {{image: '{image}', entrypoint: [vllm, serve], command: o/m, gpus: all}}}}\n",
        f"#!/bin/bash\ndocker run --gpus all --entrypoint vllm {image} serve o/m\n",
    ):
        server = only(text)
        assert f"is vLLM for {device}" in (server.not_read or "")
        assert server.words == ()


@pytest.mark.parametrize(
    "image",
    [
        "vllm/vllm-openai:v0.30.0",
        "team/vllm:cpu-offload",
        "team/cpu-tools:1",
        "rocm/vllm:rocm6.4",
        "python:3",
    ],
)
def test_an_image_of_a_gpu_has_no_other_device(image: str) -> None:
    """`cpu` in the name of another image, and vLLM's own offloading to the CPU, say nothing of the hardware."""
    assert other_device(image) is None


@pytest.mark.parametrize("words_", ["[serve, o/m]", "[vllm, serve, o/m]", "[bash, -c, 'vllm serve o/m']"])
def test_words_behind_the_official_entry_point_are_its_own(words_: str) -> None:
    """`args` of vllm/vllm-openai follow its own `vllm serve`: another program there is a fault."""
    with pytest.raises(BadInputError, match=r"deploy.yaml:7: image .* starts `vllm serve` by itself"):
        only(pod(f"image: docker.io/vllm/vllm-openai:v0.30.0\nargs: {words_}\n"))
    assert words(only(pod(f"image: team/vllm:1\nargs: {words_}\n"))) == "o/m"
    assert words(only(pod("image: vllm/vllm-openai\ncommand: [vllm]\nargs: [serve, o/m]\n"))) == "o/m"
