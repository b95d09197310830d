"""What the forward pass holds once compiled: traced and split as vLLM does, fused by Inductor's own scheduler.

Inductor lowers and schedules each piece for a CUDA device that is not there, and its own estimate of the piece's peak
is taken before any code would be generated. What lives between the pieces is followed on meta tensors.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from live_bytes import LiveBytes
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg

_LAYER = re.compile(r"<vllm\S* object at 0x[0-9a-f]+>|model\.layers\.\d+\S*")


def compiled_peak(
    model: Any, inputs: Mapping[str, Any], config: Any, operators: Mapping[str, Callable[..., Any]]
) -> int:
    """Peak bytes of the forward pass beyond parameters, inputs and workspaces."""
    from vllm.compilation.backends import split_graph

    _plain_parameters(model)
    given = {name: value for name, value in inputs.items() if value is not None}
    with _running(config), torch.no_grad():
        traced = make_fx(lambda *values: _run(model, dict(zip(given, values, strict=True))))(*given.values())
    whole, pieces = split_graph(traced, list(config.compilation_config._attention_ops))
    split_here = {piece.submod_name for piece in pieces if piece.is_splitting_graph}
    known = {
        tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers(), *given.values())
    }
    values, last_use, peak = list(given.values()), {}, 0
    for node in whole.graph.nodes:
        last_use |= dict.fromkeys(node.all_input_nodes, node)
    alive: dict[Any, Any] = {}
    scheduled: dict[str, int] = {}
    for node in whole.graph.nodes:
        if node.op == "placeholder":
            alive[node] = values.pop(0)
        elif node.op == "get_attr":
            alive[node] = getattr(whole, node.target)
        elif node.op != "output":
            args = map_arg(node.args, alive.__getitem__)
            call = getattr(whole, node.target) if node.op == "call_module" else node.target
            between = _bytes(alive.values(), known)
            inside = 0
            with _running(config):
                if node.op != "call_module" or node.target in split_here:
                    live = LiveBytes(operators)
                    with torch.inference_mode(), live:
                        alive[node] = call(*args)
                    inside = live.peak
                else:
                    inside = _scheduled_peak(call, args, scheduled)
                    with torch.no_grad():
                        alive[node] = call(*args)
            peak = max(peak, between + inside)
            for used in node.all_input_nodes:
                if last_use[used] is node:
                    alive.pop(used, None)
    return peak


def _run(model: Any, inputs: dict[str, Any]) -> Any:
    out = model(**{"input_ids": None, **inputs})
    return out if isinstance(out, torch.Tensor) else list(out.tensors.values())


@contextlib.contextmanager
def _running(config: Any) -> Iterator[None]:
    from vllm.forward_context import set_forward_context
    from vllm.ir.op import enable_torch_wrap

    tokens = config.scheduler_config.max_num_batched_tokens
    with torch.device("meta"), enable_torch_wrap(False), set_forward_context(None, config, num_tokens=tokens):
        yield


def _plain_parameters(model: Any) -> None:
    """vLLM's parameters are of classes of its own, which tracing does not take."""
    plain: dict[int, Any] = {}
    for layer in model.modules():
        for name, given in layer._parameters.items():
            if given is not None:
                bare = torch.empty_strided(given.shape, given.stride(), dtype=given.dtype, device="meta")
                layer._parameters[name] = plain.setdefault(
                    id(given), torch.nn.Parameter(bare, requires_grad=False)
                )


def _bytes(values: Any, known: set[int]) -> int:
    tensors = (one for value in values for one in (value if isinstance(value, (tuple, list)) else [value]))
    storages = [one.untyped_storage() for one in tensors if isinstance(one, torch.Tensor)]
    return sum({one._cdata: one.nbytes() for one in storages if one._cdata not in known}.values())


def _scheduled_peak(piece: Any, args: Any, scheduled: dict[str, int]) -> int:
    """Inductor's estimate for one piece; pieces that differ by the name of their layer alone are scheduled once."""
    graph, inputs = _for_card(piece, args)
    places = {node: place for place, node in enumerate(graph.nodes)}
    nodes = [
        (
            node.op,
            "" if node.op == "placeholder" else str(node.target),
            str(map_arg((node.args, node.kwargs), places.get)),
        )
        for node in graph.nodes
    ]
    shapes = [
        (tuple(one.shape), one.stride(), one.dtype) if isinstance(one, torch.Tensor) else one
        for one in inputs
    ]
    key = _LAYER.sub("", f"{nodes}{shapes}")
    if key not in scheduled:
        scheduled[key] = _schedule(torch.fx.GraphModule({}, graph), inputs)
    return scheduled[key]


