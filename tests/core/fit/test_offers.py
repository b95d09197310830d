"""Which GPUs are tried for what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama
from served_changes import ENOUGH, Served
from stated_sizing import blank

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.offers import LARGEST_NODE_GPUS, RentalOffer, cheapest_offer, larger_slices
from vllm_costmeter.core.fit.result import Reason
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST

NODE = replace(ADA, count=8)
H200 = RentalOffer(GpuGroup("H200 SXM", round(139.8 * GIB), compute_capability=(9, 0)), 3.5)
CHEAP = RentalOffer(GpuGroup("L4", round(22.0 * GIB)), 0.4, "2026-11-01", is_stale=True)
DEAR = RentalOffer(GpuGroup("A100", round(79.3 * GIB)), 1.00001)
PRICELESS = RentalOffer(GpuGroup("B200", round(178 * GIB)))
SAME = RentalOffer(ADA, 0.1)
TWO_STAGES = ParallelConfig(pipeline_parallel_size=2)


def offered(gib: float, layout: ParallelConfig) -> list[int]:
    """The tensor-parallel sizes of the H200s that are suggested."""
    engine_args = EngineArgs(max_model_len=4096, layout=layout)
    model = llama(gib, layers=80)
    result = with_suggestions(fit(model, NODE, engine_args, NEWEST), model, NODE, engine_args, offers=(H200,))
    gpus = [each.change for each in result.suggestions if "gpu" in each.change]
    return [int(change.get("tensor_parallel_size", 1)) for change in gpus]


def tried(
    layout: ParallelConfig, *offers: RentalOffer, gpu: GpuGroup = ADA, reason: Reason = "kv_cache"
) -> list[tuple[str, float | None]]:
    """Flags and price of every change that is tried where none fits."""
    asked, trials = EngineArgs(layout=layout), Served()
    result = replace(blank(asked, gpu=replace(gpu, count=layout.world_size)), reason=reason)
    assert cheapest_offer(result, trials, asked, offers) == []
    for change in trials.asked:
        assert change.gpu.count == change.change["gpu_count"] == change.engine_args.layout.world_size
    return [(change.arguments, change.usd_per_hour) for change in trials.asked]


def test_ranks_of_all_kinds_share_one_node() -> None:
    """Beside two pipeline ranks tensor parallelism takes four of a node's eight GPUs at most; more are more nodes."""
    assert LARGEST_NODE_GPUS == 8
    assert offered(300, TWO_STAGES) == [2]
    assert offered(1200, TWO_STAGES) == [4]


def test_the_cheapest_group_is_tried_first_and_several_nodes_last() -> None:
    """One to eight GPUs of a machine by price, then two and four machines as pipeline stages; not the same GPU, and
    none without a price."""
    assert tried(ParallelConfig(), DEAR, PRICELESS, CHEAP, SAME) == [
        ('--gpu "L4"', 0.4),
        ('--gpu "L4:2" --tensor-parallel-size 2', 0.8),
        ('--gpu "A100"', 1.0),
        ('--gpu "L4:4" --tensor-parallel-size 4', 1.6),
        ('--gpu "A100:2" --tensor-parallel-size 2', 2.0),
        ('--gpu "L4:8" --tensor-parallel-size 8', 3.2),
        ('--gpu "A100:4" --tensor-parallel-size 4', 4.0),
        ('--gpu "A100:8" --tensor-parallel-size 8', 8.0001),
        ('--gpu "L4:16" --tensor-parallel-size 8 --pipeline-parallel-size 2', 6.4),
        ('--gpu "A100:16" --tensor-parallel-size 8 --pipeline-parallel-size 2', 16.0002),
        ('--gpu "L4:32" --tensor-parallel-size 8 --pipeline-parallel-size 4', 12.8),
        ('--gpu "A100:32" --tensor-parallel-size 8 --pipeline-parallel-size 4', 32.0003),
    ]


def test_a_gpu_that_costs_nothing_is_the_cheapest() -> None:
    """Before one for a cent."""
    free, cent = replace(DEAR, usd_per_gpu_hour=0.0), replace(CHEAP, usd_per_gpu_hour=0.01)
    assert tried(ParallelConfig(), cent, free)[:5] == [
        ('--gpu "A100"', 0.0),
        ('--gpu "A100:2" --tensor-parallel-size 2', 0.0),
        ('--gpu "A100:4" --tensor-parallel-size 4', 0.0),
        ('--gpu "A100:8" --tensor-parallel-size 8', 0.0),
        ('--gpu "L4"', 0.01),
    ]


