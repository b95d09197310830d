"""Manifests as texts, and the servers read of them."""

from __future__ import annotations

import textwrap

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
