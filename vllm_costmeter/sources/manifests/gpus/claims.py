"""Devices that pods claim (dynamic resource allocation) -> resources of their containers, as device plugins have them.

A claim's template stands in the same file or is not known; its device class names the driver (Kubernetes 1.34,
resource.k8s.io/v1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.yaml_tree import Node

_KINDS = ("ResourceClaimTemplate", "ResourceClaim")
_RESOURCES: Mapping[str, str] = {
    "gpu.nvidia.com": "nvidia.com/gpu",
    "gpu.amd.com": "amd.com/gpu",
    "tpu.google.com": "google.com/tpu",
    "neuron.aws.com": "aws.amazon.com/neuron",
    "gpu.intel.com": "gpu.intel.com/claim",
}
"""Device classes of the makers' drivers, under the resource that their device plugins have."""
_PROFILE = re.compile(r"\.profile\s*==\s*['\"]([\w.+]+)['\"]")


def with_claims(objects: Sequence[Node]) -> list[Node]:
    """The objects with what their pods claim put into their containers' limits."""
    templates = {_text(each, "metadata", "name"): each for each in objects if _text(each, "kind") in _KINDS}
    return [_filled(each, templates) for each in objects] if templates else list(objects)


def _filled(node: Node, templates: Mapping[str, Node]) -> Node:
    if node.items is not None:
        items = [_filled(each, templates) for each in node.items]
        same = all(new is old for new, old in zip(items, node.items, strict=True))
        return node if same else replace(node, items=items)
    if node.table is None:
        return node
    table = {key: _filled(value, templates) for key, value in node.table.items()}
    claims, containers = table.get("resourceClaims"), table.get("containers")
    if claims is not None and claims.items is not None and containers is not None and containers.items:
        asked = {_text(each, "name"): _limits(each, templates) for each in claims.items}
        table["containers"] = replace(
            containers, items=[_with_limits(each, asked) for each in containers.items]
        )
    same = all(value is node.table[key] for key, value in table.items())
    return node if same else replace(node, table=table)


def _limits(claim: Node, templates: Mapping[str, Node]) -> dict[str, Node]:
    """The resources of one claim of a pod, by the template that it names."""
    name = _text(claim, "resourceClaimTemplateName") or _text(claim, "resourceClaimName")
    found = templates.get(name)
    devices = (
        (found.get("spec", "spec", "devices") or found.get("spec", "devices")) if found is not None else None
    )
    requests = devices.get("requests") if devices is not None else None
    limits: dict[str, Node] = {}
    for request in requests.items or () if requests is not None else ():
        exact = request.get("exactly") or request
        driver = _text(exact, "deviceClassName")
        count = exact.get("count") or Node(request.place, text="1", text_line=request.place.line, kind="int")
        resource = _RESOURCES.get(driver, f"{driver}/gpu")
        if driver == "mig.nvidia.com":
            profile = _PROFILE.search(" ".join(_texts(exact)))
            resource = f"nvidia.com/mig-{profile[1]}" if profile is not None else "mig.nvidia.com/gpu"
        limits[resource] = count
    return limits


def _with_limits(container: Node, asked: Mapping[str, Mapping[str, Node]]) -> Node:
    own = container.get("resources", "claims") if container.table is not None else None
    limits: dict[str, Node] = {}
    for each in own.items or () if own is not None else ():
        limits |= asked.get(_text(each, "name"), {})
    if not limits or own is None or container.table is None:
        return container
    resources = Node(own.place, table={"limits": Node(own.place, table=limits)})
    return replace(container, table={**container.table, "resources": resources})


def _texts(node: Node) -> list[str]:
    if node.table is not None:
        return [text for value in node.table.values() for text in _texts(value)]
    return [text for item in node.items or () for text in _texts(item)] or [node.text or ""]


def _text(node: Node, *path: str) -> str:
    for key in path:
        found = node.table.get(key) if node.table is not None else None
        if found is None:
            return ""
        node = found
    return node.text or ""
