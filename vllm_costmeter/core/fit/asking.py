"""How to have vLLM itself count a model that has no rules here."""

from __future__ import annotations

from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.release import dotted


def how_to_ask_vllm(blank: Fit) -> tuple[str, ...]:
    """The command that has the release's own code count a model without rules; none for a GPU that exact mode cannot
    pretend to be."""
    if blank.gpu.compute_capability is None or blank.model.weights_source == "gguf":
        return ()
    model = blank.model.id
    is_local = model.startswith(("/", ".", "~"))
    mount = f" -v {model}:/model" if is_local else ""
    asked = f'costmeter check {"/model" if is_local else model} --gpu "{blank.gpu.name}" --exact'
    image = f"vllm/vllm-openai:v{dotted(blank.engine.release.number)}"
    return (
        "vLLM's own code can count it: add --exact where vLLM is installed, or "
        f"docker run --rm{mount} --entrypoint sh {image} -c 'pip install -q vllm-costmeter && {asked}'",
    )
