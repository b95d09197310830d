"""`costmeter calibrate`: fit the estimate to a measured server."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from vllm_costmeter.assembly import grounds_on
from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.precision import FP8, precision, requantized
from vllm_costmeter.core.serving.calibration import calibration_of
from vllm_costmeter.core.serving.placement import placed
from vllm_costmeter.outputs.economics import answer, calibrate_answer
from vllm_costmeter.outputs.economics.answer import Format
from vllm_costmeter.sources.bench_results.live import measured_runs
from vllm_costmeter.sources.bench_results.read import bench_runs
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.files.throughput_calibrations import remember_throughput
from vllm_costmeter.sources.models.packaged import named_model
from vllm_costmeter.sources.serve_args.flag_values import whole

EXAMPLES = """\
examples:
  how fast is this 4090, or this H100, beside the estimate?
    costmeter calibrate "Llama 3.1 8B" --gpu "RTX 4090" --from-bench c8.json c32.json c64.json
    costmeter calibrate "Llama 3.3 70B" --gpu "2x H100 SXM" --tensor-parallel-size 2 --from-bench run.json
  measure a running server (needs vLLM here, for `vllm bench serve`)
    costmeter calibrate "Llama 3.1 8B" --gpu "RTX 4090" --url http://localhost:8000

The files are those of `vllm bench serve --max-concurrency N --num-prompts 4N --save-result`. `estimate` and `recommend`
use the result for this GPU, model and precision, and say so.

exit codes: 0 kept, 2 bad input, 3 the model is not understood
"""


@dataclass(frozen=True, slots=True)
class CalibrateFlags:
    """The command line."""

    model: str
    gpu: str | None
    quantization: str
    tensor_parallel_size: int
    pipeline_parallel_size: int
    data_parallel_size: int
    enable_expert_parallel: bool
    max_num_seqs: int | None
    from_bench: list[str] | None
    url: str | None
    dry_run: bool
    format: Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "calibrate",
        usage='costmeter calibrate MODEL --gpu "2x H100 SXM" (--from-bench FILE... | --url URL) [options]',
        description="Fit the estimate to load tests of a server, for this GPU, model and precision.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="as in `costmeter estimate`")
    parser.add_argument(
        "--gpu", metavar="NAME", help='the GPUs that were measured: "RTX 4090", "2x H100 SXM"'
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--from-bench", nargs="+", metavar="FILE", help="results of load tests")
    where.add_argument("--url", metavar="URL", help="a running server, measured with three short load tests")
    parser.add_argument(
        "--quantization", metavar="NAME", default="own", help="fp16, fp8, q4; default: as published"
    )
    for flag in ("tensor", "pipeline", "data"):
        parser.add_argument(f"--{flag}-parallel-size", type=whole, default=1, metavar="N", help="default 1")
    parser.add_argument("--enable-expert-parallel", action="store_true", help="as in `vllm serve`")
    parser.add_argument("--max-num-seqs", type=whole, metavar="N", help="as in `vllm serve`")
    parser.add_argument("--dry-run", action="store_true", help="show the result, keep nothing")
    add_format_flag(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Fit, keep and print."""
    flags = typed(CalibrateFlags, args)
    if flags.gpu is None:
        raise BadInputError('no GPU: give --gpu, as in --gpu "RTX 4090" (`costmeter gpus` lists all)')
    spec, count = parse_gpu(flags.gpu)
    layout = ParallelConfig(
        flags.tensor_parallel_size,
        flags.pipeline_parallel_size,
        flags.data_parallel_size,
        enable_expert_parallel=flags.enable_expert_parallel,
    )
    if layout.world_size != count:
        raise BadInputError(
            f"--gpu names {count} GPU{'s' if count > 1 else ''}, and the parallel sizes need {layout.world_size}: give "
            "those of the measured server"
        )
    name, published = named_model(flags.model)
    if (why := published.fault(EngineArgs())) is not None:
        raise NotUnderstoodError(why)
    wanted = precision(flags.quantization)
    is_online = wanted == FP8 and published.quantization is None
    model = published if is_online else requantized(published, wanted)
    on = grounds_on(spec.as_gpu(count))
    quantization = "fp8" if is_online else None
    engine_args = EngineArgs(layout=layout, max_num_seqs=flags.max_num_seqs, quantization=quantization)
    runs = _runs(flags)
    found = placed(model, spec, engine_args, on.release, starts=on.starts)
    day = (today or datetime.now(UTC).date()).isoformat()
    result = calibration_of(found, spec.name, runs, day)
    fault = None if flags.dry_run else remember_throughput(result)
    values = calibrate_answer.values(result, name, found, runs)
    section = calibrate_answer.section(result, name, found, runs, kept=not flags.dry_run and fault is None)
    print(answer.rendered(flags.format, calibrate_answer.SCHEMA, values, [section]), end="")
    if fault is not None:
        raise BadInputError(fault)
    return 0


def _runs(flags: CalibrateFlags) -> list[BenchRun]:
    if flags.url is not None:
        return measured_runs(flags.url)
    if not flags.from_bench:
        raise BadInputError("no measurements: give --from-bench FILE..., or the --url of a running server")
    return [run for place in flags.from_bench for run in bench_runs(place)]
