"""What one container starts: vLLM servers with their words, something else, or something that cannot be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.sources.manifests.dynamo_flags import dynamo_words
from vllm_costmeter.sources.manifests.image import entry_point_fault, image_name, is_program, is_vllm_image
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.stages import stages_of
from vllm_costmeter.sources.shell.machine import File, Machine, Program
from vllm_costmeter.sources.shell.started import StartedServer, run_command, server_started, server_with
from vllm_costmeter.sources.shell.syntax import ShellError

_BYSTANDERS = re.compile(
    r"(?<![a-z])(exporter|router|proxy|gateway|dashboard|monitor|ui|webui|bench|benchmark|client|controller|operator|"
    r"scheduler|epp|sidecar|downloader|adapter|mock|sim|simulator|loadgen|tests?|tester|metrics|tokenizer)(?![a-z])"
)
"""Words in the names of images that go with vLLM and do not serve."""
_OTHER_SERVERS = re.compile(
    r"tritonserver|sglang|text-(generation|embeddings)-inference|ollama|llama\.?cpp|koboldcpp|tensorrt|lmdeploy|infinity|"
    r"comfyui|stable-diffusion|whisper|localai|jupyter|dcgm|device-plugin|cuda-sample|vectoradd"
)
_HARMLESS = frozenset(
    """
    : [ [[ apt apt-get aws cat cd chmod chown cp curl date df do done echo else env esac exit export false fi for
    free gcloud getent git grep gsutil hf hostname huggingface-cli if kill ldconfig ln local ls mkdir mv nc
    nginx nvidia-smi pip pip3 printf ps pwd ray rclone rm sed set shift sleep source tail tar test then touch trap
    true ulimit uname unset until uv wait wget while which whoami .
    """.split()  # noqa: SIM905 - sixty quoted words are no table
)
"""Programs that start no server."""


@dataclass(frozen=True, slots=True)
class Started:
    """`words` of the server that a container starts; None for a container that starts none."""

    words: tuple[Word, ...] | None = None
    not_read: str | None = None
    """Why it may start one that could not be read."""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    image: str | None = None
    """The image that a command of the container itself starts (`docker run`)."""
    gpus: int | None = None
    """GPUs that its command or environment leaves it."""
    gpus_line: int | None = None
    gpus_from: str = ""
    devices: tuple[str, ...] | None = None
    """The GPUs of the machine that such a command gives its container; None if it states none."""
    stage: int = 0
    """Servers of one stage of a script run at the same time."""
    more: tuple[Started, ...] = ()
    """The other servers that it starts."""

    @property
    def each(self) -> tuple[Started, ...]:
        return (replace(self, more=()), *self.more)


NOTHING = Started()


def started_by(
    image: str | None,
    command: Sequence[Word],
    arguments: Sequence[Word],
    variables: Mapping[str, str],
    *,
    has_gpu: bool,
    files: Mapping[str, File] | None = None,
    gpus: int | None = None,
) -> Started:
    """`command` replaces the image's entry point and `arguments` follow either, as in Kubernetes and Compose.

    `files`: texts in the container, by path. `gpus`: how many it has, if known.
    ShellError for a script that cannot be read.
    """
    whole = [*command, *arguments]
    fault = entry_point_fault(image or "", arguments[0].text) if arguments and not command else None
    if fault is not None:
        raise ShellError(arguments[0].line, fault)
    ran = run_command(whole, variables, files, gpus=gpus)
    found = started_programs(whole, ran)
    if found:
        return replace(found[0], more=tuple(found[1:]))
    if command or (arguments and is_program(arguments[0].text)):
        return _by_command(image, ran, has_gpu=has_gpu)
    return _by_image(image or "", arguments, ran, variables, has_gpu=has_gpu)


def started_programs(script: Sequence[Word], ran: Machine) -> list[Started]:
    """The servers among the programs that a script started, in their order."""
    each = [
        (at, found) for at, program in enumerate(ran.programs) if (found := _started_program(program, ran))
    ]
    stages = stages_of(script, ran, [at for at, _ in each])
    return [replace(found, stage=stage) for (_, found), stage in zip(each, stages, strict=True)]


def _started_program(program: Program, ran: Machine) -> Started | None:
    """The server that one program is: vLLM's own, or a worker of Dynamo; None for any other."""
    server = server_started(program, ran)
    if server is not None:
        return _started(server)
    words, fault = dynamo_words(program.words)
    if fault is not None:
        return Started(not_read=fault)
    return None if words is None else replace(_started(server_with(program, 1, ran)), words=words)


def _started(server: StartedServer) -> Started:
    return Started(
        server.words,
        environment=server.environment,
        files=server.files,
        image=server.image,
        gpus=server.gpus,
        gpus_line=server.gpus_line,
        gpus_from=server.gpus_from,
        devices=server.devices,
        not_read=server.not_read,
    )


def _by_image(
    image: str, arguments: Sequence[Word], ran: Machine, variables: Mapping[str, str], *, has_gpu: bool
) -> Started:
    """The image's own entry point."""
    name = image_name(image)
    is_official = is_vllm_image(image)
    if is_official or ("vllm" in name and arguments and not _BYSTANDERS.search(name)):
        rest = arguments[1:] if arguments and arguments[0].text == "serve" else arguments
        line = arguments[0].line if arguments else 1
        own = run_command([Word("vllm", line), Word("serve", line), *rest], variables, ran.files)
        return _started(server_with(own.programs[0], 2, own))
    if not has_gpu or _OTHER_SERVERS.search(image.casefold()):
        return NOTHING
    if image:
        has = "arguments without a command" if arguments else "no command"
        return Started(
            not_read=f"image {image:.80} has GPUs and {has} in the file, so what it starts is not known"
        )
    if not arguments:
        return Started(
            not_read="the file names neither its image nor a command, so what it starts is not known"
        )
    what = "what its arguments start is not known: check them as in `costmeter check -- vllm serve ...`"
    return Started(not_read=f"the file names no image, so {what}")


def _by_command(image: str | None, ran: Machine, *, has_gpu: bool) -> Started:
    """A command that starts no server by its own words: a script, or a program that may load vLLM itself."""
    if not (has_gpu or is_vllm_image(image or "")) or _OTHER_SERVERS.search((image or "").casefold()):
        return NOTHING
    is_vllm = "vllm" in image_name(image or "")
    for program in ran.programs:
        what = _unclear(program.words, is_vllm=is_vllm)
        if what is not None:
            return Started(not_read=f"runs {what:.80}, and what that starts is not in the file")
    return NOTHING


def _unclear(words: Sequence[Word], *, is_vllm: bool) -> str | None:
    """The script or program that may start vLLM."""
    texts = [word.text for word in words if not re.match(r"[A-Za-z_]\w*=", word.text)]
    texts = texts[1:] if texts[:1] in (["exec"], ["nohup"], ["time"], ["sudo"]) else texts
    program = texts[0].rsplit("/", 1)[-1] if texts else ""
    if not program or program in _HARMLESS or program.startswith(("#", "-")):
        return None
    file = next((text for text in texts[:2] if re.search(r"\.(sh|bash|py)$", text)), None)
    if file is not None and (is_vllm or not file.endswith(".py")):
        return file
    return " ".join(texts[:3]) if is_vllm or any("vllm" in text.casefold() for text in texts) else None
