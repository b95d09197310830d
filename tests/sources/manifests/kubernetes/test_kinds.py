"""Which objects start servers, and what is said of those that are not read."""

from __future__ import annotations

import pytest

from vllm_costmeter.sources.manifests.place import NoServerError
from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import DeclaredServer

CONTAINER = "{name: c, image: 'vllm/vllm-openai:v0.33.0', args: [org/model]}"
POD = f"kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{CONTAINER}]}}\n"


def servers(text: str) -> list[DeclaredServer]:
    return servers_of(text.encode(), "deploy.yaml")


@pytest.mark.parametrize(
    "spec",
    [
        f"kind: DeploymentConfig\nspec: {{template: {{spec: {{containers: [{CONTAINER}]}}}}}}",
        f"kind: Service\nspec: {{template: {{spec: {{containers: [{CONTAINER}]}}}}}}",
        f"kind: Rollout\nspec: {{template: {{spec: {{containers: [{CONTAINER}]}}}}}}",
        f"kind: DisaggregatedSet\nspec: {{roles: [{{spec: {{template: {{spec: {{containers: [{CONTAINER}]}}}}}}}}]}}",
    ],
)
def test_a_pod_template_is_read_wherever_it_stands(spec: str) -> None:
    """OpenShift, Knative, Argo, llm-d: a mapping with containers is a pod."""
    (found,) = servers(spec)
    assert [word.text for word in found.words] == ["org/model"]
    assert found.not_read is None


@pytest.mark.parametrize(
    "other",
    [
        "kind: RayService\nmetadata: {name: x}\nspec: {serveConfigV2: 'llm'}\n",
        "kind: RayJob\nmetadata: {name: x}\nspec: {entrypoint: python serve.py}\n",
        "kind: Widget\nmetadata: {name: x}\nspec: {engine: vLLM}\n",
        f"kind: ServingRuntime\nmetadata: {{name: x}}\nspec: {{containers: [{CONTAINER}]}}\n",
        "kind: Widget\nmetadata: {name: x}\nspec: {limits: {nvidia.com/gpu: 1}}\n",
    ],
)
def test_an_object_that_may_start_a_server_is_never_passed_over(other: str) -> None:
    """Also beside a server that was read: it has an answer of its own, which is no verdict."""
    first, second = servers(f"{POD}---\n{other}")
    assert first.not_read is None
    assert second.not_read is not None
    assert second.name.endswith(" x")


@pytest.mark.parametrize(
    "other",
    ["kind: Service\nspec: {selector: {app: vllm}}", "kind: Widget\nmetadata: {name: vllm}\nspec: {size: 3}"],
)
def test_what_starts_no_server_is_left_out(other: str) -> None:
    """A Service that names one, and a resource of another kind."""
    assert len(servers(f"{POD}---\n{other}")) == 1


def test_transformers_behind_kserve_is_no_vllm() -> None:
    """`--backend=huggingface`."""
    text = """
        kind: InferenceService
        spec:
          predictor:
            model: {modelFormat: {name: huggingface}, storageUri: hf://o/m, args: [--backend=huggingface]}
    """
    with pytest.raises(NoServerError):
        servers(text)
