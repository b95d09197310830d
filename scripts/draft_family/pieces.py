"""The lines of a family's file for one layer, from its vLLM modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.draft_family.sizes import COMMON, Sizes

_SCALES = ("_k_scale", "_v_scale", "_q_scale", "_prob_scale")


@dataclass
class Module:
    """One module with tensors: its class, and each tensor's shape on one GPU and on the first of two."""

    name: str
    kind: str
    shapes: dict[str, list[int]] = field(default_factory=dict)
    divided: dict[str, list[int]] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)

    def split(self, tensor: str) -> int | None:
        """The dimension split by tensor parallelism (by class if TP 2 is unknown); None if replicated."""
        if tensor not in self.divided and "Parallel" in self.kind:
            return 1 if self.kind.startswith("Row") else 0
        two = self.divided.get(tensor, self.shapes[tensor])
        sides = [
            at for at, (whole, part) in enumerate(zip(self.shapes[tensor], two, strict=True)) if whole != part
        ]
        return sides[0] if sides else None


def modules_of(one: Mapping[str, Any], two: Mapping[str, Any] | None) -> dict[str, Module]:
    """The modules of a rank by name, with their shapes in a second layout."""
    found: dict[str, Module] = {}
    tensors = {**one["parameters"], **one["buffers"]}
    divided = {} if two is None else {**two["parameters"], **two["buffers"]}
    for full, (shape, dtype) in tensors.items():
        owner, _, tensor = full.rpartition(".")
        module = found.setdefault(owner, Module(owner, one["classes"].get(owner, "")))
        module.shapes[tensor], module.dtypes[tensor] = shape, dtype
        if full in divided:
            module.divided[tensor] = divided[full][0]
    return found


def layer_lines(modules: Mapping[str, Module], caches: Mapping[str, Any], sizes: Sizes) -> list[str]:
    """One line per part of a layer; names are relative to the layer."""
    left = dict(modules)
    lines = [line for name, cache in caches.items() for line in _attention(name, cache, left, sizes)]
    for name in list(left):
        if name in left:
            lines += _module(left.pop(name), left, sizes)
    return lines


def _attention(name: str, cache: Mapping[str, Any], left: dict[str, Module], sizes: Sizes) -> Iterator[str]:
    """Grouped-query attention with vLLM's usual matrix names, as one call; otherwise only its cache."""
    owner = name.rpartition(".")[0]
    qkv, out = left.get(f"{owner}.qkv_proj"), left.get(f"{owner}.o_proj")
    kind = cache["kind"]
    scales = left.pop(name, None)
    if kind not in ("FullAttentionSpec", "SlidingWindowSpec") or qkv is None or out is None:
        if scales is not None:
            yield from _module(scales, left, sizes)
        if (
            fused := next((one for one in left.values() if one.kind == "QKVParallelLinear"), None)
        ) is not None:
            yield _fused_heads(left.pop(fused.name), cache, sizes)
        yield _cache(cache, sizes)
        return
    del left[qkv.name], left[out.name]
    size, value_size = cache["head_size"], cache.get("head_size_v", cache["head_size"])
    heads = out.shapes["weight"][1] // value_size
    words = ["source", f'"{owner}"', "rotary"]
    sides = {"heads": (heads, "attention_heads"), "kv_heads": (cache["num_kv_heads"], "key_value_heads")}
    sides["head_size"] = (size, "head_dim")
    for side, (number, likely) in sides.items():
        named = sizes.text(number, likely)
        words += [] if named in COMMON else [f"{side}={named}"]
    words += [f"{key}=True" for key, module in (("bias", qkv), ("out_bias", out)) if "bias" in module.shapes]
    words += [f"v_head_size={sizes.text(value_size)}"] if value_size != size else []
    if kind == "SlidingWindowSpec":
        words.append(f"window={sizes.text(cache['sliding_window'])}")
    norm = left.get(f"{owner}.q_norm")
    if norm is not None and norm.shapes["weight"] == [size]:
        del left[f"{owner}.q_norm"], left[f"{owner}.k_norm"]
        words.append('qk_norm="head"')
    yield f"*attention({', '.join(words)}),"


