"""A command that starts several servers: each is checked, as those of a deployment file."""

from __future__ import annotations

from functools import partial

from vllm_costmeter.cli.check.files import fault_as_answer
from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.cli.check.run import Run
from vllm_costmeter.cli.check.server import server_answer
from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, visible_devices
from vllm_costmeter.sources.manifests.image import other_device
from vllm_costmeter.sources.manifests.place import Place
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.shell.typed import typed_servers

FILE = "command"
"""In place of a file's name."""


def checked_command(text: str, request: CheckRequest) -> tuple[list[CheckAnswer], FileCounts]:
    """One result per server, in the order in which they start; an error of one is its result."""
    run = Run()
    servers = [
        DeclaredServer(
            name=f"server {number}",
            place=Place(FILE, each.words[0].line if each.words else 1),
            words=each.words,
            environment=each.environment,
            files=each.files,
            paths=each.paths,
            image=each.image,
            not_read=other_device(each.image or ""),
            gpus=each.gpus,
            gpus_line=each.gpus_line,
            gpus_from=each.gpus_from,
            machine=FILE,
            devices=visible_devices(EVERY, each.environment),
        )
        for number, each in enumerate(typed_servers([text], request.given), 1)
    ]
    checks = (partial(server_answer, server, request, run) for server in servers)
    return [fault_as_answer(FILE, check) for check in checks], FileCounts()
