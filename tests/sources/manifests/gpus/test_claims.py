"""Dynamic resource allocation: a claim is what its template's device class and count are."""

from __future__ import annotations

import pytest
from manifests import read

from vllm_costmeter.sources.manifests.server import DeclaredServer

TEMPLATE = """
    kind: ResourceClaimTemplate
    metadata: {name: t}
    spec: {spec: {devices: {requests: [{name: g, exactly: {deviceClassName: CLASS, count: 2}}]}}}
    ---
    kind: Pod
    metadata: {name: p}
    spec:
      resourceClaims: [{name: gpu, resourceClaimTemplateName: t}]
      containers:
      - {name: c, image: vllm/vllm-openai, args: [m], resources: {claims: [{name: gpu}]}}
"""


def server(device_class: str) -> DeclaredServer:
    (found,) = read(TEMPLATE.replace("CLASS", device_class))
    return found


def test_a_claim_of_whole_gpus() -> None:
    """Two of NVIDIA's driver."""
    found = server("gpu.nvidia.com")
    assert (found.gpus, found.gpu_vendor) == (2, "nvidia")


def test_a_claim_of_a_slice() -> None:
    """The profile stands in the selector."""
    rule = "device.attributes['gpu.nvidia.com'].profile == '1g.10gb'"
    found = server(f'mig.nvidia.com, selectors: [{{cel: {{expression: "{rule}"}}}}]')
    assert found.mig_profile == "1g.10gb"


@pytest.mark.parametrize(
    "device_class", ["gpu.intel.com", "tpu.google.com", "neuron.aws.com", "mine.example"]
)
def test_a_claim_of_something_else_is_not_read(device_class: str) -> None:
    """Other accelerators and unknown drivers."""
    assert server(device_class).not_read is not None
