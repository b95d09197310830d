"""torchao's section: `quant_type.default` is one of its configurations, written by its `config_to_dict`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES, PLAIN, Scheme
from vllm_costmeter.core.quantization.schemes.torchao import Int4WeightOnly, OneByteScaled, TorchAo
from vllm_costmeter.sources.model_config.quantization.module_names import strings
from vllm_costmeter.sources.model_config.reader import ConfigReader

_BY_NAME = ("ModuleFqnToConfig", "FqnToConfig", "AOPerModuleConfig")
_MOST_PATTERNS = 1024  # published files have a handful; more would take longer to match than a check may
_LARGEST_GROUP = 1 << 20
_FP8_MULTIPLE = 16  # _fp8_mm_compat, torchao 0.18
_Blocks = tuple[int | None, int | None]


def torchao(section: ConfigReader) -> TorchAo:
    """BadInputError for what vLLM refuses, NotUnderstoodError for a configuration without rules."""
    kinds = section.optional_section("quant_type") if isinstance(section.raw("quant_type"), dict) else None
    if kinds is None or set(kinds.values) != {"default"}:
        raise BadInputError(
            f"{section.name}: {section.path}quant_type must be an object with one key, default: vLLM refuses others"
        )
    skipped = strings(section, "modules_to_not_convert")
    whole = _Written(kinds, "default")
    if whole.type not in _BY_NAME:
        return TorchAo(frozenset(skipped), {}, (), _scheme(whole))
    named = whole.data.optional_section("module_fqn_to_config", "fqn_to_config")
    entries: Mapping[str, Any] = {} if named is None else named.values
    schemes = {
        name: PLAIN if entry is None or named is None else _scheme(_Written(named, name))
        for name, entry in entries.items()
    }
    default = schemes.pop("_default", PLAIN)
    patterns = tuple((name[3:], scheme) for name, scheme in schemes.items() if name.startswith("re:"))
    if len(patterns) > _MOST_PATTERNS:
        raise NotUnderstoodError(
            f"{section.name}: {len(patterns)} torchao expressions take too long to match"
        )
    left_out = [name for name, entry in entries.items() if entry is None and name != "_default"]
    exact = {name: scheme for name, scheme in schemes.items() if not name.startswith("re:")}
    return TorchAo(frozenset((*skipped, *left_out)), exact, patterns, default)


class _Written:
    """One value as torchao writes it: a type, the type's version, and its fields."""

    def __init__(self, parent: ConfigReader, key: str) -> None:
        body = parent.optional_section(key) or ConfigReader({}, parent.name, f"{parent.path}{key}.")
        self.where = f"{body.name}: {body.path}"
        self.type = body.optional_str("_type") or ""
        self.version = body.int("_version", default=1)
        self.data = body.optional_section("_data") or ConfigReader({}, body.name, f"{body.path}_data.")

    def unknown(self, what: str) -> NotUnderstoodError:
        return NotUnderstoodError(f"{self.where}_type: torchao's {self.type[:60]} {what} is not known")


def _scheme(written: _Written) -> Scheme:
    build = _SCHEMES.get(written.type)
    if build is None:
        raise written.unknown("layout")
    return build(written)


def _int4(written: _Written) -> Scheme:
    data = written.data
    group = data.int("group_size", default=128, minimum=1, maximum=_LARGEST_GROUP)
    if written.version < 2:
        layout = data.raw("layout")
        if layout is not None and "TensorCoreTiledLayout" not in str(layout)[:200]:
            raise written.unknown("layout of version 1")
        return Int4WeightOnly(group, tile_outputs=8)
    packing = _spelled(data.raw("int4_packing_format")) or "plain"
    if packing in ("plain", "preshuffled"):
        return Int4WeightOnly(group)
    if packing == "tile_packed_to_4d":
        return Int4WeightOnly(
            group, data.int("int4_tile_packed_ntile", default=8, minimum=1, maximum=1 << 10)
        )
    raise written.unknown(f"packing {packing[:40]!r}")


def _int8(written: _Written) -> Scheme:
    """A float32 scale and a one-byte zero point. Version 1 differs by a few bytes per row, which are known alone."""
    if written.version < 2 and written.data.has("group_size"):
        raise written.unknown("group of version 1")
    outputs, inputs = _granularity(written, (1, None))
    return OneByteScaled(FLOAT32_BYTES, 1, outputs, inputs)


def _float8_weight_only(written: _Written) -> Scheme:
    outputs, inputs = _granularity(written, (1, None))
    return OneByteScaled(FLOAT32_BYTES, 0, outputs, inputs)


def _float8_dynamic(written: _Written) -> Scheme:
    packing = _spelled(written.data.raw("packing_format")) or "plain"
    if packing != "plain":
        raise written.unknown(f"packing {packing[:40]!r}")
    outputs, inputs = _granularity(written, (None, None))
    return OneByteScaled(FLOAT32_BYTES, 0, outputs, inputs, multiple=_FP8_MULTIPLE)


def _intx(written: _Written) -> Scheme:
    """Narrow integers that lie unpacked in bytes; a scale in the served dtype, a one-byte zero point."""
    data = written.data
    packing = _spelled(data.raw("intx_packing_format", "packing_format")) or "unpacked_to_int8"
    if packing != "unpacked_to_int8" or data.has("scale_dtype", "weight_scale_dtype") or written.version < 2:
        raise written.unknown("packing or type of scales")
    outputs, inputs = _granularity(written, (1, 32), "granularity", "weight_granularity")
    return OneByteScaled(0, 1, outputs, inputs)


def _granularity(written: _Written, usual: _Blocks, *keys: str) -> _Blocks:
    """Outputs and inputs that share a scale; of a pair the second, which is the weight's."""
    given = written.data.raw(*(keys or ("granularity",)))
    if isinstance(given, list) and len(given) == 2:
        given = given[1]
    if given is None:
        return usual
    if not isinstance(given, dict):
        raise written.unknown("granularity")
    one = _Written(ConfigReader({"granularity": given}, written.data.name, written.data.path), "granularity")
    if one.type in ("PerRow", "PerAxis"):
        return 1, None
    if one.type == "PerTensor":
        return None, None
    if one.type == "PerGroup":
        return 1, one.data.int("group_size", minimum=1, maximum=_LARGEST_GROUP)
    block = one.data.optional_list("block_size") if one.type == "PerBlock" else None
    if block is None or len(block) != 2 or not all(isinstance(size, int) and size > 0 for size in block):
        raise written.unknown("granularity")
    return block[0], block[1]


def _spelled(value: object) -> str | None:
    """An enumeration's name or value, whichever form it was written in, in lower case."""
    if isinstance(value, dict):
        value = value.get("_data")
    return value.lower() if isinstance(value, str) else None


_SCHEMES: dict[str, Callable[[_Written], Scheme]] = {
    "Float8DynamicActivationFloat8WeightConfig": _float8_dynamic,
    "Float8WeightOnlyConfig": _float8_weight_only,
    "Int4WeightOnlyConfig": _int4,
    "Int8DynamicActivationInt8WeightConfig": _int8,
    "Int8DynamicActivationIntxWeightConfig": _intx,
    "Int8WeightOnlyConfig": _int8,
    "IntxWeightOnlyConfig": _intx,
}
