"""Objects of operators that start vLLM by themselves, and jobs that are not Kubernetes' own."""

from __future__ import annotations

import pytest
from manifests import only, pod, read, words

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.place import NoServerError
from vllm_costmeter.sources.manifests.read import reading

POD = pod("command: [vllm, serve, o/m]\n")
CONTAINER = "{name: c, image: 'vllm/vllm-openai', args: [o/m], resources: {limits: {nvidia.com/gpu: 8}}}"
TASK = f"name: a, template: {{spec: {{containers: [{CONTAINER}]}}}}"


@pytest.mark.parametrize(
    "other",
    [
        "apiVersion: kaito.sh/v1beta1\nkind: Workspace\nmetadata: {name: x}\ninference: {preset: {name: phi-4}}\n",
        "apiVersion: kaito.sh/v1alpha1\nkind: InferenceSet\nmetadata: {name: x}\nspec: {template: {}}\n",
        "apiVersion: kaito.sh/v1alpha1\nkind: MultiRoleInference\nmetadata: {name: x}\nspec: {model: {name: o/m}}\n",
        "apiVersion: ome.io/v1beta1\nkind: InferenceService\nmetadata: {name: x}\nspec: {model: {name: m}}\n",
        "apiVersion: inference.llmaz.io/v1alpha1\nkind: Playground\nmetadata: {name: x}\nspec: {replicas: 1}\n",
        "apiVersion: apps.nvidia.com/v1alpha1\nkind: NIMPipeline\nmetadata: {name: x}\nspec: {services: []}\n",
    ],
)
def test_a_server_by_a_preset_is_never_passed_over(other: str) -> None:
    """An operator's object that names neither vLLM nor a GPU is said to be not read, alone, beside a server and in a
    large file."""
    assert "check the command of its pods" in (only(other).not_read or "")
    _, second = read(f"{POD}---\n{other}")
    assert second.name.endswith(" x")
    assert second.not_read is not None
    large = f"{POD}---\n{other}---\n# {'.' * 300_000}\nkind: ConfigMap\n"
    assert [each.name for each in read(large)][1].endswith(" x")


@pytest.mark.parametrize(
    "other",
    [
        "apiVersion: kaito.sh/v1beta1\nkind: Workspace\nmetadata: {name: x}\ntuning: {preset: {name: phi-4}}\n",
        "apiVersion: app.terraform.io/v1alpha2\nkind: Workspace\nmetadata: {name: x}\nspec: {name: w}\n",
        "apiVersion: kaito.sh/v1alpha1\nkind: RAGEngine\nmetadata: {name: x}\nspec: {}\n",
    ],
)
def test_an_object_of_the_same_name_that_serves_nothing_is_counted(other: str) -> None:
    """A training of KAITO's, and a Workspace of another API group, start no server."""
    found = reading(f"{POD}---\n{other}".encode(), "x.yaml")
    assert (len(found.servers), found.num_objects) == (1, 1)


@pytest.mark.parametrize(("plugins", "gpus"), [("", 8), ("plugins: {svc: []}, ", 16)])
def test_a_job_of_volcano_has_its_pods_under_tasks(plugins: str, gpus: int) -> None:
    """Pods that find one another by a plugin may run one server; others are copies, each with GPUs of its own."""
    server = only(
        f"apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {{name: v}}\n"
        f"spec: {{{plugins}tasks: [{{replicas: 2, {TASK}}}]}}\n"
    )
    assert (server.name, words(server), server.gpus) == ("Job v, a, container c", "o/m", gpus)


def test_a_job_of_another_group_is_not_kubernetes_own() -> None:
    """Its pod templates are looked for anywhere, and nothing is said to be missing."""
    job = "apiVersion: jobs.example.com/v1\nkind: Job\nmetadata: {name: v}\n"
    assert words(only(f"{job}spec: {{runs: [{{{TASK}}}]}}\n")) == "o/m"
    with pytest.raises(NoServerError):
        read(f"{job}spec: {{steps: 3}}\n")
    with pytest.raises(BadInputError, match=r"spec\.tasks is missing"):
        read("apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: v}\nspec: {}\n")


def test_a_server_in_an_annotation_is_never_passed_over() -> None:
    """llm-d starts the server of `server-patch` in a second pod; the containers of the first one are counted."""
    patch = 'annotations: {dual-pod.llm-d.ai/server-patch: "spec: {}"}'
    spec = "spec: {containers: [{name: requester, image: requester}]}"
    found = reading(
        f"kind: ReplicaSet\nmetadata: {{name: r}}\nspec: {{template: {{metadata: {{{patch}}}, {spec}}}}}\n".encode(),
        "x.yaml",
    )
    (server,) = found.servers
    assert "in a second pod" in (server.not_read or "")
    assert found.others == ("ReplicaSet r, container requester",)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("./llama.yaml", "its configuration is in ./llama.yaml"),
        ("{llm_engine: vLLM}", "it has no model_loading_config"),
    ],
)
def test_every_item_of_llm_configs_has_an_answer(item: str, says: str) -> None:
    """The path of a file beside a configuration of Ray Serve, and one without a model, are not read."""
    config = "{model_loading_config: {model_id: q, model_source: o/m}}"
    first, second = read(f"applications: [{{name: a, args: {{llm_configs: [{config}, {item}]}}}}]\n")
    assert words(first) == "o/m"
    assert says in (second.not_read or "")


def test_a_configuration_of_ray_serve_by_itself_is_read() -> None:
    """A file of `llm_configs` is one engine."""
    server = only(
        "model_loading_config: {model_id: q, model_source: o/m}\nengine_kwargs: {max_model_len: 8192}\n"
    )
    assert words(server) == "o/m --max-model-len 8192"
