"""Flags of `vllm serve` that do not affect GPU memory, by number of values.

Read from the parser of vLLM 0.32.0 (2026-11-22), with a few from older releases. They are accepted so that a whole
command can be checked unchanged; a flag in no table is an error that names the nearest one.
"""

from __future__ import annotations

ONE_VALUE = frozenset(
    """
    -ac -asc -dpp -r
    additional-config all2all-backend allowed-headers
    allowed-local-media-path allowed-methods allowed-origins anthropic-disabled-thinking-effort
    api-server-count attention-config aux-output-config calculate-kv-scales chat-template
    chat-template-content-format code-revision cohere-format config-format cp-kv-cache-interleave-size
    cpu-distributed-timeout-seconds custom-histogram-buckets data-parallel-rpc-port
    data-parallel-supervisor-port dbo-decode-token-threshold dbo-prefill-token-threshold
    dcp-comm-backend dcp-kv-cache-interleave-size default-chat-template-kwargs default-mm-loras device
    device-ids disable-access-log-for-endpoints distributed-timeout-seconds
    download-dir dp-supervisor-probe-failure-threshold dp-supervisor-probe-interval-s
    dp-supervisor-probe-timeout-s dp-sync-interval ec-manager-config ec-transfer-config
    elastic-ep-max-dp-size engram-config expert-placement-strategy fault-tolerance-config
    fingerprint-mode fingerprint-value gdn-prefill-backend generation-config grpc-port
    guided-decoding-backend h11-max-header-count h11-max-incomplete-event-size hf-token host
    io-processor-plugin ir-op-priority jit-monitor-mode kda-decode-backend kda-prefill-backend
    kernel-config kv-cache-metrics-sample kv-events-config kv-offloading-backend kv-offloading-size
    kv-transfer-config load-format log-config-file log-level logging-config logprobs-mode
    mamba-backend mamba-cache-philox-rounds mamba-ssu-algorithm master-addr
    master-port max-log-len max-logprobs max-lora-cls-labels
    max-num-queued-reqs max-num-queued-tokens max-num-scheduled-tokens max-parallel-loading-workers
    media-io-kwargs middleware mm-encoder-attn-backend mm-encoder-attn-dtype mm-encoder-fp8-scale-path
    mm-encoder-fp8-scale-save-margin mm-encoder-fp8-scale-save-path mm-hasher-algorithm
    mm-processor-cache-gb mm-processor-cache-type mm-processor-device mm-processor-kwargs
    mm-shm-cache-max-object-size-mb mm-tensor-ipc model-loader-extra-config moe-backend
    node-rank num-scheduler-steps offload-num-in-group offload-prefetch-step otlp-traces-endpoint
    override-generation-config per-request-spec-decode-metrics port prefill-schedule-interval
    prefix-cache-retention-interval prefix-caching-hash-algo prefix-match-unit profiler-config
    pt-load-map-location reasoning-config reasoning-parser reasoning-parser-plugin renderer-num-workers
    replayssm-buffer-len response-role revision root-path rope-scaling rope-theta
    safetensors-load-strategy safetensors-prefetch-block-size safetensors-prefetch-num-threads
    scheduler-cls scheduling-policy seed show-hidden-metrics-for-version shutdown-timeout
    sparse-indexer-topk-backend sse-keep-alive-interval ssl-ca-certs ssl-cert-reqs ssl-certfile
    ssl-ciphers ssl-keyfile stream-interval structured-outputs-config swap-space task tokenizer
    tokenizer-mode tokenizer-revision tool-call-parser tool-parser-plugin tool-server tool-strict-level
    ubatch-size uds uvicorn-log-level video-pruning-method video-pruning-rate watermark watermark-config
    weight-transfer-config worker-cls worker-extension-cls
    """.split()  # noqa: SIM905 - 150 quoted strings read worse than words
)
"""Takes one value."""

