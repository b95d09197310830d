"""A deployment in vLLM's words, and the model that comes back with its counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from exact_answers import ANSWER

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.calibration.record import boot_of
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.vllm_counts import BlockNeed
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.loaded import loaded_ranks
from vllm_costmeter.core.release import Release, release_of
from vllm_costmeter.plugin.exact import ExactAnswer, ExactRequest, ExactUnavailableError
from vllm_costmeter.plugin.exact.checking import counted_check
from vllm_costmeter.plugin.exact.counting import counted_model, request_for
from vllm_costmeter.plugin.exact.model_files import config_of
from vllm_costmeter.sources.files.calibration import remember
from vllm_costmeter.sources.model_config.unknown import unknown_model
from vllm_costmeter.sources.models.drafter import with_drafter
from vllm_costmeter.sources.models.local import local_model
from vllm_costmeter.sources.vllm.installed import installed_release, installed_vllm_version

RELEASE = installed_release()
CARD = GpuGroup("H100 SXM", 85_028_897_096, compute_capability=(9, 0))
MTP = {"method": "mtp", "num_speculative_tokens": 1}
NOVEL = {"architectures": ["NobodysForCausalLM"], "hidden_size": 4096, "vocab_size": 128256}


def answering(weights_bytes: int = 16 << 30) -> Callable[[ExactRequest], ExactAnswer]:
    """A vLLM that knows every model to be a small dense one."""
    counts = replace(
        ANSWER.counts,
        vllm_version=RELEASE.text,
        weights_bytes=(weights_bytes,),
        converted_bytes=(0,),
        layers=((),),
        bytes_per_block=(2 << 20,),
        groups=(BlockNeed(0, 16),),
    )
    return lambda _: replace(ANSWER, counts=counts)


def refusing(_: ExactRequest) -> ExactAnswer:
    """A vLLM that cannot be asked."""
    raise ExactUnavailableError("vLLM is not installed")


def test_vllm_is_told_what_changes_its_counts_and_nothing_else() -> None:
    """Layout, dtypes and batch travel; the length, the pool and our own fields do not."""
    engine_args = EngineArgs(
        layout=ParallelConfig(tensor_parallel_size=2, enable_expert_parallel=True),
        max_model_len=4096,
        gpu_memory_utilization=0.8,
        max_num_batched_tokens=2048,
        kv_cache_dtype="fp8",
    )
    assert request_for(NOVEL, CARD, engine_args).engine_arguments == {
        "tensor_parallel_size": 2,
        "enable_expert_parallel": True,
        "max_num_batched_tokens": 2048,
        "kv_cache_dtype": "fp8",
    }


def test_a_gpu_known_by_its_memory_alone_is_asked_for_as_hopper() -> None:
    """vLLM must choose backends for some GPU."""
    assert request_for(NOVEL, replace(CARD, compute_capability=None), EngineArgs()).compute_capability == (
        9,
        0,
    )


def test_a_model_of_no_known_architecture_is_answered() -> None:
    """What our tables lack, vLLM knows: the verdict is no longer unknown."""
    novel = unknown_model(NOVEL, "made-up/model", "architecture NobodysForCausalLM is not known")
    assert fit(novel, CARD, EngineArgs(), RELEASE).verdict == "unknown"
    counted = counted_model(novel, NOVEL, CARD, EngineArgs(), RELEASE, ask=answering())
    result = fit(counted, CARD, EngineArgs(), RELEASE)
    assert (result.verdict, result.model.max_model_len) == ("fits", 131072)


def test_what_the_installed_vllm_built_is_served_whatever_the_releases_say() -> None:
    """A build of one's own may have a model that its release does not have yet."""
    early = replace(unknown_model(NOVEL, "made-up/model", "not known"), first_release=(0, 99, 0))
    assert "the first release that does is 0.99.0" in fit(early, CARD, EngineArgs(), RELEASE).message
    counted = counted_model(early, NOVEL, CARD, EngineArgs(), RELEASE, ask=answering())
    assert fit(counted, CARD, EngineArgs(), RELEASE).verdict == "fits"


@pytest.mark.parametrize(
    ("engine_args", "release", "reason"),
    [
        pytest.param(
            EngineArgs(),
            release_of("0.1.2"),
            "is installed, not 0.1.2",
            marks=pytest.mark.skipif(
                installed_vllm_version() is None, reason="compares with the installed version"
            ),
        ),
        (
            EngineArgs(speculative_config={"method": "custom_class", "model": "head"}),
            RELEASE,
            "speculative decoding by custom_class",
        ),
        (
            EngineArgs(speculative_config={"model": "no/folder.gguf"}),
            RELEASE,
            r"needs the model's config\.json",
        ),
    ],
)
def test_what_this_vllm_cannot_count_is_not_asked(
    engine_args: EngineArgs, release: Release, reason: str
) -> None:
    """Another version's counts, or an answer without what is drafted with, would be passed off as exact."""
    novel = unknown_model(NOVEL, "made-up/model", "not known")
    with pytest.raises(ExactUnavailableError, match=reason):
        counted_model(novel, NOVEL, CARD, engine_args, release, ask=answering())


LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


def exactly(name: str, engine_args: EngineArgs, ask: Callable[[ExactRequest], ExactAnswer]) -> Fit:
    """The answer of `costmeter check NAME --exact`."""
    return counted_check(assembled(name, CARD, engine_args, release=RELEASE), name, ask=ask).answer()


def test_a_recorded_start_is_used_as_without_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server's start measured stands beside vLLM's own counts; a corrupt file is one note."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    engine_args = EngineArgs()
    boot = boot_of(local_model(tmp_path), CARD, engine_args, RELEASE, pool_bytes=50 << 30, on="2026-11-22")
    assert boot is not None
    assert remember(boot) is None
    result = exactly(str(tmp_path), engine_args, refusing)
    assert result.provenance["activations"] == "calibration"
    assert result.per_gpu is not None
    assert result.per_gpu.kv_cache_available_bytes == 50 << 30
    (tmp_path / "state" / "vllm-costmeter" / "calibration.json").write_text("{")
    faulty = exactly(str(tmp_path), engine_args, refusing)
    assert [note for note in faulty.notes if "is not valid and is ignored" in note]


def test_the_tables_answer_where_vllm_cannot_be_asked(tmp_path: Path) -> None:
    """Same answer as without --exact, and one note that says why it is not exact."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    result = exactly(str(tmp_path), EngineArgs(), refusing)
    assert (result.verdict, result.provenance["weights"]) == ("fits", "config")
    assert [note for note in result.notes if "vLLM is not installed; using our tables" in note]
    exact = exactly(str(tmp_path), EngineArgs(), answering())
    assert (exact.provenance["weights"], exact.provenance["kv_cache"]) == ("vllm", "vllm")


def test_a_repository_of_the_hub_is_asked_about_by_its_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the check read of the Hub is what vLLM gets; a GGUF file has no config.json to give."""
    read = {("org/tiny", "main"): ({"architectures": ["LlamaForCausalLM"]}, None)}
    monkeypatch.setattr(
        "vllm_costmeter.sources.checkpoint.hub.hub_config", lambda name, revision: read.get((name, revision))
    )
    assert config_of("org/tiny", "main") == read["org/tiny", "main"]
    for name in ("org/other", "llama.gguf"):
        with pytest.raises(ExactUnavailableError, match=r"needs the model's config\.json"):
            config_of(name, "main")


def test_a_draft_travels_as_its_own_files(tmp_path: Path) -> None:
    """vLLM gets its config.json beside the model's, and the flag as it was given; prediction layers need no file."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    asked: list[ExactRequest] = []
    novel = unknown_model(NOVEL, "made-up/model", "not known")
    draft = {"model": str(tmp_path), "num_speculative_tokens": 3}
    for speculative in (draft, MTP):
        engine_args = EngineArgs(speculative_config=speculative)
        counted_model(
            novel, NOVEL, CARD, engine_args, RELEASE, ask=lambda one: asked.append(one) or answering()(one)
        )
    assert [one.draft_config for one in asked] == [LLAMA, None]
    assert [one.engine_arguments for one in asked] == [
        {"speculative_config": draft},
        {"speculative_config": MTP},
    ]


def test_a_counted_drafter_is_in_the_counts_and_needs_no_rules(tmp_path: Path) -> None:
    """Its weights are not added a second time where the tables know it, and the answer stands where they do not; a
    plan that was not counted still waits for the tables."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    model, engine_args = local_model(tmp_path), EngineArgs(speculative_config={"model": str(tmp_path)})
    known = with_drafter(model, engine_args)
    assert known.drafter is not None
    found = [counted_model(one, LLAMA, CARD, engine_args, RELEASE, ask=answering()) for one in (known, model)]
    for one in found:
        result = fit(one, CARD, engine_args, RELEASE)
        assert (result.verdict, result.provenance["kv_cache"]) == ("fits", "vllm")
    weights = [loaded_ranks(one, engine_args)[0].tensor_bytes for one in found]
    assert weights == [16 << 30, 16 << 30]
    other = replace(engine_args, kv_cache_dtype="fp8")
    assert fit(found[1], CARD, other, RELEASE).verdict == "unknown"
    ampere = replace(CARD, compute_capability=(8, 0))
    assert [fit(one, ampere, engine_args, RELEASE).verdict for one in found] == ["fits", "unknown"]
