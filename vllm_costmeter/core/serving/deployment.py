"""A recommendation as servers to start: its flags, proven once more as a whole."""

from __future__ import annotations

import json
import shlex

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.serving.recommend import Recommendation
from vllm_costmeter.core.serving.serving_gpu import gpus_per_machine

NAMED_PRECISIONS = {"awq": "q4"}
"""Precisions of checkpoints that the model's own name does not load: `costmeter check` knows them by this name."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Equal servers, each with one or several engines on one machine."""

    row: Recommendation
    servers: int
    engine_args: EngineArgs
    """Of one server."""
    fit: Fit
    """Of one server with exactly these flags."""

    @property
    def gpus_per_server(self) -> int:
        return self.engine_args.layout.world_size

    @property
    def machines(self) -> int:
        """That one server extends over."""
        return -(-self.gpus_per_server // gpus_per_machine(self.row.candidate.gpu))

    def words(self, model: str) -> list[str]:
        """The command line of one server."""
        args, layout = self.engine_args, self.engine_args.layout
        words = ["vllm", "serve", model]
        for flag, size in (
            ("--tensor-parallel-size", layout.tensor_parallel_size),
            ("--pipeline-parallel-size", layout.pipeline_parallel_size),
            ("--data-parallel-size", layout.data_parallel_size),
        ):
            words += [flag, str(size)] if size > 1 else []
        words += ["--enable-expert-parallel"] if layout.enable_expert_parallel else []
        named = NAMED_PRECISIONS.get(self.row.candidate.quantization, args.quantization)
        words += ["--quantization", named] if named else []
        words += ["--max-model-len", str(args.max_model_len), "--max-num-seqs", str(args.max_num_seqs)]
        if args.speculative_config is not None:
            words += ["--speculative-config", json.dumps(dict(args.speculative_config))]
        return words

    def command(self, model: str) -> str:
        """The same, to paste into a shell."""
        return shlex.join(self.words(model))


def deployment_of(row: Recommendation, starts: tuple[ServerStart, ...] = ()) -> Deployment:
    """As few servers as machines allow: dense models share a server as data-parallel ranks. Engines with routed experts
    stay apart, because data-parallel ranks of one server split the experts of all."""
    placed = row.candidate.placed
    layout = placed.engine_args.layout
    copies = 1
    if not placed.fit.model.is_moe:
        most = gpus_per_machine(row.candidate.gpu) // row.candidate.gpus_per_engine
        copies = max(each for each in range(1, max(most, 1) + 1) if row.engines % each == 0)
    whole = replace(layout, data_parallel_size=layout.data_parallel_size * copies)
    args = replace(placed.engine_args, layout=whole, max_num_seqs=row.max_num_seqs)
    gpu = row.candidate.gpu.as_gpu(whole.world_size)
    model = placed.model
    return Deployment(
        row, row.engines // copies, args, fit(model, gpu, args, placed.fit.engine.release, starts)
    )
