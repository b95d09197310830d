"""The defaults that configuration classes supply for keys missing from a config.json.

python -m scripts.upstream.config_defaults table [--beside FILE ...]   update class_defaults.json
python -m scripts.upstream.config_defaults cases                       update tests/data/class_defaults.jsonl
python -m scripts.upstream.config_defaults show MODEL_TYPE ...         print one class, in the table's format
python -m scripts.upstream.config_defaults values > FILE               all classes of transformers only

Reads the classes of the installed transformers and vLLM. FILE comes from an environment with another release
of transformers: keys with a different default there are listed as "varies" and have no value in the table.
"""

from __future__ import annotations

import argparse
import ast
import copy
import datetime
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.upstream.config_classes import describe, section_of
from scripts.upstream.config_derivations import is_size, value_at
from vllm_costmeter.sources.model_config.class_defaults import FILE, evaluated

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CASES = DATA / "class_defaults.jsonl"
LINES = ("families_vllm_0.32.jsonl", "weights_vllm_0.32_cpu.jsonl", "torchao_vllm_0.32.jsonl")
Classes = dict[str, type]


def read_keys() -> frozenset[str]:
    """Every key that our readers may read: all words in their code."""
    found = set()
    for file in FILE.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                found.add(node.value)
    return frozenset(key for key in found if is_size(key))


def transformers_classes() -> Classes:
    """The classes of every model type in transformers that can be imported."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    found = {}
    for model_type in CONFIG_MAPPING_NAMES:
        try:
            found[model_type] = CONFIG_MAPPING[model_type]
        except Exception:  # noqa: BLE001 - a class that needs packages that are not installed
            continue
    return found


def vllm_classes() -> Classes:
    """The classes with which vLLM replaces those of transformers."""
    from vllm.transformers_utils.config import _CONFIG_REGISTRY

    return {model_type: _CONFIG_REGISTRY[model_type] for model_type in _CONFIG_REGISTRY}


def served_types(classes: Classes) -> list[str]:
    """The model types in vLLM's registry, of its own classes and in the recorded configurations."""
    from transformers.models.auto import modeling_auto
    from vllm.model_executor.models.registry import ModelRegistry

    served, found = set(ModelRegistry.get_supported_archs()), set(vllm_classes())
    for name, mapping in vars(modeling_auto).items():
        if name.endswith("_MAPPING_NAMES"):
            found |= {kind for kind, named in mapping.items() if served & set(_words(named))}
    found |= {config.get("model_type") for _, config in recorded()}
    return sorted(found & classes.keys())


def _words(named: Any) -> Sequence[str]:
    return (named,) if isinstance(named, str) else tuple(map(str, named))


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, config.json) of every model with a recorded answer in the tests."""
    for name in LINES:
        for line in (DATA / name).read_text().splitlines():
            entry = json.loads(line)
            yield entry["name"], entry["config"]
    for file in sorted((DATA / "models").glob("*/config.json")):
        yield file.parent.name, json.loads(file.read_text())


def described(classes: Classes, types: Sequence[str], keys: frozenset[str]) -> dict[str, Any]:
    """The classes of `types` and of their sections, by name; further names of a class refer to the first."""
    found: dict[str, Any] = {}
    names: dict[type, str] = {}
    waiting: list[tuple[str, type]] = [(kind, classes[kind]) for kind in types]

    def name_of(instance: Any, key: str) -> str:
        cls = type(instance)
        if cls not in names:
            own = cls.model_type
            names[cls] = own if own and classes.get(own, cls) is cls and own not in found else cls.__name__
            waiting.append((names[cls], cls))
        return names[cls]

    while waiting:
        name, cls = waiting.pop(0)
        if name in found:
            continue
        if names.setdefault(cls, name) != name:
            found[name] = names[cls]
            continue
        try:
            found[name] = describe(cls, keys, name_of).as_json()
        except Exception as why:  # noqa: BLE001 - a class that requires values
            print(f"{name}: {type(why).__name__}: {' '.join(str(why).split())[:100]}", file=sys.stderr)
    return dict(sorted(found.items()))


def without_varying(
    found: dict[str, Any], newest: str, others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The classes, with values that differ in another transformers release moved to "varies"."""
    for name, record in found.items():
        for release, classes in others.items():
            other = classes.get(name)
            if isinstance(record, str) or not isinstance(other, dict):
                continue
            for part in ("values", "rules"):
                for key in list(record.get(part, ())):
                    mine, theirs = record[part][key], _default(other, key)
                    if theirs is not None and theirs not in (mine, _default(record, key)):
                        record.setdefault("varies", {}).setdefault(key, {newest: mine})[release] = theirs
        for key in record.get("varies", ()) if not isinstance(record, str) else ():
            record.get("values", {}).pop(key, None)
            record.get("rules", {}).pop(key, None)
    return found


