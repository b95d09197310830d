"""Manifests as texts, and the servers read of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import DeclaredServer


def read(text: str) -> list[DeclaredServer]:
    """The servers of a file's text."""
    return servers_of(textwrap.dedent(text).encode(), "deploy.yaml")


def only(text: str) -> DeclaredServer:
    """The one server of a file's text."""
    (server,) = read(text)
    return server


def words(server: DeclaredServer) -> str:
    """A server's command line."""
    return " ".join(word.text for word in server.words)


def pod(container: str, more: str = "") -> str:
    """A pod of one container."""
    return f"kind: Pod\nmetadata: {{name: p}}\nspec:\n{more}  containers:\n  - name: c\n" + textwrap.indent(
        textwrap.dedent(container), "    "
    )


def deployment(folder: Path, arguments: str, gpus: int = 1) -> Path:
    """A Deployment on L4 GPUs."""
    file = folder / "deployment.yaml"
    file.write_text(f"""\
kind: Deployment
metadata: {{name: llama}}
spec:
  template:
    spec:
      nodeSelector: {{cloud.google.com/gke-accelerator: nvidia-l4}}
      containers:
      - name: vllm
        image: vllm/vllm-openai
        args: {arguments}
        resources: {{limits: {{nvidia.com/gpu: {gpus}}}}}
""")
    return file
