"""Objects of operators that start vLLM by a preset or by their own templates: what they start does not stand in them.

Such an object may name neither vLLM nor a GPU, so that nothing else tells that it starts a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vllm_costmeter.sources.manifests.yaml_tree import Node

_BY_PRESET = "vLLM by a preset of KAITO, which decides model, flags and GPUs"
_BY_PROFILE = "a NIM container, whose profile decides the flags"
_BY_TEMPLATE = "vLLM by a runtime of its operator, which is not in the file"
_STARTS: Mapping[tuple[str, str], str] = {
    ("kaito.sh", "InferenceSet"): _BY_PRESET,
    ("kaito.sh", "MultiRoleInference"): _BY_PRESET,
    ("apps.nvidia.com", "NIMPipeline"): _BY_PROFILE,
    ("ome.io", "InferenceService"): _BY_TEMPLATE,
    ("inference.llmaz.io", "Playground"): _BY_TEMPLATE,
    ("inference.llmaz.io", "Service"): _BY_TEMPLATE,
    ("llm-d.ai", "ModelService"): _BY_TEMPLATE,
    ("fma.llm-d.ai", "InferenceServerConfig"): "vLLM in a launcher, with the options that it holds",
    ("airunway.ai", "ModelDeployment"): _BY_TEMPLATE,
    ("kubeairunway.ai", "ModelDeployment"): _BY_TEMPLATE,
    ("aim.eai.amd.com", "AIMService"): "an AIM container, whose profile decides the flags",
    ("run.ai", "InferenceWorkload"): "an image with a command that Run:ai puts together",
    (
        "inference.sagemaker.aws.amazon.com",
        "JumpStartModel",
    ): "a model with the settings of SageMaker JumpStart",
    ("inference.sagemaker.aws.amazon.com", "InferenceEndpointConfig"): "an image with settings of SageMaker",
    ("serving.yatai.ai", "BentoDeployment"): "code of a Bento, which is not in the file",
}
"""(API group, kind) -> what it starts."""
SIGNS = "|".join(sorted({re.escape(group) for group, _ in _STARTS}))
"""A pattern of the API groups."""
_DUAL_POD = re.compile(r"dual-pods?\.llm-d\.ai/(server-patch|inference-server-config)")
_NOT_TEMPLATES = ("containers", "initContainers", "volumes", "data", "status")


def started_by_operator(document: Node, kind: str) -> str | None:
    """What an object of an operator starts, after "starts"; None for any other object."""
    group = ((document.get("apiVersion") or document).text or "").partition("/")[0]
    if (group, kind) == ("kaito.sh", "Workspace"):
        return _BY_PRESET if "inference" in document.keys else None  # `tuning` is a training
    return _STARTS.get((group, kind))


def patched_servers(node: Node) -> Iterator[Node]:
    """Annotations of pod templates by which llm-d's dual-pods controller starts a server in a second pod."""
    metadata = (node.table or {}).get("metadata")
    annotations = (metadata.table or {}).get("annotations") if metadata is not None else None
    for key, value in (annotations.table or {}).items() if annotations is not None else ():
        if _DUAL_POD.fullmatch(key):
            yield value
    for key, value in (node.table or {}).items():
        if key not in _NOT_TEMPLATES:
            yield from patched_servers(value)
    for item in node.items or ():
        yield from patched_servers(item)