@pytest.mark.parametrize(
    ("layout", "reason", "arguments"),
    [
        (
            ParallelConfig(tensor_parallel_size=2, data_parallel_size=2),
            "kv_cache",
            [
                '--gpu "A100:4"',
                '--gpu "A100:8" --tensor-parallel-size 4',
                '--gpu "A100:16" --tensor-parallel-size 4 --pipeline-parallel-size 2',
                '--gpu "A100:32" --tensor-parallel-size 4 --pipeline-parallel-size 4',
            ],
        ),
        (
            ParallelConfig(tensor_parallel_size=3, pipeline_parallel_size=3),
            "tensor_parallel",
            [
                '--gpu "A100:3" --tensor-parallel-size 1',
                '--gpu "A100:6" --tensor-parallel-size 2',
                '--gpu "A100:12" --tensor-parallel-size 2 --pipeline-parallel-size 6',
                '--gpu "A100:24" --tensor-parallel-size 2 --pipeline-parallel-size 12',
            ],
        ),
        (
            ParallelConfig(tensor_parallel_size=16),
            "tensor_parallel",
            [
                '--gpu "A100" --tensor-parallel-size 1',
                '--gpu "A100:2" --tensor-parallel-size 2',
                '--gpu "A100:4" --tensor-parallel-size 4',
                '--gpu "A100:8" --tensor-parallel-size 8',
                '--gpu "A100:16"',
                '--gpu "A100:32" --pipeline-parallel-size 2',
                '--gpu "A100:64" --pipeline-parallel-size 4',
            ],
        ),
    ],
)
def test_other_ranks_stay_and_heads_that_do_not_divide_start_at_one(
    layout: ParallelConfig, reason: Reason, arguments: list[str]
) -> None:
    """As many GPUs as one machine has, or as were asked for if those are more."""
    assert [words for words, _ in tried(layout, DEAR, reason=reason)] == arguments


def test_the_whole_context_goes_before_a_cheaper_shorter_one() -> None:
    """Without any, the cheapest shorter one; several nodes only where a single one serves nothing."""
    single, double = '--gpu "L4"', '--gpu "L4:2" --tensor-parallel-size 2'
    nodes = '--gpu "L4:16" --tensor-parallel-size 8 --pipeline-parallel-size 2'
    for tokens, found in (
        ({single: 4096, double: ENOUGH, nodes: ENOUGH}, double),
        ({single: 4096, double: 8192, nodes: ENOUGH}, single),
        ({nodes: 4096}, nodes),
    ):
        trials = Served(tokens)
        (only,) = cheapest_offer(blank(), trials, EngineArgs(), [CHEAP])
        assert only.arguments == found


def test_an_offer_keeps_the_date_of_its_price() -> None:
    """And whether it is stale; nothing else is tried once the whole context is served."""
    trials = Served({'--gpu "L4"': ENOUGH})
    cheapest_offer(blank(), trials, EngineArgs(), [CHEAP])
    (only,) = trials.asked
    assert (only.price_as_of, only.is_price_stale, only.gpu.name) == ("2026-11-01", True, "L4")
    assert (DEAR.as_of, DEAR.is_stale) == ("", False)


def test_memory_that_was_given_is_given_for_the_offered_gpu_too() -> None:
    """Its flag would otherwise still be the old one; nine digits keep every byte of it."""
    given = replace(ADA, source="flag")
    assert tried(ParallelConfig(), H200, gpu=given)[0] == (
        f'--gpu "H200 SXM" --gpu-memory-gib {H200.gpu.memory_bytes / GIB:.9g}',
        3.5,
    )


def test_larger_slices_go_from_the_smallest_to_the_largest() -> None:
    """Of those that have more memory than the one at hand; without a price there is none."""
    slices = [RentalOffer(GpuGroup(f"A100 MIG {size}g", size * GIB), size or None) for size in (40, 10, 5)]
    part = GpuGroup("A100 MIG 10g", 10 * GIB)
    more = [*slices, RentalOffer(GpuGroup("A100 MIG 20g", 20 * GIB))]
    changes = list(larger_slices(blank(gpu=part), EngineArgs(), more))
    assert [(each.arguments, each.change, each.usd_per_hour) for each in changes] == [
        ('--gpu "A100 MIG 20g"', {"gpu": "A100 MIG 20g", "gpu_count": 1}, None),
        ('--gpu "A100 MIG 40g"', {"gpu": "A100 MIG 40g", "gpu_count": 1}, 40),
    ]
