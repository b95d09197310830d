"""Deployment files that nobody would write: servers or bad input, never a traceback, in bounded time."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import settled_words

KEYS = """
kind metadata name spec template containers command args image env envFrom value valueFrom configMapKeyRef configMapRef
key data volumes volumeMounts mountPath subPath configMap items path projected sources resources limits nvidia.com/gpu
services entrypoint environment env_file extends service file deploy reservations devices device_ids count gpus configs
source target content volumes include runtime prefix leaderWorkerTemplate size predictor model modelFormat run envs
""".split()  # noqa: SIM905 - words
TEXTS = [
    "Pod",
    "ConfigMap",
    "LeaderWorkerSet",
    "InferenceService",
    "vllm/vllm-openai:v0.32.0",
    "vllm",
    "serve",
]
TEXTS += [
    "m",
    "a",
    "2",
    "bash",
    "-c",
    "$(X)",
    "${X}",
    "$$X",
    "./a:/b",
    "~nobody/x:/y",
    "all",
    "--config",
    "/b/name",
]
TEXTS += ["vllm serve $X ${Y:-z} -tp $((A*2))", "", "\0", "x" * 300]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from(TEXTS))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=40,
)


def read(documents: list[Any], **given: str) -> None:
    """As `costmeter check --file` reads them, up to the words of each server."""
    text = "\n---\n".join(json.dumps(each) for each in documents)
    with contextlib.suppress(BadInputError, NotUnderstoodError):
        for server in servers_of(text.encode(), "x.yaml", given):
            settled_words(server)


@settings(deadline=None, max_examples=200)
@given(TREES, TREES, TREES, st.sampled_from(["Pod", "LeaderWorkerSet", "InferenceService", "ConfigMap"]))
def test_any_object(spec: Any, container: Any, values: Any, kind: str) -> None:
    """Kubernetes, with a ConfigMap and a container of any shape."""
    read(
        [
            {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": values},
            {"kind": kind, "metadata": {"name": "a"}, "spec": spec},
            {
                "kind": "Pod",
                "spec": {"volumes": spec, "containers": [container, {"image": "vllm", "env": values}]},
            },
        ],
        X="1",
    )


@settings(deadline=None, max_examples=200)
@given(TREES, TREES, TREES)
def test_any_project(service: Any, other: Any, more: Any) -> None:
    """Compose, with services of any shape."""
    own = {**service, "image": "vllm/vllm-openai"} if isinstance(service, dict) else service
    read([{"services": {"a": own, "name": other}, "configs": more, "include": None}], Y="2")


@pytest.mark.parametrize(
    "text",
    [
        "services: {s: {image: vllm/vllm-openai, command: '" + "${A:-" * 2000 + "}" * 2000 + "'}}",
        "services: {s: {image: vllm/vllm-openai, command: --model m" + " {a,b}" * 500 + "}}",
        "x: &x {a: 1}\n" + "\n".join(f"y{n}: {{<<: [{', '.join(['*x'] * 99)}]}}" for n in range(99)),
    ],
)
def test_what_expands_is_bounded(text: str) -> None:
    """Nested defaults, braces and merged anchors."""
    with contextlib.suppress(BadInputError):
        servers_of(text.encode(), "compose.yaml")
