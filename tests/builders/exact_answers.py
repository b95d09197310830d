"""One request to vLLM and one answer, with every field set."""

from vllm_costmeter.core.fit.vllm_counts import BlockNeed, ExactCounts, ExactLayer
from vllm_costmeter.plugin.exact import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.exact.messages import CapacityAnswer, LengthAnswer, ModelFacts, PoolAnswer

REQUEST = ExactRequest(
    config={"architectures": ["LlamaForCausalLM"]},
    gpu_name="H100",
    gpu_memory_bytes=80 << 30,
    compute_capability=(9, 0),
    engine_arguments={"tensor_parallel_size": 2},
    hf_quant_config={"quantization": {}},
    draft_config={"architectures": ["LlamaForCausalLM"]},
    draft_hf_quant_config={"quantization": {}},
    lengths=(8192,),
    pools_bytes=(16 << 30,),
)
ANSWER = ExactAnswer(
    counts=ExactCounts(
        "0.32.0",
        (1, 2),
        (0, 0),
        ((ExactLayer("FullAttentionSpec", 65536, 16, 32),), ()),
        (2 << 20, 0),
        (BlockNeed(0, 16), BlockNeed(1, 16, 4096), BlockNeed(2)),
        8192,
    ),
    model=ModelFacts(
        "LlamaForCausalLM",
        "bfloat16",
        None,
        131072,
        4096,
        128256,
        32,
        32,
        8,
        128,
        14336,
        0,
        0,
        0,
        False,
        False,
        False,
        False,
    ),
    max_num_seqs=1024,
    backends=("FLASH_ATTN",),
    lengths=(LengthAnswer(8192, (5, 6)),),
    pools=(PoolAnswer(16 << 30, 131056),),
    capacities=(CapacityAnswer(8192, 16 << 30, 8192, 131072, 16.0),),
)
