"""Which Kubernetes objects start pods, and where their pod templates stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.manifests.gpus.resources import is_accelerator
from vllm_costmeter.sources.manifests.yaml_tree import Node

_POD_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_VOLCANO = "batch.volcano.sh"
_OWN_GROUPS = ("", "v1", "apps", "batch", "extensions")
"""Kubernetes' own; a Job of another group has other fields."""
WITHOUT_PODS = frozenset(
    {"ConfigMap", "CustomResourceDefinition", "LLMInferenceServiceConfig", "PodTemplate", "Secret"}
)
"""Their content may look like a pod's, but starts none by itself."""
NEVER_A_SERVER = WITHOUT_PODS | frozenset(
    """
    AuthorizationPolicy BackendConfig BackendPolicy CacheServer Certificate ClusterIssuer ClusterQueue ClusterRole
    ClusterRoleBinding ComputeClass DestinationRule DeviceClass Endpoints EndpointSlice EnvoyExtensionPolicy
    EnvoyFilter ExternalSecret Gateway GCPBackendPolicy GrafanaDashboard GRPCRoute HealthCheckPolicy
    HorizontalPodAutoscaler HTTPRoute InferenceModel InferenceObjective InferencePool Ingress IngressClass
    IngressRoute Issuer Lease LimitRange LocalQueue LoraAdapter Middleware Namespace NetworkPolicy NodePool
    PeerAuthentication PersistentVolume PersistentVolumeClaim PodAutoscaler PodDisruptionBudget PodMonitor
    PodMonitoring PriorityClass Probe PrometheusRule ReferenceGrant ResourceClaim ResourceClaimTemplate
    ResourceFlavor ResourceQuota Role RoleBinding Route RuntimeClass ScaledObject SealedSecret SecretStore Service
    ServiceAccount ServiceEntry ServiceMonitor StorageClass TargetGroupBinding TCPRoute TLSRoute
    TrafficPolicy VerticalPodAutoscaler VirtualService VLLMRouter WorkloadPriorityClass
    """.split()  # noqa: SIM905 - seventy quoted words are no table
)
"""Kinds that may name a server and start none."""
HINTS: Mapping[str, str] = {
    "Application": "a chart that Argo CD renders: `helm template ... | costmeter check --file -`",
    "ApplicationSet": "charts that Argo CD renders: `helm template ... | costmeter check --file -`",
    "HelmRelease": "a chart that Flux renders: `helm template ... | costmeter check --file -`",
    "HelmChart": "a chart that Helm renders: `helm template ... | costmeter check --file -`",
    "Kustomization": "what Kustomize builds: `kustomize build . | costmeter check --file -`",
    "NIMService": "a NIM container, whose profile decides the flags",
    "NIMCache": "a NIM container, whose profile decides the flags",
    "DynamoGraphDeploymentRequest": "Dynamo decides the flags: check the DynamoGraphDeployment that it writes",
}
"""What to do about kinds that are not read, after "starts"."""


RENDERED = frozenset({"Application", "ApplicationSet", "HelmRelease", "HelmChart", "Kustomization"})
"""Those that only name what another tool renders: a file of nothing else is no deployment file."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template: its spec, and the number of such pods per replica."""

    owner: str
    spec: Node
    pods: int = 1
    variables: Mapping[str, str] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """Labels of its nodes that another object states."""
    is_follower: bool = False
    """Whether another pod of the same group holds the command: what it starts otherwise is part of that server."""


def pods_of(document: Node, kind: str, owner: str) -> Iterator[Pod]:
    """The pod templates of one object."""
    group = ((document.get("apiVersion") or document).text or "").partition("/")[0]
    if (group, kind) == (_VOLCANO, "Job"):
        yield from _volcano_job(document, owner)
    elif kind in _POD_TEMPLATES and group in _OWN_GROUPS:
        path = _POD_TEMPLATES[kind]
        spec = document.get(*path)
        if spec is None:
            raise document.place.fault(f"{owner}: {'.'.join(path)} is missing")
        yield Pod(owner, spec)
    elif kind == "LeaderWorkerSet" and document.get("spec", "leaderWorkerTemplate") is None:
        raise document.place.fault(f"{owner}: spec.leaderWorkerTemplate is missing")
    elif kind == "Service" and (document.get("apiVersion") or document).text in ("v1", None):
        spec = document.get("spec")
        if (
            spec is not None and spec.table is not None and "template" in spec.table
        ):  # Knative's, without its group
            yield from _anywhere(document, owner)
    elif kind not in WITHOUT_PODS:
        yield from _anywhere(document, owner)


