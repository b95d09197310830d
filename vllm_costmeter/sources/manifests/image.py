"""Which vLLM release a container image holds, by its tag.

`vllm/vllm-openai:v0.17.1`, `...:v0.23.0-cu130@sha256:...` and `rocm/vllm:rocm6.4.1_vllm_0.10.1_20250909` state one.
`latest`, `nightly`, a digest alone, NVIDIA's dates (`26.08-py3`) and tags of images with other names do not.
"""

from __future__ import annotations

import re

_IN_TAG = re.compile(r"(?:^|vllm[-_]?)v?(0\.\d{1,3}(?:\.\d{1,3})?(?:\.?(?:post|rc|dev)\d+)*)(?![\d.])")
"""At the start of the tag, or behind "vllm" in it; vLLM has only released 0.x so far."""


_OFFICIAL = re.compile(r"vllm(-(openai|dev|cpu|rocm|tpu|xpu|neuron).*)?")
"""Names under which vLLM's releases are published and mirrored. Another name (`team/vllm-chat:0.3.1`) has a version of
its own."""

_PROGRAM = re.compile(r"(/.*/)?((ba|da|z|k)?sh|python[\d.]*|vllm|env|nohup|exec|uv|uvx|tini)")
_DEVICE = re.compile(
    r"(?<![a-z])(cpu(?![-_]?offload)|tpu|xpu|hpu|npu|neuronx?|inferentia\d?|gaudi\d?|ascend|spyre)(?![a-z])"
)
"""As part of a name or tag: `vllm-cpu-release-repo`, `0.10.2-xpu`, `pytorch-inference-vllm-neuronx`."""


def is_vllm_image(image: str) -> bool:
    """Whether the image's own name, without its registry, is one of vLLM's."""
    return _OFFICIAL.fullmatch(image_name(image)) is not None


def image_name(image: str) -> str:
    """The image's own name in lower case, without registry, owner, tag and digest: "vllm-openai"."""
    return _without_tag(image)[0].rsplit("/", 1)[-1].casefold()


def other_device(image: str) -> str | None:
    """What an image is for by its name or tag, if for something else than a GPU of NVIDIA or AMD; None for any other.

    `cpu` says so of images of vLLM alone: other names have it for much else.
    """
    name, tag = _without_tag(image)
    own = name.rsplit("/", 1)[-1].casefold()
    found = _DEVICE.search(own) or _DEVICE.search(tag.casefold())
    if found is None or (found[1] == "cpu" and "vllm" not in own):
        return None
    return f"image {image:.80} is vLLM for {found[1].upper()}: the memory rules are known for NVIDIA's and AMD's GPUs"


def is_program(word: str) -> bool:
    """Whether the first word behind an image is a program, and not a model."""
    return _PROGRAM.fullmatch(word) is not None


def entry_point_fault(image: str, first: str) -> str | None:
    """What is wrong with the first word behind an image whose own entry point is left: vLLM's official image, a mirror
    too, starts `vllm serve` (docker/Dockerfile, target vllm-openai; `python3 -m vllm.entrypoints.openai.api_server`
    before 0.11), which takes a program there for the model."""
    is_official = _without_tag(image)[0].casefold().split("/")[-2:] == ["vllm", "vllm-openai"]
    if not is_official or not (first == "serve" or is_program(first)):
        return None
    return (
        f"image {image:.80} starts `vllm serve` by itself, so {first} is taken for the model: leave it out, or replace "
        "the entry point"
    )


def release_in(image: str) -> str | None:
    """The release that the tag states, as `--vllm-version` takes it; None where it states none."""
    tag = _without_tag(image)[1]
    found = _IN_TAG.search(tag) if is_vllm_image(image) else None
    return None if found is None else found[1]


def release_installed(script: str) -> str | None:
    """The release of `pip install vllm==0.17.1` in a script, the last one; None where none is pinned."""
    found = re.findall(r"\bvllm(?:\[[\w,-]*\])?==\s*(0\.\d{1,3}(?:\.\d{1,3})?(?:\.?(?:post|rc)\d+)?)", script)
    return found[-1] if found else None


def _without_tag(image: str) -> tuple[str, str]:
    """(name, tag); the port of a registry is no tag, a digest none either."""
    name = image.strip().partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "")
