"""Every flag of `vllm serve`, in every release that was read, is modelled, noted, or known to change no memory."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.flags import SPECULATIVE_PARTS
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS
from vllm_costmeter.sources.serve_args.given import BACKENDS, SPREAD, UNMODELLED
from vllm_costmeter.sources.serve_args.read import read_command
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

READ = frozenset(
    """
    config cp_kv_cache_interleave_size dcp_kv_cache_interleave_size device_ids ec_transfer_config
    gdn_prefill_backend hf_overrides hf_token kda_prefill_backend kv_events_config kv_offloading_backend
    kv_offloading_size kv_transfer_config mm_encoder_only model nnodes revision
    """.split()  # noqa: SIM905 - quoted strings read worse than words
)
"""Read beside those that are fields of EngineArgs."""

HARMLESS = frozenset(
    """
    aggregate_engine_logging allow_credentials allowed_headers allowed_local_media_path allowed_media_domains
    allowed_methods allowed_origins anthropic_disabled_thinking_effort api_key api_server_count
    calculate_kv_scales chat_template chat_template_content_format code_revision cohere_format
    cohere_is_reasoning_model collect_detailed_traces config_format cpu_distributed_timeout_seconds
    cudagraph_metrics custom_histogram_buckets data_parallel_hybrid_lb data_parallel_multi_port_external_lb
    data_parallel_rpc_port data_parallel_supervisor_port dbo_decode_token_threshold dbo_prefill_token_threshold
    default_chat_template_kwargs disable_access_log_for_endpoints disable_cascade_attn disable_fastapi_docs
    disable_frontend_multiprocessing disable_log_requests disable_log_stats disable_nccl_for_dp_synchronization
    disable_uvicorn_access_log distributed_timeout_seconds download_dir dp_supervisor_probe_failure_threshold
    dp_supervisor_probe_interval_s dp_supervisor_probe_timeout_s dp_sync_interval elastic_ep_max_dp_size
    enable_auto_tool_choice enable_ep_weight_filter enable_fault_tolerance enable_flash_late_interaction
    enable_flashinfer_autotune enable_force_include_usage enable_layerwise_nvtx_tracing enable_log_deltas
    enable_log_outputs enable_log_requests enable_logging_iteration_details
    enable_mamba_cache_stochastic_rounding enable_mfu_metrics enable_mm_embeds enable_nccl_comm_suspend
    enable_offline_docs enable_per_request_metrics enable_prompt_tokens_details enable_request_id_headers
    enable_scale_out enable_server_load_tracking enable_shm_tensor_arena enable_ssl_refresh
    enable_tokenizer_info_endpoint exclude_tools_when_tool_choice_none fail_on_environ_validation
    fault_tolerance_config fingerprint_mode fingerprint_value generation_config grpc grpc_port
    h11_max_header_count h11_max_incomplete_event_size headless help host ignore_patterns interleave_mm_strings
    io_processor_plugin ir_op_priority jit_monitor_mode jit_monitor_verbose kv_cache_metrics
    kv_cache_metrics_sample load_format log_config_file log_error_stack log_level logging_config
    logits_processor_pattern long_prefill_token_threshold_adaptive lora_modules mamba_cache_philox_rounds
    master_addr master_port max_log_len max_logprobs max_long_partial_prefills max_num_partial_prefills
    max_num_queued_reqs max_num_queued_tokens max_parallel_loading_workers media_io_kwargs middleware
    mm_encoder_fp8_scale_save_margin mm_encoder_fp8_scale_save_path mm_hasher_algorithm mm_processor_cache_gb
    mm_processor_cache_type mm_shm_cache_max_object_size_mb model_loader_extra_config node_rank numa_bind
    numa_bind_cpus numa_bind_nodes otlp_traces_endpoint override_generation_config
    per_request_spec_decode_metrics port prefill_schedule_interval prefix_caching_hash_algo profiler_config
    pt_load_map_location ray_workers_use_nsight reasoning_config reasoning_effort_map reasoning_parser
    reasoning_parser_plugin renderer_num_workers response_role return_tokens_as_token_ids root_path
    safetensors_load_strategy safetensors_prefetch_block_size safetensors_prefetch_num_threads scheduler_cls
    scheduler_reserve_full_isl scheduling_policy seed served_model_name show_hidden_metrics_for_version
    shutdown_timeout skip_tokenizer_init sleep_mode_offload_cudagraph sleep_preserve_parameter_names
    sse_keep_alive_interval ssl_ca_certs ssl_cert_reqs ssl_certfile ssl_ciphers ssl_keyfile stream_interval
    structured_outputs_config swap_space tokenizer tokenizer_mode tokenizer_revision tokens_only
    tool_call_parser tool_parser_plugin tool_server tool_strict_level trust_remote_code
    trust_request_chat_template trust_request_mm_kwargs uds use_tqdm_on_load uvicorn_log_level watchdog_config
    watermark
    """.split()  # noqa: SIM905 - quoted strings read worse than words
)
"""Of the HTTP server, logs, files, the scheduler's order or host memory: by their names, and by their descriptions in
vllm/config of 0.33.0 where a name says too little, none changes GPU memory."""


@pytest.mark.parametrize("release", flag_table().releases)
def test_no_flag_is_passed_over(release: str) -> None:
    """A flag of a new release has to be put into one of the four."""
    modelled = {*(flag.field for flag in MEMORY_FLAGS), *SPECULATIVE_PARTS, *SPREAD, *BACKENDS, *READ}
    known = modelled | UNMODELLED | HARMLESS
    assert set(flag_table().at(release_of(release).number).by_dest) - known == set()


def test_a_flag_without_effect_is_in_no_other_list() -> None:
    """Nor is a name in the list that no release has."""
    others = {*(flag.field for flag in MEMORY_FLAGS), *UNMODELLED, *READ, *SPREAD, *BACKENDS}
    assert HARMLESS & others == set()
    of_vllm = {
        dest for name in flag_table().releases for dest in flag_table().at(release_of(name).number).by_dest
    }
    assert HARMLESS - of_vllm == set()


@pytest.mark.parametrize(
    "words",
    [
        ("--use-replayssm",),
        ("--replayssm-buffer-len", "64"),
        ("--mamba-backend", "flashinfer"),
        ("--specialize-active-lora",),
        ("--enable-prompt-embeds",),
        ("--enable-sleep-mode",),
        ("--enable-cumem-allocator",),
        ("--moe-backend", "triton"),
        ("--worker-cls", "mine.Worker"),
        ("--video-pruning-rate", "0.5"),
        ("--ubatch-size", "4"),
        ("--additional-config", '{"gdn_prefill_backend": "triton"}'),
    ],
    ids=lambda words: words[0],
)
def test_a_flag_that_may_change_memory_is_noted(words: tuple[str, ...]) -> None:
    """By its name."""
    assert read_command(["MODEL", *words], release_of("0.32.0")).flags.unmodelled == (words[0],)


def test_the_plugins_own_settings_are_no_change_of_vllms() -> None:
    """They are given in --additional-config too."""
    words = ["MODEL", "--additional-config", '{"costmeter": {"gpu": "H100 SXM"}}']
    assert read_command(words, release_of("0.32.0")).flags.unmodelled == ()