SWITCHES = frozenset(
    """
    -dph -dpm
    aggregate-engine-logging allow-credentials
    cohere-is-reasoning-model cudagraph-metrics
    data-parallel-hybrid-lb data-parallel-multi-port-external-lb dcp-q-replicate disable-cascade-attn
    disable-custom-all-reduce disable-fastapi-docs disable-log-requests
    disable-log-stats disable-nccl-for-dp-synchronization disable-uvicorn-access-log
    enable-auto-tool-choice enable-batch-sharded-sampling enable-cumem-allocator
    enable-elastic-ep enable-ep-weight-filter enable-fault-tolerance enable-flash-late-interaction
    enable-flashinfer-autotune enable-force-include-usage enable-hc-sp enable-layerwise-nvtx-tracing
    enable-log-deltas enable-log-outputs enable-log-requests enable-logging-iteration-details
    enable-mamba-cache-stochastic-rounding enable-mamba-shared-prefix-checkpoint enable-mfu-metrics
    enable-mixed-moe-lora-format enable-mm-embeds enable-moe-shared-loras enable-nccl-comm-suspend
    enable-offline-docs enable-per-request-metrics enable-prompt-embeds enable-prompt-tokens-details
    enable-reasoning enable-request-id-headers enable-return-routed-experts enable-scale-out
    enable-server-load-tracking enable-shm-tensor-arena enable-sleep-mode enable-ssl-refresh
    enable-tokenizer-info-endpoint enable-tower-connector-lora enable-trace-replay
    exclude-tools-when-tool-choice-none fail-on-environ-validation grpc headless interleave-mm-strings
    jit-monitor-verbose kv-cache-metrics log-error-stack long-prefill-token-threshold-adaptive
    mm-device-do-normalize mm-encoder-only numa-bind ray-workers-use-nsight return-sampling-mask
    return-tokens-as-token-ids scheduler-reserve-full-isl skip-tokenizer-init
    sleep-mode-offload-cudagraph specialize-active-lora swa-bounded-replay tokens-only trust-remote-code
    trust-request-chat-template trust-request-mm-kwargs use-fp64-gumbel use-replayssm use-tqdm-on-load
    use-v2-block-manager
    """.split()  # noqa: SIM905 - 150 quoted strings read worse than words
)
"""Takes none; `--no-NAME` is its opposite."""

SEVERAL_VALUES = frozenset(
    """
    allowed-media-domains api-key collect-detailed-traces cpu-offload-params ignore-patterns
    logits-processors lora-modules lora-target-modules numa-bind-cpus numa-bind-nodes offload-params
    served-model-name sleep-preserve-parameter-names
    """.split()  # noqa: SIM905 - 150 quoted strings read worse than words
)
"""Takes one or more."""

SPREAD_FLAGS = frozenset(
    [
        "-dpa",
        "-dpl",
        "-dpn",
        "-dpr",
        "data-parallel-address",
        "data-parallel-rank",
        "data-parallel-size-local",
        "data-parallel-start-rank",
    ]
)
"""With one of these, other ranks run elsewhere: the GPUs given for the command are not all."""

BACKEND_FLAGS = frozenset(["-dpb", "data-parallel-backend", "distributed-executor-backend"])
"""With `ray`, ranks may run on every machine of the cluster."""

UNMODELLED_ONE_VALUE = frozenset(
    """
    compilation-config convert diffusion-config hf-config-path hf-overrides lora-dtype
    mm-encoder-tp-mode mm-ipc-gpu-memory-gb model-class-overrides
    num-gpu-blocks-override offload-backend offload-group-size optimization-level performance-mode
    pooler-config quantization-config
    """.split()  # noqa: SIM905 - as above
)
"""May affect memory in a way that the check does not model: accepted, with a note."""

UNMODELLED_SWITCHES = frozenset(
    """
    disable-sliding-window enable-dbo fully-sharded-loras kv-sharing-fast-prefill skip-mm-profiling
    """.split()  # noqa: SIM905 - as above
)
"""The same, without a value."""

UNMODELLED_SEVERAL_VALUES = frozenset(("kv-cache-dtype-skip-layers",))
"""The same, with one or more values."""
