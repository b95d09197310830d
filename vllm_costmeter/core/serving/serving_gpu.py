"""A GPU as serving sees it: rates by format, kernels, and the link to its neighbours."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.serving.generations import kernels_of
from vllm_costmeter.core.serving.kernels import Format, Kernel, Kernels
from vllm_costmeter.core.serving.links import INFINIBAND, Link, link_of

EIGHT_BIT: tuple[Format, ...] = ("fp8", "fp8_block", "int8")


@dataclass(frozen=True, slots=True)
class ServingGpu:
    """Published rates, and how much of them kernels reach."""

    bytes_per_second: float
    sixteen_bit: float
    """Dense FLOPs per second."""
    eight_bit: float | None
    """None: no tensor core multiplies in 8 bits, so that 8-bit weights are multiplied in 16."""
    four_bit: float | None
    multiplies_mxfp4_in_8_bits: bool
    """True on data-centre Blackwell, whose kernels quantize the activations of MXFP4 experts to FP8."""
    kernels: Kernels
    link: Link
    """Between tensor-parallel GPUs."""
    hop_link: Link
    """Between pipeline stages."""
    is_timed: bool
    """Whether NVIDIA's timings include a GPU of this architecture."""

    def rate(self, form: Format) -> float:
        """Dense FLOPs per second at which weights of this format are multiplied."""
        if form in EIGHT_BIT:
            return self.eight_bit or self.sixteen_bit
        if form == "nvfp4":
            return self.four_bit or self.sixteen_bit
        if form == "mxfp4" and self.multiplies_mxfp4_in_8_bits:
            return self.eight_bit or self.sixteen_bit
        return self.sixteen_bit

    def matrix_kernel(self, form: Format) -> Kernel:
        """Without tensor cores for a format, the weight-only kernel."""
        return self.kernels.matrix(self._multiplied(form))

    def expert_kernel(self, form: Format) -> Kernel:
        """The same for routed experts."""
        return self.kernels.expert(self._multiplied(form))

    def _multiplied(self, form: Format) -> Format:
        lacks = (form in EIGHT_BIT and self.eight_bit is None) or (form == "nvfp4" and self.four_bit is None)
        return "int4" if lacks else form


MACHINE_GPUS = 8
"""Of the largest common machine."""
ONE_GPU = ParallelConfig()


def gpus_per_machine(gpu: GpuSpec) -> int:
    """Most of these GPUs in one machine."""
    return gpu.gpus_per_machine or MACHINE_GPUS


def serving_gpu(gpu: GpuSpec, link: Link | None = None, layout: ParallelConfig = ONE_GPU) -> ServingGpu:
    """`link` None: the one that the catalogue names, and InfiniBand between machines. BadInputError if a rate is
    unknown."""
    sixteen, bandwidth = gpu.sixteen_bit_flops_per_second, gpu.bandwidth_bytes_per_second
    if not sixteen or not bandwidth:
        raise BadInputError(
            f"the catalogue lacks the compute rate or bandwidth of {gpu.name}: no estimate is possible"
        )
    kernels, timed = kernels_of(gpu.compute_capability if gpu.vendor == "nvidia" else None)
    major = gpu.compute_capability[0] if gpu.compute_capability else 0
    inner = layout.tensor_parallel_size * (layout.data_parallel_size if layout.enable_expert_parallel else 1)
    engine = layout.tensor_parallel_size * layout.pipeline_parallel_size
    return ServingGpu(
        bytes_per_second=bandwidth,
        sixteen_bit=sixteen,
        eight_bit=gpu.fp8_flops_per_second,
        four_bit=gpu.fp4_flops_per_second,
        multiplies_mxfp4_in_8_bits=gpu.vendor == "nvidia" and major == 10,
        kernels=kernels,
        link=link or _between(inner, gpu),
        hop_link=link or _between(engine, gpu),
        is_timed=timed,
    )


def _between(gpus: int, gpu: GpuSpec) -> Link:
    return link_of(gpu, gpus) if gpus <= gpus_per_machine(gpu) else INFINIBAND
