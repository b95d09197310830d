"""Deployment files: which servers they start, with which words and GPUs."""

from __future__ import annotations

import pytest
from manifests import only, pod, read, words

from vllm_costmeter.sources.manifests.server import settled_words

CONTAINER = """
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model, org/name, --tensor-parallel-size=2]
          resources: {limits: {nvidia.com/gpu: "2"}}
"""


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
def test_workloads_with_a_pod_template(kind: str) -> None:
    """An image whose entry point is the server takes its args as flags; the title names workload and container."""
    server = only(
        f"kind: {kind}\nmetadata: {{name: llama}}\nspec:\n  template:\n    spec:\n      containers:{CONTAINER}"
    )
    assert server.name == f"{kind} llama, container vllm"
    assert words(server) == "--model org/name --tensor-parallel-size=2"
    assert (server.gpus, server.place.line) == (2, 9)


def test_a_leader_worker_set_counts_the_gpus_of_all_its_pods() -> None:
    """Two pods of 8 serve one model; the leader's script holds the command."""
    server = only("""
        kind: LeaderWorkerSet
        metadata: {name: big}
        spec:
          leaderWorkerTemplate:
            size: 2
            leaderTemplate:
              spec:
                containers:
                - name: leader
                  image: vllm/vllm-openai
                  command: [sh, -c]
                  args:
                  - "bash multi-node-serving.sh leader --ray_cluster_size=$(LWS_GROUP_SIZE);
                     vllm serve org/big --tensor-parallel-size 8 --pipeline-parallel-size $(LWS_GROUP_SIZE)"
                  resources: {limits: {nvidia.com/gpu: 8}}
            workerTemplate:
              spec:
                containers:
                - name: worker
                  image: vllm/vllm-openai
                  command: [sh, -c, "bash multi-node-serving.sh worker"]
    """)
    assert server.gpus == 16
    assert words(server) == "org/big --tensor-parallel-size 8 --pipeline-parallel-size 2"


def test_an_inference_service_by_model_format() -> None:
    """KServe's own flags are translated, vLLM's are kept."""
    server = only("""
        kind: InferenceService
        metadata: {name: qwen}
        spec:
          predictor:
            model:
              modelFormat: {name: huggingface}
              args: [--model_name=qwen, --model_id=Qwen/Qwen3-8B, --model_revision=abc, --max-model-len=8192]
              resources: {limits: {nvidia.com/gpu: "1"}}
    """)
    assert words(server) == "Qwen/Qwen3-8B --revision abc --max-model-len=8192"
    by_uri = only("""
        kind: InferenceService
        metadata: {name: qwen}
        spec: {predictor: {model: {modelFormat: {name: vLLM}, storageUri: "hf://Qwen/Qwen3-8B"}}}
    """)
    assert words(by_uri) == "Qwen/Qwen3-8B"


def test_several_documents_and_other_containers() -> None:
    """Services and sidecars are passed over; every server of the file is found, in order."""
    found = read(
        "kind: Service\nmetadata: {name: s}\n---\n"
        + pod("image: nginx\n")
        + "---\n"
        + pod("command: [vllm, serve, org/one]\n")
        + "---\n"
        + pod('command: ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "org/two"]\n')
    )
    assert [words(server) for server in found] == ["org/one", "--model org/two"]


def test_a_script_with_continuations_variables_and_comments() -> None:
    """The words are those that a shell would hand over, each with its line."""
    server = only(
        pod(r"""
        env: [{name: TP, value: "2"}, {name: HF_TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}]
        command: [/bin/bash, -ec]
        args:
        - |
          # start
          export A=1 && HF_HUB_OFFLINE=1 exec vllm serve "org/${NAME:-model}" \
            --tensor-parallel-size $TP \
            --chat-template '{{ messages }}' > log.txt 2>&1
        """)
    )
    assert words(server) == "org/model --tensor-parallel-size 2 --chat-template {{ messages }}"
    assert [word.line for word in server.words] == [12, 13, 13, 14, 14]
    settled_words(server)


@pytest.mark.parametrize(
    ("labels", "gpu_names"),
    [
        ("nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}", ("H100 SXM",)),
        ("nodeSelector: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB-SHARED}", ("A100 80GB SXM",)),
        ("nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}", ("L4",)),
        ("nodeSelector: {cloud.google.com/gke-accelerator: nvidia-a100-80gb}", ("A100 80GB SXM",)),
        ("nodeSelector: {cloud.google.com/gke-accelerator: nvidia-tesla-t4}", ("T4",)),
        ("nodeSelector: {node.kubernetes.io/instance-type: p5en.48xlarge}", ("H200 SXM",)),
        (
            "nodeSelector: {nvidia.com/gpu.product: NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition}",
            ("RTX PRO 6000",),
        ),
        ("nodeSelector: {eks.amazonaws.com/instance-gpu-name: l40s}", ("L40S",)),
        ("nodeSelector: {karpenter.k8s.aws/instance-gpu-name: rtx-pro-server-6000}", ("RTX PRO 6000",)),
        ("nodeSelector: {cloud.google.com/gke-accelerator: nvidia-rtx-pro-6000}", ("RTX PRO 6000",)),
        ("nodeSelector: {node.kubernetes.io/instance-type: g7e.12xlarge}", ("RTX PRO 6000",)),
        ("nodeSelector: {node.kubernetes.io/instance-type: BM.GPU.A100-v2.8}", ("A100 80GB SXM",)),
        ("nodeSelector: {node.kubernetes.io/instance-type: Standard_NV36ads_A10_v5}", ("A10",)),
        ("nodeSelector: {node.kubernetes.io/instance-type: Standard_NC40ads_H100_v5}", ("H100 NVL",)),
        ("nodeSelector: {karpenter.k8s.aws/instance-gpu-name: l40s}", ("L40S",)),
        ("nodeSelector: {kubernetes.io/os: linux, accelerator: nvidia}", ()),
    ],
)
def test_node_labels_name_the_gpu(labels: str, gpu_names: tuple[str, ...]) -> None:
    """The labels of NVIDIA's discovery, the clouds and their instance types."""
    assert only(pod("command: [vllm, serve, org/m]\n", f"  {labels}\n")).gpu_names == gpu_names


def test_a_label_of_several_gpus_is_not_guessed() -> None:
    """An A100 without its memory is 40 or 80 GB."""
    server = only(
        pod("command: [vllm, serve, m]\n", "  nodeSelector: {karpenter.k8s.aws/instance-gpu-name: a100}\n")
    )
    assert server.gpu_names == ()
    assert "A100 80GB" in (server.gpu_fault or "")


def test_affinity_allows_several_gpus() -> None:
    """Required affinity lists them; the smallest comes first."""
    affinity = """  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions:
          - {key: nvidia.com/gpu.product, operator: In, values: [NVIDIA-H200, NVIDIA-H100-80GB-HBM3]}
"""
    assert only(pod("command: [vllm, serve, m]\n", affinity)).gpu_names == ("H100 SXM", "H200 SXM")


def test_compose_services() -> None:
    """Commands as text or list, defaults of variables, and reserved devices."""
    found = read("""
        services:
          proxy: {image: nginx}
          one:
            image: vllm/vllm-openai
            command: --model ${MODEL:-org/one} --max-model-len 8192
            deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 2, capabilities: [gpu]}]}}}
          two:
            image: internal/server
            entrypoint: [vllm, serve]
            command: [org/two, --enforce-eager]
            gpus: all
    """)
    assert [words(server) for server in found] == [
        "--model org/one --max-model-len 8192",
        "org/two --enforce-eager",
    ]
    assert [server.gpus for server in found] == [2, None]
