"""vLLM's two model runners by release: what their samplers hold in the profile run, and their graph estimates."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace


@dataclass(frozen=True, slots=True)
class GraphEstimate:
    """vLLM's CUDA-graph estimate, each value as (least, usual, most): a first capture, and one further graph.

    vLLM captures the two largest sizes of each mode and multiplies the second by the graphs that remain
    (`profile_cudagraph_memory`; two captures in 0.18 to 0.33). The second is a difference of free memory and
    hence a multiple of the allocator's 2 MiB segments, which is the noise of the whole estimate.
    """

    first_gib: tuple[float, float, float]
    each_mib: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Runner:
    """Sampling memory and CUDA-graph estimate of one of vLLM's two model runners."""

    float_copies: tuple[float, float, float]
    """float32 copies of the logits at the sampler's peak, in addition to the logits: least, usual, most."""
    state_bytes_per_logit: float
    """Permanent bytes per sequence and vocabulary entry that vLLM counts."""
    kept_rows: int
    """Rows of float32 logits that the top-k and top-p kernel keeps, one per multiprocessor; 0: none known."""
    graphs: GraphEstimate | None
    """None: the runner estimates nothing."""
    encoding_ranks: Literal["none", "first", "every"] = "every"
    """Pipeline ranks whose profile run encodes an image of the largest size: in V1 (`profile_run`, 0.17 to 0.33) every
    one, since each has the tower."""
    counts_received: bool = True
    """Whether the buffers that a pipeline rank receives into are counted: the second runner makes them behind the block
    that measures the weights, so that until 0.27 nothing counts them."""
    rejection_copies: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Further float32 copies of the logits under speculative decoding; 0: the rejection sampler is not profiled."""


H100_ROWS = 132  # multiprocessors of the H100 SXM (NVIDIA data sheet, 2022); other GPUs have 48 to 160
V1_REJECTION_COPIES = (2.0, 3.0, 3.5)
"""26 B per logit instead of 14 in V1's dummy run with any speculative method: two rows of logits per sequence, the
bonus logits with their raw float32 copy, the target logits twice, their probabilities and the noise
(`_dummy_sampler_run` and v1/sample/rejection_sampler.py, 0.17 to 0.33)."""

V1_GRAPHS = GraphEstimate(
    # logs of 0.18 to 0.26 by number of graphs: 2: 0.36, 0.47; 5: 0.09 to 0.27; 7: 0.04, 0.17; 21: 0.19; 86: 0.14,
    # 0.62, 0.63, 0.78, 1.55, 1.62, 1.94; 102: 0.33 to 1.69; two of 3.96 and 4.77 lie outside
    first_gib=(0.03, 0.2, 0.5),
    each_mib=(1.0, 4.0, 15.0),  # 1 MiB is vLLM's own minimum
)
V2_GRAPHS = GraphEstimate(
    # gpu/cudagraph_utils.py of 0.29 to 0.33 measures piecewise graphs in full and extrapolates full graphs alone, so
    # that half of the noise is left; logged: 0.38, 0.58 and 0.64, and 0.1 to 0.94 captured
    first_gib=(0.03, 0.15, 0.5),
    each_mib=(1.0, 4.0, 8.0),
)

V1_BEFORE_0_15 = Runner(
    float_copies=(
        2.0,
        8.0,
        8.2,
    ),  # 34 B per logit with PyTorch's sampler (0.10.2, 0.11.2, 0.12.0), 10 B with FlashInfer
    state_bytes_per_logit=0.0,
    kept_rows=0,
    graphs=None,  # no estimate existed before PR 30515
    rejection_copies=V1_REJECTION_COPIES,
)
V1_BEFORE_0_20 = Runner(
    float_copies=(2.9, 3.0, 3.1),  # 36 starts of 0.19.0 on H100: 14 B per logit in bf16, 16 B in float32
    state_bytes_per_logit=0.0,
    kept_rows=H100_ROWS,  # v1/sample/ops/topk_topp_triton.py of 0.19.1, the default; seen in docs/exact.md
    graphs=V1_GRAPHS,  # estimated since 0.18, not subtracted by default before 0.20
    rejection_copies=V1_REJECTION_COPIES,
)
V1 = replace(
    V1_BEFORE_0_20,
    float_copies=(2.5, 3.0, 3.3),
    kept_rows=H100_ROWS,  # same file in 0.20.0; since 0.23.0 in a second pass of the dummy sampler run
)

PENALTY_STATE = 4 + 1 / 8  # gpu/sample/penalties.py, 0.25 to 0.33: an int32 count and a prompt bit per entry
V2_IN_0_25 = Runner(
    # source of 0.25.0: one pass without top-k, top-p and penalties, on a float32 copy
    float_copies=(0.0, 1.0, 2.0),
    # made in load_model behind the block that measures the weights, so that until 0.27 nothing counts it
    state_bytes_per_logit=0.0,
    kept_rows=0,
    counts_received=False,
    encoding_ranks="none",  # `profile_run` of 0.25.0 and 0.26.0 runs the language model alone
    graphs=None,  # source of 0.25.0 to 0.28.0: "return 0"; logged in 0.25.1
)
V2_IN_0_26 = replace(V2_IN_0_25, float_copies=(0.0, 0.0, 1.0))  # in place, in the model's dtype (sampler.py)
V2_IN_0_27 = replace(
    V2_IN_0_25,  # a float32 copy again (sampler.py of 0.27.0)
    counts_received=True,
    encoding_ranks="first",  # `is_first_pp_rank` in `profile_run` of 0.27.0 to 0.33.0
    state_bytes_per_logit=PENALTY_STATE,  # what is used is now the drop of free memory since the start
)
V2_IN_0_28 = replace(V2_IN_0_27, float_copies=(0.0, 0.0, 1.0))  # no copy if no request needs processing
V2_IN_0_29 = replace(V2_IN_0_28, graphs=V2_GRAPHS)
V2 = replace(
    V2_IN_0_29,
    # 0.33.0: a second pass with `SamplingParams.for_sampler_warmup`: a float32 copy, and two more in FlashInfer's
    # sampler or none in the Triton kernel
    float_copies=(1.0, 2.0, 3.0),
)
