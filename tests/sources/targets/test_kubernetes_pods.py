"""Targets from the Kubernetes API, in the form of its answers (v1 PodList)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_stand_in import engine, status

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.targets.kubernetes_pods import PodTargets
from vllm_costmeter.sources.targets.target import Target

PODS = Path(__file__).parents[2] / "data" / "kubernetes_pods.json"
FOUND = [
    Target(
        "http://10.42.3.17:8000/metrics",
        gpus=2,
        labels=(("namespace", "serving"), ("node", "gpu-node-3"), ("pod", "vllm-7c9d8f6b5-x2x4z")),
    ),
    Target(
        "https://[fd00:10:42::8]:8355/prometheus/metrics",
        gpus=8,
        labels=(("namespace", "serving"), ("node", "gpu-node-4"), ("pod", "trtllm-0")),
    ),
]


def pods(url: str, account: Path, **terms: Any) -> PodTargets:
    return PodTargets({}, selector="app=vllm", api=url.removesuffix("/metrics"), account=account, **terms)


def test_running_pods_are_targets_with_their_gpus(tmp_path: Path) -> None:
    """Asked with the service account, in its namespace; a pod that does not run or has no port is none."""
    (tmp_path / "token").write_text("account-token")
    (tmp_path / "namespace").write_text("serving")
    with engine() as api:
        api.page = PODS.read_text()
        assert pods(api.url, tmp_path)() == FOUND
        assert api.asked == ["/api/v1/namespaces/serving/pods?labelSelector=app%3Dvllm&limit=500"]
        assert api.credentials == ["Bearer account-token"]


def test_a_port_on_the_command_line_goes_before_the_pods(tmp_path: Path) -> None:
    """And gives one to the pod that names none."""
    with engine() as api:
        api.page = PODS.read_text()
        found = pods(api.url, tmp_path, port=9000, namespace="*")()
        assert [target.instance for target in found] == [
            "10.42.3.17:9000",
            "[fd00:10:42::8]:9000",
            "10.42.3.19:9000",
        ]
        assert api.asked[0].startswith("/api/v1/pods?")


def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    """The API's continue token is followed."""
    with engine() as api:
        first = json.loads(PODS.read_text())
        second = {**first, "metadata": {}, "items": [first["items"][3]]}
        first["metadata"]["continue"] = "next one"
        first["items"] = first["items"][:1]
        path = "/api/v1/namespaces/default/pods?labelSelector=app%3Dvllm&limit=500"
        api.pages = {path: json.dumps(first), f"{path}&continue=next+one": json.dumps(second)}
        assert len(pods(api.url, tmp_path, port=1)()) == 2


def test_the_api_is_asked_every_quarter_of_a_minute(tmp_path: Path) -> None:
    """Not with every look at a target."""
    with engine() as api:
        api.page = PODS.read_text()
        discovery = pods(api.url, tmp_path)
        assert discovery() == discovery()
        assert len(api.asked) == 1


@pytest.mark.parametrize("page", ["", "[]", "{}", '{"kind": "Status"}', '{"kind": "PodList", "items": [{}]}'])
def test_another_answer_is_refused(page: str, tmp_path: Path) -> None:
    """The last known targets stand, because this raises."""
    with engine() as api:
        api.page = page
        with pytest.raises(BadInputError, match="did not answer with a list of pods"):
            pods(api.url, tmp_path)()


def test_a_service_account_that_may_not_list_pods_is_said(tmp_path: Path) -> None:
    """What it lacks, in the words of Kubernetes."""
    with engine() as api:
        api.misbehave = status(403)
        with pytest.raises(BadInputError, match="the verb list on pods"):
            pods(api.url, tmp_path)()


def test_outside_of_a_cluster_the_api_must_be_named() -> None:
    """With how."""
    with pytest.raises(BadInputError, match="--k8s-api"):
        PodTargets({}, selector="app=vllm")