def _fused_heads(module: Module, cache: Mapping[str, Any], sizes: Sizes) -> str:
    """One matrix of queries, keys and values, by heads."""
    outputs, inputs = module.shapes["weight"]
    kv_heads, size = cache["num_kv_heads"], cache["head_size"]
    kv, width = sizes.text(kv_heads, "key_value_heads"), sizes.text(size)
    queries = sizes.text(outputs // size - 2 * kv_heads, "attention_heads")
    kept = f"Output({kv}, {width}, replicated=True)"
    bias = ", bias=True" if "bias" in module.shapes else ""
    heads = f"(Output({queries}, {width}), {kept}, {kept})"
    return f'Linear("{module.name}", {sizes.text(inputs)}, {heads}, "column"{bias}),'


def _cache(cache: Mapping[str, Any], sizes: Sizes) -> str:
    kind = cache["kind"]
    kv_heads = sizes.text(cache["num_kv_heads"], "key_value_heads") if "num_kv_heads" in cache else ""
    if kind == "FullAttentionSpec":
        return f"FullAttention({kv_heads}, {sizes.text(cache['head_size'])}),"
    if kind == "SlidingWindowSpec":
        window = sizes.text(cache["sliding_window"])
        return f"SlidingWindow({kv_heads}, {sizes.text(cache['head_size'])}, {window}),"
    if kind == "MLAAttentionSpec":
        return (
            f"MlaLatent(...),  # {cache['head_size']} values a token: the latent's rank and the rotated part"
        )
    plain = {key: value for key, value in cache.items() if key != "kind"}
    return f"# cache: {kind} {plain}"


def _module(module: Module, left: dict[str, Module], sizes: Sizes) -> list[str]:
    name, shapes = module.name, module.shapes
    if "w13_weight" in shapes:
        count, _, hidden = shapes["w13_weight"]
        inner = shapes["w2_weight"][2]
        gated = "" if shapes["w13_weight"][1] == 2 * inner else ", gated=False"
        owner = name.removesuffix(".routed_experts")
        words = [sizes.text(count, "experts"), sizes.text(hidden), sizes.text(inner, "intermediate")]
        return [f'experts("{owner}", {", ".join(words)}{gated}),']
    if name.endswith("gate_up_proj") and f"{name.removesuffix('gate_up_proj')}down_proj" in left:
        down = left.pop(f"{name.removesuffix('gate_up_proj')}down_proj")
        bias = ", bias=True" if "bias" in shapes else ""
        width = sizes.text(down.shapes["weight"][1], "intermediate")
        owner = name.removesuffix(".gate_up_proj")
        return [f'*gated_mlp("{owner}", hidden, {width}{bias}),']
    if "cos_sin_cache" in shapes:
        positions, width = shapes["cos_sin_cache"]
        return [f"rotary,  # {positions} positions x {width}, {module.dtypes['cos_sin_cache']}"]
    if all(tensor in _SCALES for tensor in shapes):
        return [f'AttentionScales("{name}"{", is_mla=True" if "mla" in name else ""}),']
    lines = []
    if len(shapes.get("weight", ())) == 2 and ("Linear" in module.kind or "proj" in name):
        lines.append(_linear(module, sizes))
    elif len(shapes.get("weight", ())) == 1 and "Norm" in module.kind and module.split("weight") is None:
        bias = ", bias=True" if "bias" in shapes else ""
        lines.append(f'*norms({sizes.text(shapes["weight"][0])}, "{name}"{bias}),')
    covered = {"weight", "bias"} if lines else set()
    return lines + [_tensor(module, tensor, sizes) for tensor in shapes if tensor not in covered]


def _linear(module: Module, sizes: Sizes) -> str:
    outputs, inputs = module.shapes["weight"]
    bias = ", bias=True" if "bias" in module.shapes else ""
    if module.kind == "GateLinear" or module.name.rpartition(".")[2] in ("gate", "router"):
        float32 = ", float32=True" if module.dtypes["weight"] == "float32" else ""
        count = sizes.text(outputs, "experts")
        return f'router("{module.name}", {sizes.text(inputs)}, {count}{bias}{float32}),'
    how = {0: "column", 1: "row", None: "replicated"}[module.split("weight")]
    fused = (
        "  # several projections: give each its width" if module.kind.startswith(("QKV", "Merged")) else ""
    )
    return f'{how}("{module.name}", {sizes.text(inputs)}, {sizes.text(outputs)}{bias}),{fused}'


def _tensor(module: Module, tensor: str, sizes: Sizes) -> str:
    count = 1
    for side in module.shapes[tensor]:
        count *= side
    words = [f'"{module.name}.{tensor}"', sizes.text(count)]
    words += ["split=True"] if module.split(tensor) is not None else []
    words += ["element_bytes=FLOAT32_BYTES"] if module.dtypes[tensor] == "float32" else []
    return f"Tensor({', '.join(words)}),"
