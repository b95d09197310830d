"""Objects whose operators write the command: each kind's model, flags and GPUs, as its operator has them."""

from __future__ import annotations

import pytest
from manifests import only, read, words


def test_a_disaggregated_set_has_a_server_per_role() -> None:
    """Each role is a LeaderWorkerSet: its size multiplies the GPUs, its name is in the title."""
    text = """
        kind: DisaggregatedSet
        metadata: {name: x}
        spec:
          roles:
          - {name: prefill, spec: {leaderWorkerTemplate: {size: 1, workerTemplate: {spec: {containers: [CONTAINER]}}}}}
          - {name: decode, spec: {leaderWorkerTemplate: {size: 2, workerTemplate: {spec: {containers: [CONTAINER]}}}}}
    """
    container = "{name: c, image: vllm/vllm-openai, args: [o/m], resources: {limits: {nvidia.com/gpu: 8}}}"
    found = read(text.replace("CONTAINER", container))
    assert [server.name for server in found] == [
        "DisaggregatedSet x, prefill, container c",
        "DisaggregatedSet x, decode, container c",
    ]
    assert [server.gpus for server in found] == [8, 16]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("args: ['python3 -m dynamo.vllm --model o/m -tp 2 --is-prefill-worker']", "--model o/m -tp 2"),
        ("args: [python3 -m dynamo.vllm, --model, o/m, --dyn-tool-call-parser, hermes]", "--model o/m"),
        (
            "command: [python3, -m, dynamo.vllm], args: [--model, o/m, --connector, kvbm, nixl, --enforce-eager]",
            "--model o/m --enforce-eager",
        ),
        (
            "command: [sh, -c], args: ['exec python3 -m dynamo.vllm --model=o/m --migration-limit=3']",
            "--model=o/m",
        ),
    ],
)
def test_a_dynamo_worker_keeps_the_flags_of_vllm(part: str, expected: str) -> None:
    """Dynamo's own flags are left out with their values; `gpu: "2"` and two nodes are four GPUs."""
    server = only(f"""
        kind: DynamoGraphDeployment
        metadata: {{name: x}}
        spec:
          services:
            Frontend: {{extraPodSpec: {{mainContainer: {{image: f, command: [python3, -m, dynamo.frontend]}}}}}}
            Worker:
              resources: {{limits: {{gpu: "2"}}}}
              multinode: {{nodeCount: 2}}
              extraPodSpec: {{mainContainer: {{image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.0, {part}}}}}
    """)
    assert (server.name, words(server), server.gpus) == (
        "DynamoGraphDeployment x, Worker",
        expected,
        4,
    )


def test_dynamo_components_of_the_newer_shape() -> None:
    """v1beta1 has pod templates; an engine that is not a language model is said to be not read."""
    text = """
        kind: DynamoGraphDeployment
        metadata: {name: x}
        spec:
          components:
          - name: worker
            podTemplate:
              spec:
                containers:
                - {name: main, image: r/vllm-runtime, command: [python3, -m, dynamo.vllm], args: [--model, o/m MORE]}
    """
    assert words(only(text.replace(" MORE", ""))) == "--model o/m"
    server = only(text.replace(" MORE", ", --omni"))
    assert server.not_read == "python -m dynamo.vllm --omni is not read"


RAY = """
    kind: RayService
    metadata: {name: x}
    spec:
      serveConfigV2: |
        applications:
        - name: llm
          import_path: ray.serve.llm:build_openai_app
          args:
            llm_configs:
            - model_loading_config: {model_id: q, model_source: o/m}
              accelerator_type: L40S
              engine_kwargs: {max_model_len: 8192, enforce_eager: true, enable_prefix_caching: false,
                              hf_overrides: {rope_theta: 1.5}}
"""


def test_ray_serve_passes_engine_arguments_by_their_python_names() -> None:
    """With the line of the text inside the text, and the accelerator by Ray's name."""
    server = only(RAY)
    assert words(server) == (
        'o/m --max-model-len 8192 --enforce-eager --no-enable-prefix-caching --hf-overrides {"rope_theta": 1.5}'
    )
    assert (server.name, server.gpu_names) == ("RayService x, application llm, model q", ("L40S",))
    assert server.place.line == 13


def test_ray_code_that_stands_elsewhere_is_not_read() -> None:
    """An application that imports its own code."""
    server = only(RAY[: RAY.index("          args")])
    assert server.not_read == "it imports ray.serve.llm:build_openai_app, which is not in the file"


