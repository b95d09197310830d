"""Containers of a pod: which are servers, which are not, and which cannot be told."""

from __future__ import annotations

import pytest
from manifests import only, pod, read

from vllm_costmeter.sources.manifests.place import NoServerError
from vllm_costmeter.sources.manifests.read import reading

GPU = "resources: {limits: {nvidia.com/gpu: 1}}\n"


@pytest.mark.parametrize(
    "container",
    [
        "image: example/vllm-exporter:1\n",
        "image: vllm/vllm-router:1\nargs: [--service-discovery, k8s]\n",
        f"image: nvcr.io/nvidia/tritonserver:26.01-vllm-python-py3\n{GPU}",
        "image: curlimages/curl\ncommand: [sh, -c, 'curl http://vllm:8000/health']\n",
        f"image: vllm/vllm-openai\ncommand: [sleep, infinity]\n{GPU}",
        f"image: trainer\ncommand: [python, train.py]\n{GPU}",
    ],
)
def test_a_bystander_is_no_server(container: str) -> None:
    """An image with vllm in its name or tag, a client of a server, another program."""
    with pytest.raises(NoServerError):
        read(pod(container))


@pytest.mark.parametrize(
    ("container", "says"),
    [
        (f"image: vllm/vllm-openai\ncommand: [bash, /scripts/start.sh]\n{GPU}", "runs /scripts/start.sh"),
        (f"image: team/llm:3\n{GPU}", "image team/llm:3 has GPUs and no command in the file"),
        (f"image: team/llm:3\ncommand: [/app/run.sh]\n{GPU}", "runs /app/run.sh"),
        (f"image: vllm/vllm-openai\ncommand: [python3, serve.py]\n{GPU}", "runs serve.py"),
    ],
)
def test_what_may_start_a_server_is_said(container: str, says: str) -> None:
    """GPUs and a command that is not in the file: no verdict, and why."""
    assert says in (only(pod(container)).not_read or "")


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ("google.com/tpu", "google.com/tpu is a TPU"),
        ("habana.ai/gaudi", "is a Gaudi accelerator"),
        ("aws.amazon.com/neuroncore", "is a Neuron accelerator"),
        ("huawei.com/Ascend910B", "is an Ascend accelerator"),
        ("gpu.intel.com/i915", "is an Intel GPU"),
        ("aliyun.com/gpu-mem", "is not a known resource"),
    ],
)
def test_another_accelerator_is_never_judged_as_a_gpu(resource: str, says: str) -> None:
    """Whatever --gpu says: the words are not kept."""
    server = only(pod(f"image: vllm/vllm-openai\nargs: [m]\nresources: {{limits: {{{resource}: 1}}}}\n"))
    assert says in (server.not_read or "")
    assert server.words == ()


def test_part_of_a_gpus_memory_is_not_the_gpu() -> None:
    """HAMi's nvidia.com/gpumem beside nvidia.com/gpu."""
    limits = "resources: {limits: {nvidia.com/gpu: 1, nvidia.com/gpumem: 3000}}\n"
    assert "nvidia.com/gpumem" in (only(pod(f"image: vllm/vllm-openai\nargs: [m]\n{limits}")).not_read or "")


@pytest.mark.parametrize(
    ("limits", "labels"),
    [
        ("{nvidia.com/mig-1g.10gb: 1}", ""),
        (
            "{nvidia.com/gpu: 1}",
            "  nodeSelector: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB-MIG-1g.10gb}\n",
        ),
    ],
)
def test_a_mig_slice_is_the_slice(limits: str, labels: str) -> None:
    """As a resource of its own (mixed strategy), or by the product's label (single)."""
    server = only(pod(f"image: vllm/vllm-openai\nargs: [m]\nresources: {{limits: {limits}}}\n", labels))
    assert server.mig_profile == "1g.10gb"


def test_everything_else_is_counted() -> None:
    """Other containers by name, other objects by number."""
    text = pod("command: [vllm, serve, m]\n") + "---\nkind: Service\nmetadata: {name: s}\n---\n"
    found = reading((text + pod("image: nginx\n").replace("name: p", "name: q")).encode(), "x.yaml")
    assert (len(found.servers), found.others, found.num_objects) == (1, ("Pod q, container c",), 1)


def test_a_document_that_is_no_object_is_never_passed_over() -> None:
    """Beside a server, it is a part that was not read."""
    first, second = read(pod("command: [vllm, serve, m]\n") + "---\na: b\n")
    assert first.not_read is None
    assert "neither a Kubernetes object" in (second.not_read or "")


def test_a_compute_class_of_gke_names_the_gpus() -> None:
    """Where the class stands in the same file."""
    gpus = "spec: {priorities: [{gpu: {type: nvidia-l4}}, {spot: true}]}"
    compute_class = f"kind: ComputeClass\nmetadata: {{name: fast}}\n{gpus}\n"
    selector = "  nodeSelector: {cloud.google.com/compute-class: fast}\n"
    server = only(f"{compute_class}---\n{pod('command: [vllm, serve, m]' + chr(10), selector)}")
    assert server.gpu_names == ("L4",)


def test_resource_claims_are_said() -> None:
    """Dynamic allocation: how many GPUs, and which, stands in another object."""
    server = only(pod("command: [vllm, serve, m]\nresources: {claims: [{name: gpu}]}\n"))
    assert "resource claims" in server.notes[0]