def _for_card(piece: Any, args: Any) -> tuple[torch.fx.Graph, list[Any]]:
    """The piece's graph with its parameters as inputs, everything on a CUDA device, and such inputs."""
    graph, mapped, inputs = torch.fx.Graph(), {}, [_on_cuda(one) for one in args]
    for node in piece.graph.nodes:
        if node.op == "placeholder":
            mapped[node] = graph.placeholder(node.name)
    parameters: dict[str, Any] = {}
    for node in piece.graph.nodes:
        if node.op == "get_attr":
            if node.target not in parameters:
                parameters[node.target] = graph.placeholder(f"parameter_{len(parameters)}")
                inputs.append(_on_cuda(getattr(piece, node.target)))
            mapped[node] = parameters[node.target]
    for node in piece.graph.nodes:
        if node.op not in ("placeholder", "get_attr"):
            copied = mapped[node] = graph.node_copy(node, mapped.__getitem__)
            if "device" in copied.kwargs:
                copied.kwargs = {**copied.kwargs, "device": torch.device("cuda", 0)}
    return graph, inputs


def _fake_mode() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    if not _MODE:
        torch.cuda.get_rng_state = lambda *_: torch.zeros(16, dtype=torch.uint8, device="cpu")
        torch.cuda.set_rng_state = lambda *_: None
        _MODE.append(FakeTensorMode(allow_non_fake_inputs=True))
    return _MODE[0]


_MODE: list[Any] = []


def _on_cuda(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    with _fake_mode():
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="cuda")


def _schedule(piece: Any, inputs: list[Any]) -> int:
    """The piece through AOT autograd, Inductor's in-place pass, lowering and scheduler (torch 2.13)."""
    import torch._functorch.aot_autograd as aot
    from torch._inductor.compile_fx import view_to_reshape
    from torch._inductor.debug import DebugContext
    from torch._inductor.decomposition import select_decomp_table
    from torch._inductor.fx_passes.post_grad import decompose_auto_functionalized
    from torch._inductor.fx_passes.reinplace import reinplace_inplaceable_ops
    from torch._inductor.fx_utils import FakeTensorUpdater
    from torch._inductor.graph import GraphLowering
    from torch._inductor.memory import estimate_peak_memory
    from torch._inductor.virtualized import V
    from torch.utils._ordered_set import OrderedSet

    peaks: list[int] = []

    def schedule(graph: Any, examples: Any, **_: Any) -> Any:
        with V.set_fake_mode(mode):
            before = copy.deepcopy(graph)
            try:
                reinplace_inplaceable_ops(FakeTensorUpdater(graph), graph.graph)
            except RuntimeError:
                graph = before  # writing into slices asks for CUDA's device guard; without the pass they are copied
            decompose_auto_functionalized(graph.graph)
            view_to_reshape(graph)
        lowered = GraphLowering(graph, example_inputs=examples, is_inference=True)
        with V.set_graph_handler(lowered), V.set_fake_mode(mode), V.set_debug_handler(DebugContext()):
            lowered.run(*examples)
            lowered.init_wrapper_code()
            lowered._update_scheduler()
            # inputs are never freeable: the code around the piece holds them while it runs
            nodes, outputs = lowered.scheduler.nodes, OrderedSet(lowered.get_output_names())
            peaks.append(estimate_peak_memory(nodes, {}, outputs)[0])
        return lambda *_, **__: None

    def index_select(given: Any, dim: int, index: Any) -> Any:  # torch's own asks for a device guard of CUDA
        return torch.ops.aten.index.Tensor(given, [None] * (dim % given.dim()) + [index])

    table = {**select_decomp_table(), torch.ops.aten.index_select.default: index_select}
    aot.preserve_rng_state = contextlib.nullcontext
    mode = _fake_mode()
    with mode, torch.no_grad(), V.set_fake_mode(mode):
        aot.aot_module_simplified(
            piece,
            inputs,
            fw_compiler=schedule,
            bw_compiler=schedule,
            inference_compiler=schedule,
            decompositions=table,
            keep_inference_input_mutations=True,
        )
    return peaks[0]
