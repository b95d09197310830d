"""The architectures that each vLLM release serves, from its model registry.

python -m scripts.upstream.architectures FOLDER
    read FOLDER/VERSION/vllm, update served_releases.json, own_classes.txt and registry_groups.json
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.upstream.releases import releases_in
from scripts.upstream.source_tree import SourceTree

TABLE = Path(__file__).resolve().parents[2] / "vllm_costmeter" / "sources" / "models" / "served_releases.json"
GROUPS = Path(__file__).with_name("registry_groups.json")
OWN_CLASSES = TABLE.with_name("own_classes.txt")
REGISTRY = Path("vllm") / "model_executor" / "models" / "registry.py"
NOT_SERVED = frozenset({"_TRANSFORMERS_BACKEND_MODELS"})
BY_TRANSFORMERS = frozenset({"_TRANSFORMERS_SUPPORTED_MODELS", "_TRANSFORMERS_BACKEND_MODELS"})
GIVEN_UP = frozenset({"_PREVIOUSLY_SUPPORTED_MODELS", "_OOT_SUPPORTED_MODELS"})
"""vLLM refuses a name in one of these, with the last release or the plugin that serves it."""


def names(registry: Path) -> tuple[set[str], set[str]]:
    """(served, removed) in one release's registry."""
    served: set[str] = set()
    given_up: set[str] = set()
    for node in ast.parse(registry.read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Dict):
            continue
        keys = {
            key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        if target.id in GIVEN_UP:
            given_up |= keys
        elif target.id.endswith("_MODELS") and target.id not in NOT_SERVED:
            served |= keys
    return served, given_up


def extended(
    table: Mapping[str, Mapping[str, str]], old: str, new: str, trees: tuple[SourceTree, SourceTree]
) -> dict[str, object]:
    """The table of the releases up to `old`, or to `new` itself, with `new`; `trees` are those of both."""
    (served_before, _), (served, given_up) = (names(tree.folder / REGISTRY) for tree in trees)
    first, last = dict(table["first"]), dict(table["last"])
    first |= {name: new for name in served - served_before if name not in first}
    last |= {name: old for name in (served_before - served) & given_up if name not in last}
    return {
        "source": f"{str(table['source']).rpartition(' ')[0]} {new}",
        "first": dict(sorted(first.items())),
        "last": {name: release for name, release in sorted(last.items()) if name in given_up - served},
    }


def own_classes(folder: Path) -> list[str]:
    """Every architecture for which some release has a class of its own, or had one."""
    found: set[str] = set()
    for release in releases_in(folder):
        for node in ast.parse((folder / release / REGISTRY).read_text()).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if (
                isinstance(target, ast.Name)
                and isinstance(value, ast.Dict)
                and target.id not in BY_TRANSFORMERS
            ):
                found |= {
                    key.value
                    for key in value.keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
    return sorted(name for name in found if name.isidentifier() and name[0].isupper())


def groups(folder: Path) -> dict[str, object]:
    """The names in each group of the newest release's registry."""
    newest = releases_in(folder)[-1]
    found: dict[str, list[str]] = {}
    for node in ast.parse((folder / newest / REGISTRY).read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Dict):
            continue
        if target.id in GIVEN_UP or target.id == "_TRANSFORMERS_BACKEND_MODELS" or not value.keys:
            continue
        if target.id.startswith("_") and target.id.endswith("_MODELS"):
            keys = (key.value for key in value.keys if isinstance(key, ast.Constant))
            found[target.id.strip("_").removesuffix("_MODELS").lower().replace("_", " ")] = [
                str(key) for key in keys
            ]
    return {"release": newest, "groups": {name: names for name, names in found.items() if names}}


def table(folder: Path) -> dict[str, object]:
    """First release of the architectures added after the oldest release, last release of those removed."""
    releases = releases_in(folder)
    read = {release: names(folder / release / REGISTRY) for release in releases}
    spans: dict[str, list[str]] = {}
    for release in releases:
        for name in read[release][0]:
            spans.setdefault(name, []).append(release)
    newest_given_up = read[releases[-1]][1]
    return {
        "source": f"vllm/{REGISTRY.relative_to('vllm')} of {releases[0]} to {releases[-1]}",
        "first": {name: found[0] for name, found in sorted(spans.items()) if found[0] != releases[0]},
        "last": {
            name: found[-1]
            for name, found in sorted(spans.items())
            if found[-1] != releases[-1] and name in newest_given_up
        },
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(Path(sys.argv[1])), indent=0) + "\n")
    GROUPS.write_text(json.dumps(groups(Path(sys.argv[1])), indent=0) + "\n")
    OWN_CLASSES.write_text("\n".join(own_classes(Path(sys.argv[1]))) + "\n")
