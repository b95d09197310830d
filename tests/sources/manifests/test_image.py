"""Which vLLM a container image holds."""

from __future__ import annotations

import pytest

from vllm_costmeter.sources.manifests.image import release_in


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
