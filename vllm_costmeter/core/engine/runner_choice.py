"""Which of vLLM's two model runners serves a model (`VllmConfig.use_v2_model_runner`, 0.22 to 0.33).

Not seen from here, and hence taken as vLLM's defaults: a machine without Triton or pinned memory (WSL serves with the
first runner), custom logits processors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.release_rules import EngineRules
from vllm_costmeter.core.engine.runner_flags import first_runner_flag
from vllm_costmeter.core.engine.runners import Runner
from vllm_costmeter.core.model.draft_facts import DraftFacts, drafting_method
from vllm_costmeter.core.release import Version

if TYPE_CHECKING:
    from vllm_costmeter.core.model.model import Model

LISTED_ARCHITECTURES: dict[str, Version] = {
    "DeepseekV2ForCausalLM": (0, 24, 0),
    "GraniteMoeForCausalLM": (0, 24, 0),
    "Qwen2MoeForCausalLM": (0, 24, 0),
    "InklingForCausalLM": (0, 26, 0),
    "InklingForConditionalGeneration": (0, 26, 0),
    "LongcatFlashNgramForCausalLM": (0, 26, 0),
    "KimiK3ForConditionalGeneration": (0, 27, 0),
    "DeepseekV4ForCausalLM": (0, 28, 0),
}
"""DEFAULT_V2_MODEL_RUNNER_ARCHITECTURES of vllm/config/vllm.py: served by the second runner although they are
mixtures of experts or hybrids, each since its release, until 0.29 served all."""
_FIRST_ARCHITECTURES: dict[str, Version] = {
    "Qwen3ForCausalLM": (0, 22, 0),
    "LlamaForCausalLM": (0, 23, 0),
    "MistralForCausalLM": (0, 23, 0),
}
"""Dense ones of that list, before every dense model that generates was served so."""
_NEVER: Version = (1 << 16, 0, 0)
_QUANTIZED_TOO: Version = (0, 24, 0)
_DENSE_TOO: Version = (0, 25, 0)

_ROCM_EXCLUDED: tuple[tuple[Version, frozenset[str]], ...] = (
    ((0, 27, 0), frozenset({"KimiK3ForConditionalGeneration"})),
    ((0, 28, 0), frozenset({"DeepseekV4ForCausalLM"})),
    ((0, 29, 0), frozenset({"DeepseekV32ForCausalLM", "DeepseekV4ForCausalLM"})),
    ((0, 30, 0), frozenset({"DeepseekV32ForCausalLM", "DeepseekV4ForCausalLM", "GlmMoeDsaForCausalLM"})),
    ((0, 32, 0), frozenset()),
)
"""Architectures that the first runner serves on AMD's GPUs, by the first release of the list."""
_ROCM_YIELDS: Version = (0, 31, 0)
"""From here on not where the first runner would refuse the start."""
_FIRST_IS_ASKED: Version = (0, 29, 0)
_PIPELINES_ONE_BATCH: Version = (0, 31, 0)
_STEP5: Version = (0, 33, 0)
_STEP5_NAMES = ("Step5ForCausalLM", "Step5ForConditionalGeneration")

_FIRST_LISTED: dict[object, Version] = {
    **dict.fromkeys(("eagle", "eagle3", "mtp"), (0, 22, 0)),
    "dflash": (0, 24, 0),
    "dspark": (0, 25, 0),
    "extract_hidden_states": (0, 29, 0),
}
"""Speculative methods that the second runner supports up to 0.29, each since its release."""
_WITHOUT_V2: tuple[tuple[Version, frozenset[str]], ...] = (
    (
        (0, 30, 0),
        frozenset(
            {"ngram", "ngram_gpu", "draft_model", "suffix", "medusa", "mlp_speculator", "custom_class"}
        ),
    ),
    ((0, 31, 0), frozenset({"ngram", "ngram_gpu", "suffix", "medusa", "mlp_speculator", "custom_class"})),
    ((0, 32, 0), frozenset({"suffix", "medusa", "mlp_speculator", "custom_class"})),
    ((0, 33, 0), frozenset({"suffix", "custom_class"})),
)
"""Those that it does not support from 0.30 on, by the first release of the list."""
_SPLITS_PROMPTS: Version = (0, 27, 0)
_MIXES_WINDOWS: Version = (0, 26, 0)
_SECOND_DRAFTERS: dict[str, Version] = {
    "DFlash2DraftModel": (0, 28, 0),
    "LiLiCorrDraftModel": (0, 31, 0),
    "DFlash2BeamDraftModel": (0, 33, 0),
}
"""DFlash drafters whose candidate heads the first runner lacks (`_is_dflash_candidate_draft`)."""
_DRAFTS_IN_PARALLEL = frozenset({"dflash", "dspark"})
_VOCABULARY_IS_ASKED: Version = (0, 32, 0)
_ALL_STATES_UNSUPPORTED: tuple[Version, Version] = ((0, 30, 0), (0, 32, 0))
"""From, and before: the releases in which --mamba-cache-mode all has the first runner."""