def test_a_head_serves_over_all_pods_of_its_ray_cluster() -> None:
    """AIBrix's RayClusterFleet: a head and one worker of 8 GPUs each."""
    pod = (
        "{spec: {containers: [{name: c, image: vllm/vllm-openai, command: [sh, -c, 'COMMAND'], RESOURCES}]}}"
    )
    pod = pod.replace("RESOURCES", "resources: {limits: {nvidia.com/gpu: 8}}")
    server = only(f"""
        kind: RayClusterFleet
        metadata: {{name: x}}
        spec:
          template:
            spec:
              headGroupSpec: {{template: {pod.replace("COMMAND", "ray start --head; vllm serve o/m -tp 16")}}}
              workerGroupSpecs: [{{replicas: 1, template: {pod.replace("COMMAND", "ray start --block")}}}]
    """)
    assert (words(server), server.gpus) == ("o/m -tp 16", 16)


def test_kubeai_profiles_name_gpu_and_count() -> None:
    """`nvidia-gpu-l4:2`; another engine is no vLLM, and a CPU profile is not judged."""
    text = """
        apiVersion: kubeai.org/v1
        kind: Model
        metadata: {name: x}
        spec: {engine: VLLM, url: "hf://o/m", args: [--max-model-len=8192], resourceProfile: "nvidia-gpu-l4:2"}
    """
    server = only(text)
    assert (words(server), server.gpus, server.gpu_names) == ("o/m --max-model-len=8192", 2, ("L4",))
    assert only(text.replace("nvidia-gpu-l4:2", "cpu:2")).not_read is not None


def test_the_production_stack_by_operator_and_by_values() -> None:
    """A VLLMRuntime and the chart's values have the same settings; a MIG profile is the slice."""
    runtime = only("""
        kind: VLLMRuntime
        metadata: {name: x}
        spec:
          model: {modelURL: o/m, maxModelLen: 4096}
          vllmConfig: {tensorParallelSize: 2, gpuMemoryUtilization: "0.8", extraArgs: [--enforce-eager]}
          deploymentConfig: {resources: {gpu: "2"}, image: {name: "lmcache/vllm-openai:v0.3.9"}}
    """)
    assert words(runtime) == (
        "o/m --max-model-len 4096 --tensor-parallel-size 2 --gpu-memory-utilization 0.8 --enforce-eager"
    )
    assert runtime.gpus == 2
    values = only("""
        servingEngineSpec:
          modelSpec:
          - name: q
            repository: vllm/vllm-openai
            tag: v0.32.0
            modelURL: o/m
            requestGPU: 1
            requestGPUType: nvidia.com/mig-3g.40gb
            vllmConfig: {maxModelLen: 8192, enablePrefixCaching: false}
    """)
    assert words(values) == "o/m --max-model-len 8192 --no-enable-prefix-caching"
    assert (values.image, values.mig_profile) == ("vllm/vllm-openai:v0.32.0", "3g.40gb")


def test_the_values_of_vllms_own_chart() -> None:
    """The command stands under `image`, the GPU under `gpuModels`."""
    server = only("""
        image: {repository: vllm/vllm-openai, tag: v0.32.0, command: [vllm, serve, o/m, --dtype, bfloat16]}
        resources: {limits: {nvidia.com/gpu: 1}}
        gpuModels: [NVIDIA-L4]
    """)
    assert (words(server), server.gpus, server.gpu_names) == ("o/m --dtype bfloat16", 1, ("L4",))


def test_dynamo_nodes_and_devices() -> None:
    """Two nodes of one GPU each serve two ranks; part of a GPU's memory is not the GPU."""
    container = (
        "{name: main, image: r/vllm-runtime, command: [python3, -m, dynamo.vllm], args: [--model, o/m, -tp, '2'], "
        "resources: {limits: {nvidia.com/gpu: 1}}}"
    )
    server = only(f"""
        kind: DynamoGraphDeployment
        metadata: {{name: x}}
        spec:
          components:
          - {{name: decode, multinode: {{nodeCount: 2}}, podTemplate: {{spec: {{containers: [{container}]}}}}}}
    """)
    assert (server.name, server.gpus) == ("DynamoGraphDeployment x, decode, container main", 2)
    sliced = only("""
        kind: DynamoGraphDeployment
        metadata: {name: x}
        spec:
          services:
            Worker:
              device: {resources: {nvidia.com/gpu: "1", nvidia.com/gpumem: "3000"}}
              extraPodSpec: {mainContainer: {command: [python3, -m, dynamo.vllm], args: [--model=m]}}
    """)
    assert "nvidia.com/gpumem" in (sliced.not_read or "")
