"""The reports of 0.31, 0.32 and 0.33 name what each rule that is keyed by one of those releases rests on.

Tried backwards: the rules were read by hand; the committed reports are what `make upstream` would have said.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import vllm_costmeter

PACKAGE = Path(vllm_costmeter.__file__).parent
REPORTS = Path(__file__).resolve().parents[3] / "docs" / "upstream"
RELEASES = ((0, 31), (0, 32), (0, 33))

RUNNER = "VllmConfig._get_v2_model_runner_unsupported_features"
KEYED: dict[tuple[str, tuple[int, int]], tuple[int, tuple[str, ...]]] = {
    ("core/engine/concurrent_batches.py", (0, 33)): (1, ("v1_async_sched_incompat",)),
    ("core/engine/config.py", (0, 33)): (1, ("get_device_total_memory",)),
    ("core/engine/release_rules.py", (0, 33)): (1, ("GPUModelRunner._dummy_sampler_run",)),
    ("core/engine/runner_choice.py", (0, 31)): (4, (RUNNER, "VllmConfig.use_v2_model_runner")),
    ("core/engine/runner_choice.py", (0, 32)): (4, (RUNNER, "VllmConfig.use_v2_model_runner")),
    ("core/engine/runner_choice.py", (0, 33)): (3, (RUNNER, "Step5ForCausalLM")),
    ("core/engine/runner_flags.py", (0, 31)): (1, (RUNNER,)),
    ("core/engine/runner_flags.py", (0, 32)): (1, (RUNNER,)),
    ("core/kv_cache/rules.py", (0, 31)): (1, ("_get_sm90_fa4_fp8_kv_block_size",)),
    ("core/kv_cache/rules.py", (0, 32)): (1, ("GlmMoeDsaForCausalLM", "MambaMixer2.get_kv_cache_spec")),
    ("core/kv_cache/rules.py", (0, 33)): (
        1,
        ("get_prefill_checkpoint_alignment", "_align_hybrid_block_size"),
    ),
    ("core/memory/above_budget.py", (0, 33)): (1, ("GPUModelRunner._dummy_sampler_run",)),
    ("core/memory/cuda_graphs.py", (0, 31)): (1, ("_set_cudagraph_sizes",)),
    ("core/memory/first_start.py", (0, 31)): (1, ("_scoped_allocator_max_split",)),
    ("core/model/rank.py", (0, 32)): (1, ("mrope_positions_factor",)),
    ("core/model/weights.py", (0, 33)): (1, ("_mark_tower_model",)),
    ("core/quantization/schemes/mxfp4_layouts.py", (0, 32)): (1, ("_supports_current_device",)),
    ("core/refusals/drafter_layout.py", (0, 33)): (1, ("SpeculativeConfig", RUNNER)),
    ("core/refusals/drafting.py", (0, 33)): (1, ("max_num_new_slots_for_drafting",)),
    ("core/refusals/hybrid_prefixes.py", (0, 33)): (1, ("MambaModelConfig",)),
    ("core/refusals/kv_cache_dtype.py", (0, 32)): (2, ("ultraquant", "nvfp4")),
    ("core/refusals/kv_cache_dtype.py", (0, 33)): (
        2,
        ("CacheConfig.cache_dtype", "_reject_mismatched_float_kv_cache"),
    ),
    ("core/refusals/prediction_models.py", (0, 33)): (5, ("Step5ForCausalLM", "RadioMBartPrefixForCausalLM")),
    ("core/refusals/prefill_context.py", (0, 31)): (1, ("pcp_manager.py",)),
    ("core/refusals/prefill_context.py", (0, 32)): (1, ("pcp_manager.py",)),
    ("core/refusals/scheduler.py", (0, 31)): (1, ("max_num_active_seqs",)),
    ("core/refusals/speculative_keys.py", (0, 33)): (
        6,
        (
            *("disable_lookahead_block_hashes", "draft_lm_head_quantization", "fly_entropy_threshold"),
            *("fly_entropy_top_k", "fly_window_size", "xpress_topc", "SpeculativeMethod"),
        ),
    ),
    ("core/release.py", (0, 33)): (1, ("vLLM 0.33.0",)),
}
"""(our file, release): how often it stands there, and what the release's report says about it."""
NOT_NAMED = {
    (
        "sources/serve_args/environment.py",
        (0, 33),
    ): "a variable that 0.33 no longer reads; reports compare no environment",
    ("core/fit/drafted_length.py", (0, 33)): "a new function, and no definition of a refusal or a size",
    (
        "core/memory/drafts.py",
        (0, 31),
    ): "found by reading the drafters' profile run, which nothing of ours had cited",
    ("core/memory/drafts.py", (0, 32)): "the same",
    (
        "core/refusals/speculative_keys.py",
        (0, 32),
    ): "the last release of two methods; 0.33's report says they went",
    (
        "core/refusals/architecture_release.py",
        (0, 32),
    ): "an error of one model's code, which only building it shows",
}
"""What a comparison of sources does not tell, and why."""


def test_every_rule_keyed_by_one_of_these_releases_is_listed() -> None:
    """A new one is added with what the report says about it."""
    found: Counter[tuple[str, tuple[int, int]]] = Counter()
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Tuple) and 2 <= len(node.elts) <= 3:
                numbers = [each.value for each in node.elts if isinstance(each, ast.Constant)]
                if len(numbers) == len(node.elts) and tuple(numbers[:2]) in RELEASES:
                    found[file.relative_to(PACKAGE).as_posix(), (0, int(str(numbers[1])))] += 1
    for place in NOT_NAMED:
        found.pop(place, None)
    assert dict(found) == {place: count for place, (count, _) in KEYED.items()}


@pytest.mark.parametrize("place", KEYED, ids=lambda place: f"{place[0]} {place[1]}")
def test_its_release_s_report_names_it(place: tuple[str, tuple[int, int]]) -> None:
    report = (REPORTS / f"{place[1][0]}.{place[1][1]}.0.md").read_text()
    assert [said for said in KEYED[place][1] if said not in report] == []