def runner_of(rules: EngineRules, model: Model, engine_args: EngineArgs, release: Version) -> Runner:
    """The runner that serves `model` under these flags."""
    if rules.v2 is None:
        return rules.v1
    if engine_args.second_runner is not None:
        return rules.v2 if engine_args.second_runner else rules.v1
    if release < _FIRST_IS_ASKED and only_in_second(engine_args, release, model.draft_facts) is not None:
        return rules.v2
    is_listed = LISTED_ARCHITECTURES.get(model.architecture, _NEVER) <= release
    is_dense = not (model.is_moe or model.is_hybrid or model.is_pooling)
    if release < _DENSE_TOO:
        is_dense = is_dense and _FIRST_ARCHITECTURES.get(model.architecture, _NEVER) <= release
        # by `quantization_config` of config.json alone
        is_quantized = model.quantization not in (None, "gguf")
        if model.is_pooling or (is_quantized and release < _QUANTIZED_TOO):
            return rules.v1
    if not (rules.v2_is_for_all or is_listed or is_dense):
        return rules.v1
    lacking = lacking_in_second(engine_args, release, model.draft_facts)
    return rules.v2 if lacking is None else rules.v1


def is_first_on_rocm(
    architecture: str, engine_args: EngineArgs, release: Version, draft: DraftFacts | None = None
) -> bool:
    """Whether a server on AMD's GPUs has the first runner, unless VLLM_USE_V2_MODEL_RUNNER says otherwise."""
    lists = [names for since, names in _ROCM_EXCLUDED if since <= release]
    yields = (
        release >= _ROCM_YIELDS and lacking_in_first(architecture, engine_args, release, draft) is not None
    )
    return bool(lists) and architecture in lists[-1] and not yields


def lacking_in_first(
    architecture: str, engine_args: EngineArgs, release: Version, draft: DraftFacts | None = None
) -> str | None:
    """What the first runner refuses to serve from 0.29 on (`_get_v1_model_runner_unsupported_features`); None: nothing
    that is known here."""
    if release < _FIRST_IS_ASKED:
        return None
    is_pipelined = engine_args.layout.pipeline_parallel_size > 1
    if is_pipelined and engine_args.async_scheduling and release >= _PIPELINES_ONE_BATCH:
        return "--async-scheduling with --pipeline-parallel-size"
    if architecture in _STEP5_NAMES and release >= _STEP5:
        return architecture
    return only_in_second(engine_args, release, draft)


def only_in_second(engine_args: EngineArgs, release: Version, draft: DraftFacts | None) -> str | None:
    """What of these flags only the second runner implements, so that it serves them whatever the model
    (`use_v2_model_runner`, 0.25 to 0.28), and the first refuses them later; None: nothing."""
    if engine_args.prefill_context_parallel_size > 1 and release >= _SPLITS_PROMPTS:
        return "--prefill-context-parallel-size"
    method = drafting_method(engine_args.speculative_config or {}, draft)
    if method == "dspark" and release >= _FIRST_LISTED["dspark"]:
        return "the speculative method dspark"
    if draft is None or not (
        method == "dflash" or (method is None and draft.architecture.startswith("DFlash"))
    ):
        return None
    if draft.mixes_windows and release >= _MIXES_WINDOWS:
        return "a DFlash drafter that mixes windows and full attention"
    since = _SECOND_DRAFTERS.get(draft.architecture)
    return draft.architecture if since is not None and since <= release else None


def is_second_by_default(engine_args: EngineArgs, release: Version) -> bool:
    """Whether the second runner serves every model under these flags, in releases from 0.29 on."""
    if engine_args.second_runner is not None:
        return engine_args.second_runner
    return lacking_in_second(engine_args, release) is None


def lacking_in_second(
    engine_args: EngineArgs, release: Version, draft: DraftFacts | None = None
) -> str | None:
    """What of these flags the second runner does not support, so that by default the first one serves them; None:
    nothing. `_get_v2_model_runner_unsupported_features`, 0.22 to 0.33, without what --compilation-config sets."""
    first, end = _ALL_STATES_UNSUPPORTED
    if engine_args.mamba_cache_mode == "all" and first <= release < end:
        return "--mamba-cache-mode all"
    flag = first_runner_flag(engine_args.first_runner_flags, release)
    if flag is not None:
        return flag
    asked = engine_args.speculative_config or {}
    method = drafting_method(asked, draft)
    if asked.get("parallel_drafting") is True and method not in _DRAFTS_IN_PARALLEL:
        return "parallel_drafting of --speculative-config"
    if asked.get("use_heterogeneous_vocab") is True and release >= _VOCABULARY_IS_ASKED:
        return "use_heterogeneous_vocab of --speculative-config"
    if method is None:
        return None  # vLLM then takes the method from the drafter's own files
    lists = [names for since, names in _WITHOUT_V2 if since <= release]
    is_known = method in _FIRST_LISTED and _FIRST_LISTED[method] <= release
    if method in lists[-1] if lists else not is_known:
        return f"the speculative method {method}"
    is_pipelined = engine_args.layout.pipeline_parallel_size > 1
    return (
        "eagle3 with --pipeline-parallel-size" if method == "eagle3" and is_pipelined and not lists else None
    )