def _default(record: Mapping[str, Any], key: str) -> Any:
    """The value, or the result of the rule from the values; the rule itself if it has no result."""
    values = record.get("values", {})
    rule = record.get("rules", {}).get(key)
    return values.get(key) if rule is None else evaluated(rule, values.get) or rule


def cases(classes: Classes, keys: frozenset[str]) -> Iterator[dict[str, Any]]:
    """For each recorded configuration, the class's default for every key when that key is removed."""
    seen = set()
    for name, config in recorded():
        cls = classes.get(config.get("model_type"))
        if cls is None:
            continue
        given: dict[str, Any] = {}
        for path, section in _sections(config, ""):
            for key in sorted(keys & section.keys()):
                try:
                    value = value_at(section_of(cls(**_without(config, path, key)), path), key)
                    json.dumps(value)
                except Exception:  # noqa: BLE001 - the class has no such default, or rejects the rest without the key
                    continue
                if isinstance(value, (bool, int, float, str, list, type(None))):
                    given[f"{path}{key}"] = value
        identity = json.dumps([config.get("architectures"), given], sort_keys=True)
        if given and identity not in seen:
            seen.add(identity)
            yield {"name": name, "defaults": given}


def _sections(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, values
    for key, inner in values.items():
        if isinstance(inner, dict) and key.endswith("_config") and "quant" not in key:
            yield from _sections(inner, f"{path}{key}.")


def _without(config: Mapping[str, Any], path: str, key: str) -> dict[str, Any]:
    """The arguments of the class for the file without the key."""
    values = copy.deepcopy(dict(config))
    inner = values
    for name in filter(None, path.split(".")):
        inner = inner[name]
    del inner[key]
    return {key: value for key, value in values.items() if key not in ("quantization_config", "auto_map")}


def _write_table(beside: Sequence[Path]) -> None:
    import transformers
    import vllm

    keys, classes = read_keys(), transformers_classes() | vllm_classes()
    found = described(classes, served_types(classes), keys)
    others = {}
    for file in beside:
        others.update(json.loads(file.read_text()))
    found = without_varying(found, transformers.__version__, others)
    head = {
        "source": "configuration classes of transformers and of vLLM (transformers_utils/configs), constructed by "
        "scripts/upstream/config_defaults.py",
        "transformers": transformers.__version__,
        "vllm": vllm.__version__,
        "compared": sorted(others),
        "read": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }
    lines = [f"{json.dumps(name)}:{json.dumps(one, separators=(',', ':'))}" for name, one in found.items()]
    text = "".join(f"{json.dumps(key)}:{json.dumps(value)},\n" for key, value in head.items())
    FILE.write_text("{\n" + text + '"classes":{\n' + ",\n".join(lines) + "\n}}\n")
    print(f"{len(found)} classes, {FILE.stat().st_size} bytes")


def main(words: Sequence[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = options.add_subparsers(dest="command", required=True)
    commands.add_parser("table").add_argument("--beside", nargs="*", default=[], type=Path, metavar="FILE")
    commands.add_parser("cases")
    commands.add_parser("values")
    commands.add_parser("show").add_argument("types", nargs="+", metavar="MODEL_TYPE")
    given = options.parse_args(words)
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore")
    match given.command:
        case "table":
            _write_table(given.beside)
        case "values":
            import transformers

            classes = transformers_classes()
            print(json.dumps({transformers.__version__: described(classes, list(classes), read_keys())}))
        case "show":
            classes = transformers_classes() | vllm_classes()
            print(json.dumps(described(classes, given.types, read_keys()), indent=1))
        case "cases":
            classes = transformers_classes() | vllm_classes()
            lines = [json.dumps(case, separators=(",", ":")) for case in cases(classes, read_keys())]
            CASES.write_text("\n".join(lines) + "\n")
            print(f"{len(lines)} configurations")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
