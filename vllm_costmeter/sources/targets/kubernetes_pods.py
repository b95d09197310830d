"""Targets from Kubernetes: the running pods that a label selector picks.

The API is asked as any program in a pod does (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod,
read 2026-11-28): with the pod's service account, which must be allowed to list pods.
"""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import OTHERWISE, BadInputError
from vllm_costmeter.sources.targets.credentials import SecretFile
from vllm_costmeter.sources.targets.http_page import HttpPages, PageError
from vllm_costmeter.sources.targets.target import Target, target_url

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GPU_RESOURCE = re.compile(r"(nvidia\.com/(gpu|mig-[\w.]+)|amd\.com/gpu|gpu\.intel\.com/(xe|i915))")
ASK_EVERY_SECONDS = 15.0
PODS_PER_PAGE, MOST_PAGES = 500, 20
MOST_BYTES = 64 << 20  # 500 pods have some 5 MB
PORT_NAMES = ("metrics", "http-metrics", "http", "api")


class PodTargets:
    """Called about once a second; asks the API every 15 seconds."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        selector: str,
        namespace: str | None = None,
        port: int | None = None,
        api: str | None = None,
        account: Path = ACCOUNT,
        ask_every_seconds: float = ASK_EVERY_SECONDS,
    ) -> None:
        """`namespace` None: the pod's own; `*`: all. `api`: its address, default: the cluster's. BadInputError
        outside of a pod."""
        self._selector, self._port = selector, port
        self._ask_every_seconds = ask_every_seconds
        self._ask_at = float("-inf")
        self._targets: list[Target] = []
        address = api or _api(environ)
        token = account / "token"
        secret = SecretFile(token, "the service account's token") if token.exists() or api is None else None
        authority = account / "ca.crt"
        own = account / "namespace"
        name = namespace or (own.read_text().strip() if own.exists() else "default")
        self._path = (
            "/api/v1/pods" if name == "*" else f"/api/v1/namespaces/{urllib.parse.quote(name, safe='')}/pods"
        )
        self._pages = HttpPages(
            address,
            timeout_seconds=10.0,
            authorization=lambda: None if secret is None else secret.header(),
            tls=ssl.create_default_context(cafile=str(authority)) if authority.exists() else None,
            most_bytes=MOST_BYTES,
        )

    def __call__(self) -> list[Target]:
        """The targets now. BadInputError if the API does not answer, or not like Kubernetes."""
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + self._ask_every_seconds
            self._targets = self._asked()
        return self._targets

    def _asked(self) -> list[Target]:
        found: list[Target] = []
        proceed: str | None = ""
        for _ in range(MOST_PAGES):
            query = {"labelSelector": self._selector, "limit": str(PODS_PER_PAGE)}
            query |= {"continue": proceed} if proceed else {}
            answer = self._page(f"{self._path}?{urllib.parse.urlencode(query)}")
            try:
                found += [
                    target for pod in answer["items"] if (target := pod_target(pod, self._port)) is not None
                ]
                proceed = answer.get("metadata", {}).get("continue") or None
            except OTHERWISE:
                raise BadInputError("the Kubernetes API did not answer with a list of pods") from None
            if proceed is None:
                break
        return list({target.key: target for target in found}.values())

    def _page(self, path: str) -> dict[str, Any]:
        try:
            answer = json.loads(self._pages.get(path)[0])
        except PageError as why:
            if why.reason == "unauthorized":
                raise BadInputError(
                    "the Kubernetes API refuses the list of pods: the service account needs the verb list on pods"
                ) from None
            raise BadInputError(f"the Kubernetes API: {why}") from None
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("kind") != "PodList":
            raise BadInputError("the Kubernetes API did not answer with a list of pods")
        return answer


def _api(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise BadInputError(
            "--discover k8s works in a pod, where KUBERNETES_SERVICE_HOST is set; elsewhere name the API with "
            "--k8s-api, such as http://127.0.0.1:8001 of kubectl proxy"
        )
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def pod_target(pod: Mapping[str, Any], port: int | None) -> Target | None:
    """The target of a pod; None if it does not run, or no port of it is known.

    The port: `port`, else the annotation prometheus.io/port, else the container port called metrics, http-metrics,
    http or api, else the only one. GPUs: what its containers are limited to.
    """
    status, spec, meta = pod["status"], pod["spec"], pod["metadata"]
    address = status.get("podIP")
    if status.get("phase") != "Running" or not address:
        return None
    notes = meta.get("annotations") or {}
    ports = [each for container in spec["containers"] for each in container.get("ports") or ()]
    named = {each.get("name"): each["containerPort"] for each in ports}
    candidates = [port, notes.get("prometheus.io/port"), *(named.get(name) for name in PORT_NAMES)]
    candidates += [ports[0]["containerPort"]] if len(ports) == 1 else []
    chosen = next((each for each in candidates if each), None)
    if chosen is None:
        return None
    host = f"[{address}]" if ":" in address else address
    scheme, path = notes.get("prometheus.io/scheme", "http"), notes.get("prometheus.io/path", "/metrics")
    gpus = sum(
        int(amount)
        for container in spec["containers"]
        for resource, amount in ((container.get("resources") or {}).get("limits") or {}).items()
        if GPU_RESOURCE.fullmatch(resource)
    )
    labels = {"namespace": meta["namespace"], "pod": meta["name"]}
    if spec.get("nodeName"):
        labels["node"] = spec["nodeName"]
    return Target(
        target_url(f"{scheme}://{host}:{chosen}{path}", f"pod {meta['name']}"),
        gpus or None,
        labels=tuple(sorted(labels.items())),
    )
