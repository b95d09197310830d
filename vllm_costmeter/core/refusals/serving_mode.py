"""`--data-parallel-external-lb` and `--runner generate` for models that are not served so."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start

_EXPERTS_ONLY = (0, 21)


def serving_mode_fault(start: Start) -> Refusal | None:
    """`EngineArgs.create_engine_config`, `_validate_parallel_config` of vllm/config/parallel.py and `__post_init__` of
    vllm/config/model.py, 0.17.0 to 0.33.0."""
    asked, model = start.engine_args, start.model
    is_encoder = model.is_pooling and not model.attention.layers and model.not_understood is None
    if asked.runner == "generate" and is_encoder:
        return Refusal(
            "runner", f"--runner generate: {model.architecture} generates no text", ({"runner": "pooling"},)
        )
    if not asked.data_parallel_external_lb:
        return None
    inside = ({"data_parallel_external_lb": False},)
    if asked.layout.data_parallel_size == 1:
        return Refusal(
            "parallel_layout", "--data-parallel-external-lb needs --data-parallel-size above 1", inside
        )
    if start.is_dense and start.release.minor >= _EXPERTS_ONLY:
        return Refusal(
            "parallel_layout",
            f"--data-parallel-external-lb: {model.architecture} has no experts, so its replicas are independent: start "
            "each without --data-parallel flags",
            inside,
        )
    return None
