"""Expert parallelism and its balancing (EPLB) where there are no experts, or no GPUs to balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.refusals.start import Refusal, Start

_DENSE_DRAFT_WITH_EXPERTS = (0, 30)
"""`create_draft_parallel_config` hands the flag on to every draft in 0.30; from 0.31 only to those with experts."""


def expert_fault(start: Start) -> Refusal | None:
    """`_verify_with_expert_parallelism` of vllm/config/model.py and `_validate_parallel_config` of
    vllm/config/parallel.py, 0.17.0 to 0.33.0."""
    asked, layout, model = start.engine_args, start.engine_args.layout, start.model
    if layout.enable_expert_parallel and start.is_dense:
        return Refusal(
            "parallel_layout",
            f"--enable-expert-parallel: {model.architecture} has no experts",
            ({"enable_expert_parallel": False},),
        )
    if layout.enable_expert_parallel and start.release.minor == _DENSE_DRAFT_WITH_EXPERTS:
        draft = model.draft_facts
        if draft is not None and not draft.is_moe:
            return Refusal(
                "parallel_layout",
                f"vLLM {start.release} applies --enable-expert-parallel to the draft model, which has no experts; "
                "0.29 and 0.31 do not",
                ({"enable_expert_parallel": False},),
            )
    return _balancing_fault(start) if asked.enable_eplb else _redundant_fault(start)


def _balancing_fault(start: Start) -> Refusal | None:
    asked, layout = start.engine_args, start.engine_args.layout
    without = {"enable_eplb": False}
    if not layout.enable_expert_parallel:
        return Refusal(
            "parallel_layout",
            "--enable-eplb needs --enable-expert-parallel",
            ({"enable_expert_parallel": True}, without),
        )
    gpus = layout.tensor_parallel_size * layout.data_parallel_size * asked.prefill_context_parallel_size
    if gpus <= 1:
        return Refusal(
            "parallel_layout",
            "--enable-eplb needs several GPUs to balance: --tensor-parallel-size or --data-parallel-size above 1",
            (without,),
        )
    experts, redundant = start.model.sizes.num_experts, _redundant(start)
    if experts and (experts + redundant) % gpus:
        more = -(-(experts + redundant) // gpus) * gpus - experts
        config = {**_config(start), "num_redundant_experts": more}
        return Refusal(
            "parallel_layout",
            f"--enable-eplb: {experts} experts and {redundant} redundant ones do not divide among {gpus} GPUs",
            ({"eplb_config": config}, without),
        )
    return None


def _redundant_fault(start: Start) -> Refusal | None:
    redundant = _redundant(start)
    if not redundant:
        return None
    return Refusal(
        "parallel_layout",
        f"--eplb-config: num_redundant_experts {redundant} needs --enable-eplb",
        (
            {"enable_eplb": True},
            {"eplb_config": {**_config(start), "num_redundant_experts": 0}},
        ),
    )


def _redundant(start: Start) -> int:
    found = _config(start).get("num_redundant_experts")
    return found if type(found) is int else 0


def _config(start: Start) -> Mapping[str, Any]:
    """`--eplb-config` as given."""
    return start.engine_args.eplb_config or {}