def _volcano_job(document: Node, owner: str) -> Iterator[Pod]:
    """The pod of each task. Pods of a job find one another by its `svc` plugin or one of a framework, and may then run
    one server together."""
    tasks, plugins = document.get("spec", "tasks"), document.get("spec", "plugins")
    found = []
    for number, task in enumerate(tasks.sequence("tasks") if tasks is not None else ()):
        name, replicas, spec = task.get("name"), task.get("replicas"), task.get("template", "spec")
        if spec is None:
            raise task.place.fault(f"{owner}: template.spec is missing")
        count = whole_number((replicas.text or "").strip()) if replicas is not None else 1
        title = name.text if name is not None and name.text else f"task {number}"
        found.append(Pod(f"{owner}, {title}", spec, 1 if count is None else count))
    if not found:
        raise document.place.fault(f"{owner}: spec.tasks is missing")
    together = sum(pod.pods for pod in found) if plugins is not None and plugins.keys else 1
    yield from (replace(pod, pods=max(together, 1)) for pod in found if pod.pods)


def _anywhere(node: Node, owner: str) -> Iterator[Pod]:
    """Pod specs anywhere in an object of another kind (Knative, OpenShift, Argo Rollouts, JobSet, a CRD): mappings
    with a list of containers, and groups of pods with a leader."""
    if node.table is not None:
        group = node.table.get("leaderWorkerTemplate")
        if group is not None:
            yield from _leader_and_workers(group, owner)
            return
        if node.table.keys() >= {"headGroupSpec"}:
            yield from _ray_cluster(node, owner)
            return
        containers = node.table.get("containers")
        if containers is not None and containers.items and containers.items[0].table is not None:
            yield Pod(owner, node)
            return
        for key, value in node.table.items():
            yield from _anywhere(value, f"{owner}, {key}" if _is_named(node, key) else owner)
    for item in node.items or ():
        name = item.table.get("name") if item.table is not None else None
        yield from _anywhere(item, owner if name is None or name.text is None else f"{owner}, {name.text}")


def _is_named(node: Node, key: str) -> bool:
    """Whether a key is the name of one of several parts: services.Worker of Dynamo, prefill and decode of others."""
    return (
        key in ("prefill", "decode", "worker") and node.table is not None and "apiVersion" not in node.table
    )


def _leader_and_workers(group: Node, owner: str) -> Iterator[Pod]:
    size = group.get("size")
    pods = count_of(size, "size") if size is not None else 1
    leader, worker = group.get("leaderTemplate", "spec"), group.get("workerTemplate", "spec")
    variables = {"LWS_GROUP_SIZE": str(pods)}
    if leader is not None:
        yield Pod(owner, leader, pods, variables)
    if worker is not None:
        yield Pod(owner, worker, pods, variables, is_follower=leader is not None)


def _ray_cluster(node: Node, owner: str) -> Iterator[Pod]:
    """The head may start a server over all pods of the cluster."""
    head, groups = node.get("headGroupSpec", "template", "spec"), node.get("workerGroupSpecs")
    workers = []
    pods = 1
    for group in groups.sequence("workerGroupSpecs") if groups is not None else ():
        replicas = group.get("replicas")
        number = (replicas.text or "") if replicas is not None else ""
        pods += 1 if (said := whole_number(number)) is None else said
        spec = group.get("template", "spec")
        workers += [] if spec is None else [spec]
    if head is not None:
        yield Pod(f"{owner}, head", head, pods)
    for spec in workers:
        yield Pod(f"{owner}, workers", spec, pods, is_follower=True)


def mentions_a_server(node: Node) -> bool:
    """Whether a value names vLLM, or a key a GPU: a custom resource that may start a server. Its own name and labels
    do not count."""
    if node.table is not None:
        return any(
            is_accelerator(key) or mentions_a_server(value)
            for key, value in node.table.items()
            if key not in ("metadata", "apiVersion", "status")
        )
    if node.items is not None:
        return any(map(mentions_a_server, node.items))
    return "vllm" in (node.text or "").casefold()


def count_of(node: Node, what: str) -> int:
    """A whole number above 0; an error that names `what` otherwise."""
    text = node.string(what).strip()
    if not re.fullmatch(r"\d{1,5}", text) or int(text) < 1:
        raise node.place.fault(f"{what} must be a whole number above 0, got {text[:40]!r}")
    return int(text)
