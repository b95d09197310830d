"""What to change, each tried."""

from __future__ import annotations

from dataclasses import replace

from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.offers import RentalOffer
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import NEWEST

H200 = RentalOffer(GpuGroup("H200 SXM", round(139.8 * GIB), compute_capability=(9, 0)), 3.5)
L40S = RentalOffer(GpuGroup("L40S", round(44.39 * GIB), compute_capability=(8, 9)), 1.0)
PRICELESS = RentalOffer(GpuGroup("B200 SXM", round(178.35 * GIB)), None)


def advised(
    model: Model, engine_args: EngineArgs, gpu: GpuGroup = ADA, offers: tuple[RentalOffer, ...] = ()
) -> Fit:
    """The answer with its suggestions."""
    return with_suggestions(fit(model, gpu, engine_args, NEWEST), model, gpu, engine_args, offers=offers)


def test_the_longest_length_comes_first_and_is_exact() -> None:
    """A refusal of the default context names the length that fits."""
    result = advised(llama(), EngineArgs())
    first = result.suggestions[0]
    assert first.change == {"max_model_len": result.max_model_len_that_fits}
    assert first.arguments == f"--max-model-len {result.max_model_len_that_fits}"


def test_suggestions_keep_the_order_of_how_little_they_change() -> None:
    """Length, KV dtype, GPUs, sequences, eager, utilisation, another GPU."""
    result = advised(llama(), EngineArgs(), offers=(L40S, H200))
    kinds = [next(iter(each.change)) for each in result.suggestions]
    assert kinds == [
        "max_model_len",
        "kv_cache_dtype",
        "tensor_parallel_size",
        "max_num_seqs",
        "enforce_eager",
        "gpu_memory_utilization",
        "gpu",
    ]


def test_a_change_that_gains_no_context_is_not_offered() -> None:
    """These stand-in weights have one size in every quantization, so fp8 weights would gain nothing."""
    result = advised(llama(), EngineArgs())
    longest = result.max_model_len_that_fits
    assert longest is not None
    assert all(each.max_model_len_that_fits > longest for each in result.suggestions[1:])


def test_every_suggestion_fits_when_tried() -> None:
    """Applied to the plan, each is judged `fits`: nothing is suggested on faith."""
    engine_args = EngineArgs()
    for each in advised(llama(), engine_args).suggestions:
        flags = {key: value for key, value in each.change.items() if key != "tensor_parallel_size"}
        size = each.change.get("tensor_parallel_size", 1)
        tried = replace(engine_args, layout=ParallelConfig(tensor_parallel_size=size), **flags)
        assert fit(llama(), replace(ADA, count=size), tried, NEWEST).verdict == each.verdict == "fits"


def test_weights_that_exceed_one_gpu_ask_for_more_or_larger_ones() -> None:
    """A 70B on a 4090: eight of them with a shorter context, or the cheapest GPUs that hold it."""
    result = advised(llama(131.4, layers=80), EngineArgs(), offers=(H200, L40S, PRICELESS))
    by_kind = {next(iter(each.change)): each for each in result.suggestions}
    assert by_kind["tensor_parallel_size"].change["tensor_parallel_size"] == 8
    assert by_kind["gpu"].usd_per_hour == 7.0
    assert by_kind["gpu"].arguments == '--gpu "H200 SXM:2" --tensor-parallel-size 2'


def test_the_smallest_group_of_gpus_that_fits_ends_the_search() -> None:
    """With two GPUs enough, four and eight are not offered."""
    sizes = [
        each.change["tensor_parallel_size"]
        for each in advised(llama(), EngineArgs()).suggestions
        if next(iter(each.change)) == "tensor_parallel_size"
    ]
    assert sizes == [2]


def test_a_slice_is_not_offered_several_slices() -> None:
    """CUDA shows a process one MIG slice: only other GPUs help a model that is too heavy for it."""
    part = GpuGroup(
        "A100 80GB SXM MIG 1g.10gb", round(9.5 * GIB), compute_capability=(8, 0), is_count_stated=True
    )
    result = advised(llama(), EngineArgs(), part, (H200,))
    assert result.verdict == "refused"
    assert [each.change["gpu"] for each in result.suggestions] == ["H200 SXM"]


