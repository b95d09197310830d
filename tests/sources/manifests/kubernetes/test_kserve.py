"""KServe's objects: what its controllers start for them."""

from __future__ import annotations

from manifests import only, read, words


def test_an_llm_inference_service() -> None:
    """The address names model and revision, `parallelism` the sizes, VLLM_ADDITIONAL_ARGS the rest."""
    first, prefill = read("""
        kind: LLMInferenceService
        metadata: {name: x}
        spec:
          model: {uri: "hf://o/m:abc"}
          parallelism: {tensor: 2, data: 8, dataLocal: 4, expert: true}
          template:
            nodeSelector: {nvidia.com/gpu.product: NVIDIA-H200}
            containers:
            - name: main
              env: [{name: VLLM_ADDITIONAL_ARGS, value: "--max-model-len 8192 --enforce-eager"}]
              resources: {limits: {nvidia.com/gpu: "8"}}
          worker: {containers: [{name: main}]}
          prefill: {template: {containers: [{name: main, resources: {limits: {nvidia.com/gpu: 1}}}]}}
    """)
    assert words(first) == (
        "o/m --revision abc --tensor-parallel-size 2 --data-parallel-size 8 --data-parallel-size-local 4 "
        "--enable-expert-parallel --max-model-len 8192 --enforce-eager"
    )
    assert (first.gpus, first.gpu_names) == (16, ("H200 SXM",))
    assert (prefill.name, words(prefill), prefill.gpus) == (
        "LLMInferenceService x, prefill, container main",
        "o/m --revision abc",
        1,
    )


def test_a_serving_runtime_serves_the_models_of_its_services() -> None:
    """The service's arguments follow the runtime's, its model stands for /mnt/models, `{{.Name}}` is its name."""
    server = only("""
        apiVersion: serving.kserve.io/v1alpha1
        kind: ServingRuntime
        metadata: {name: vllm}
        spec:
          supportedModelFormats: [{name: vLLM}]
          containers:
          - name: kserve-container
            image: quay.io/modh/vllm:0.17
            command: [python, -m, vllm.entrypoints.openai.api_server]
            args: ["--model=/mnt/models", "--served-model-name={{.Name}}", --max-model-len=4096]
            resources: {limits: {nvidia.com/gpu: "1"}}
        ---
        apiVersion: serving.kserve.io/v1beta1
        kind: InferenceService
        metadata: {name: qwen}
        spec:
          predictor:
            model:
              modelFormat: {name: vLLM}
              runtime: vllm
              storageUri: hf://o/m
              args: [--max-model-len=8192]
              resources: {limits: {nvidia.com/gpu: "2"}}
    """)
    assert words(server) == "--model=o/m --served-model-name=qwen --max-model-len=4096 --max-model-len=8192"
    assert (server.gpus, server.image) == (2, "quay.io/modh/vllm:0.17")


def test_a_runtime_that_stands_elsewhere_is_said() -> None:
    """Its own flags are not known here."""
    server = only("""
        kind: InferenceService
        metadata: {name: x}
        spec: {predictor: {model: {modelFormat: {name: vLLM}, runtime: mine, storageUri: "hf://o/m"}}}
    """)
    assert server.notes == ("ServingRuntime mine is not in the file: its own flags are not counted",)


def test_a_predictor_over_several_pods() -> None:
    """`workerSpec` has the parallel sizes; each pipeline stage is a pod."""
    server = only("""
        kind: InferenceService
        metadata: {name: x}
        spec:
          predictor:
            model:
              modelFormat: {name: huggingface}
              storageUri: hf://o/m
              resources: {limits: {nvidia.com/gpu: "4"}}
            workerSpec: {pipelineParallelSize: 2, tensorParallelSize: 4}
    """)
    assert words(server) == "o/m --pipeline-parallel-size 2 --tensor-parallel-size 4"
    assert server.gpus == 8
