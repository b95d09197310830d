"""Which Kubernetes objects start pods, and where their pod templates stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.yaml_tree import Node

GPU_RESOURCES = ("nvidia.com/gpu", "amd.com/gpu", "nvidia.com/gpu.shared")
_POD_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_WITHOUT_PODS = frozenset({"ConfigMap", "CustomResourceDefinition", "Secret"})
"""Their content may look like a pod's, but starts none."""
NEVER_A_SERVER = _WITHOUT_PODS | frozenset(
    """
    AuthorizationPolicy BackendConfig BackendPolicy Certificate ClusterIssuer ClusterQueue ClusterRole
    ClusterRoleBinding ComputeClass DestinationRule DeviceClass Endpoints EndpointSlice EnvoyExtensionPolicy
    EnvoyFilter ExternalSecret Gateway GCPBackendPolicy GrafanaDashboard GRPCRoute HealthCheckPolicy
    HorizontalPodAutoscaler HTTPRoute InferenceModel InferenceObjective InferencePool Ingress IngressClass
    IngressRoute Issuer Lease LimitRange LocalQueue Middleware Namespace NetworkPolicy NodePool
    PeerAuthentication PersistentVolume PersistentVolumeClaim PodDisruptionBudget PodMonitor PodMonitoring
    PriorityClass Probe PrometheusRule ReferenceGrant ResourceClaim ResourceClaimTemplate ResourceFlavor
    ResourceQuota Role RoleBinding RuntimeClass ScaledObject SealedSecret SecretStore Service ServiceAccount
    ServiceEntry ServiceMonitor StorageClass TargetGroupBinding TCPRoute TLSRoute VerticalPodAutoscaler
    VirtualService WorkloadPriorityClass
    """.split()  # noqa: SIM905 - seventy quoted words are no table
)
"""Kinds that may name a server and start none."""
OTHER_STARTERS = (
    "ClusterServingRuntime",
    "DynamoGraphDeployment",
    "DynamoComponentDeployment",
    "LLMInferenceService",
    "NIMService",
    "RayCluster",
    "RayJob",
    "RayService",
    "ServingRuntime",
)
"""Kinds whose operators start vLLM by fields of their own, or with a model that another object names: not read."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template: its spec, and the number of such pods per replica."""

    owner: str
    spec: Node
    pods: int = 1
    variables: Mapping[str, str] | None = None


def pods_of(document: Node, kind: str, owner: str) -> Iterator[Pod]:
    """The pod templates of one object."""
    if kind == "InferenceService":
        predictor = document.get("spec", "predictor")
        if predictor is None:
            raise document.place.fault(f"{owner}: spec.predictor is missing")
        yield Pod(owner, predictor)
    elif kind == "LeaderWorkerSet":
        template = document.get("spec", "leaderWorkerTemplate")
        if template is None:
            raise document.place.fault(f"{owner}: spec.leaderWorkerTemplate is missing")
        size = template.get("size")
        pods = count_of(size, "size") if size is not None else 1
        for part in ("leaderTemplate", "workerTemplate"):
            spec = template.get(part, "spec")
            if spec is not None:
                yield Pod(owner, spec, pods, {"LWS_GROUP_SIZE": str(pods)})
    elif kind in _POD_TEMPLATES:
        path = _POD_TEMPLATES[kind]
        spec = document.get(*path)
        if spec is None:
            raise document.place.fault(f"{owner}: {'.'.join(path)} is missing")
        yield Pod(owner, spec)
    elif kind not in _WITHOUT_PODS:
        yield from (Pod(owner, spec) for spec in _pod_specs(document))


def _pod_specs(node: Node) -> Iterator[Node]:
    """Pod specs anywhere in an object of another kind (Knative, OpenShift, Argo Rollouts, a CRD): mappings with a list
    of containers."""
    if node.table is not None:
        containers = node.table.get("containers")
        if containers is not None and containers.items and containers.items[0].table is not None:
            yield node
            return
        for value in node.table.values():
            yield from _pod_specs(value)
    for item in node.items or ():
        yield from _pod_specs(item)


def mentions_a_server(node: Node) -> bool:
    """Whether a value names vLLM, or a key a GPU: a custom resource that may start a server. Its own name and labels
    do not count."""
    if node.table is not None:
        return any(
            key in GPU_RESOURCES or mentions_a_server(value)
            for key, value in node.table.items()
            if key != "metadata"
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