def test_a_slice_is_offered_the_next_larger_one_that_holds_the_model() -> None:
    """Of the same GPU, with its price where it has one."""
    name, sizes = "A100 80GB SXM MIG ", {"1g.10gb": 9.5, "2g.20gb": 19.5, "3g.40gb": 39.3, "7g.80gb": 79.0}
    parts = {
        profile: GpuGroup(f"{name}{profile}", round(size * GIB), compute_capability=(8, 0))
        for profile, size in sizes.items()
    }
    slices = tuple(RentalOffer(part) for part in parts.values())
    part = parts["1g.10gb"]
    short = EngineArgs(max_model_len=4096)
    answer = with_suggestions(fit(llama(), part, short, NEWEST), llama(), part, short, slices=slices)
    (change,) = answer.suggestions
    assert change.arguments == '--gpu "A100 80GB SXM MIG 2g.20gb"'
    assert change.usd_per_hour is None


def test_a_gpu_without_fp8_is_not_offered_fp8() -> None:
    """Ampere has no fp8 units."""
    ampere = GpuGroup("RTX 3090", ADA.memory_bytes, compute_capability=(8, 6))
    kinds = {next(iter(each.change)) for each in advised(llama(), EngineArgs(), ampere).suggestions}
    assert kinds.isdisjoint({"kv_cache_dtype", "quantization"})


def test_what_fits_needs_no_advice() -> None:
    """Suggestions are for refusals and tight fits."""
    assert advised(llama(), EngineArgs(max_model_len=4096), offers=(H200,)).suggestions == ()


def test_a_length_beyond_the_models_own_is_offered_the_fewest_gpus_that_serve_the_longest() -> None:
    """No number of GPUs serves more than the model's maximum: more than the first that does are no advice."""
    result = advised(llama(), EngineArgs(max_model_len=200_000), offers=(H200,))
    assert result.reason == "max_model_len"
    wider = [each for each in result.suggestions if "tensor_parallel_size" in each.change]
    assert [(each.change["tensor_parallel_size"], each.change["max_model_len"]) for each in wider] == [
        (2, 131_072)
    ]
    assert result.suggestions[-1].change == {"gpu": "H200 SXM", "gpu_count": 1, "max_model_len": 131_072}


def test_a_tight_fit_is_advised_too() -> None:
    """The length that surely fits is offered."""
    longest = fit(llama(), ADA, EngineArgs(), NEWEST).max_model_len_that_fits
    assert longest is not None
    result = advised(llama(), EngineArgs(max_model_len=longest + 16))
    assert result.verdict == "tight"
    assert result.suggestions[0].change == {"max_model_len": longest}


def test_a_busy_gpu_is_offered_the_share_that_is_free() -> None:
    """Free memory decides: a lower utilisation, never a higher one."""
    busy = replace(ADA, free_bytes=round(20 * GIB))
    result = advised(llama(), EngineArgs(max_model_len=4096), busy)
    shares = [
        each.change["gpu_memory_utilization"]
        for each in result.suggestions
        if "gpu_memory_utilization" in each.change
    ]
    assert shares == [0.81]


def test_heads_that_do_not_divide_are_offered_the_next_size_that_does() -> None:
    """32 heads and 8 KV heads over 3 GPUs: two, of the same GPUs."""
    result = advised(
        llama(),
        EngineArgs(max_model_len=4096, layout=ParallelConfig(tensor_parallel_size=3)),
        replace(ADA, count=3),
    )
    assert result.reason == "tensor_parallel"
    assert [each.arguments for each in result.suggestions] == ["--tensor-parallel-size 2"]


def test_too_few_gpus_are_offered_what_there_is() -> None:
    """A layout for four GPUs on a machine with two."""
    result = advised(
        llama(),
        EngineArgs(max_model_len=4096, layout=ParallelConfig(tensor_parallel_size=4)),
        replace(ADA, count=2),
    )
    assert result.reason == "gpu_count"
    assert result.suggestions[0].arguments == "--tensor-parallel-size 2"


def test_more_gpus_than_were_named_are_named_with_their_number() -> None:
    """Pasted behind the same command, a size beyond the stated number of GPUs must raise that number."""
    result = advised(llama(), EngineArgs(), replace(ADA, is_count_stated=True))
    wider = next(each for each in result.suggestions if "tensor_parallel_size" in each.change)
    assert wider.arguments == '--gpu "RTX 4090:2" --tensor-parallel-size 2'
    assert wider.change == {"tensor_parallel_size": 2, "gpu_count": 2}


def test_a_machine_is_not_offered_more_gpus_than_it_has() -> None:
    """What NVML counted is all there is."""
    sizes = {
        count: [
            each.change.get("tensor_parallel_size")
            for each in advised(llama(), EngineArgs(), here).suggestions
        ]
        for count in (1, 2)
        for here in [replace(ADA, source="nvml", count=count)]
    }
    assert 2 not in sizes[1]
    assert 2 in sizes[2]
