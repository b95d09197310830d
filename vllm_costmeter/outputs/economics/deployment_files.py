"""One recommended server as a Compose or Kubernetes file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from vllm_costmeter.core.serving.deployment import Deployment

IMAGE = "vllm/vllm-openai:v{release}"
PORT = 8000


def compose(deployment: Deployment, model: str) -> str:
    """A Compose file with one service for each server; each takes its own GPUs, so more than one machine needs one
    such file on each."""
    gpus = deployment.gpus_per_server
    lines = [
        f"# {_summary(deployment)}",
        "services:",
        "  vllm:",
        f"    image: {_image(deployment)}",
        f"    command: {json.dumps(deployment.words(model)[2:])}",
        f'    ports: ["{PORT}:{PORT}"]',
        "    ipc: host",
        "    environment:",
        "      HF_TOKEN: ${HF_TOKEN:-}",
        "    volumes:",
        "      - ~/.cache/huggingface:/root/.cache/huggingface",
        "    deploy:",
        "      resources:",
        "        reservations:",
        "          devices:",
        f"            - {{driver: nvidia, count: {gpus}, capabilities: [gpu]}}",
    ]
    return "\n".join(lines) + "\n"


def kubernetes(deployment: Deployment, model: str) -> str:
    """A Deployment with one replica for each server, and a Service in front of them."""
    name = "vllm-" + re.sub(r"[^a-z0-9]+", "-", model.rpartition("/")[2].casefold()).strip("-")[:50]
    lines = [
        f"# {_summary(deployment)}",
        "apiVersion: apps/v1",
        "kind: Deployment",
        f"metadata: {{name: {name}}}",
        "spec:",
        f"  replicas: {deployment.servers}",
        f"  selector: {{matchLabels: {{app: {name}}}}}",
        "  template:",
        f"    metadata: {{labels: {{app: {name}}}}}",
        "    spec:",
        "      containers:",
        "        - name: vllm",
        f"          image: {_image(deployment)}",
        '          command: ["vllm", "serve"]',
        f"          args: {json.dumps(deployment.words(model)[2:])}",
        f"          ports: [{{containerPort: {PORT}}}]",
        f"          resources: {{limits: {{nvidia.com/gpu: {deployment.gpus_per_server}}}}}",
        "          readinessProbe:",
        f"            httpGet: {{path: /health, port: {PORT}}}",
        "            failureThreshold: 60",
        "            periodSeconds: 10",
        "          volumeMounts: [{name: shm, mountPath: /dev/shm}]",
        "      volumes: [{name: shm, emptyDir: {medium: Memory}}]",
        "---",
        "apiVersion: v1",
        "kind: Service",
        f"metadata: {{name: {name}}}",
        f"spec: {{selector: {{app: {name}}}, ports: [{{port: {PORT}}}]}}",
    ]
    return "\n".join(lines) + "\n"


def _summary(deployment: Deployment) -> str:
    gpu, servers = deployment.row.candidate.gpu.name, deployment.servers
    each = f"{deployment.gpus_per_server}x {gpu}"
    return (
        f"One of {servers} servers with {each} each, by costmeter recommend"
        if servers > 1
        else f"One server with {each}, by costmeter recommend"
    )


def _image(deployment: Deployment) -> str:
    number = ".".join(map(str, deployment.fit.engine.release.number))
    return IMAGE.format(release=number)


FILES: Mapping[str, Callable[[Deployment, str], str]] = {"compose": compose, "kubernetes": kubernetes}
