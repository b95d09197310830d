"""What one container starts: a vLLM server with its words, something else, or something that cannot be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.dynamo_flags import dynamo_words
from vllm_costmeter.sources.manifests.image import image_name, is_vllm_image
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.server import script_of, server_words
from vllm_costmeter.sources.manifests.shell import commands

_BYSTANDERS = re.compile(
    r"(?<![a-z])(exporter|router|proxy|gateway|dashboard|monitor|ui|webui|bench|benchmark|client|controller|operator|"
    r"scheduler|epp|sidecar|downloader|adapter|mock|sim|simulator|loadgen|tests?|tester|metrics|tokenizer)(?![a-z])"
)
"""Words in the names of images that go with vLLM and do not serve."""
_OTHER_SERVERS = re.compile(
    r"tritonserver|sglang|text-generation-inference|ollama|llama\.?cpp|tensorrt|lmdeploy"
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
_ENTRY = re.compile(r"(/.*/)?(ba|da)?sh|(/.*/)?python[\d.]*|(/.*/)?vllm")


@dataclass(frozen=True, slots=True)
class Started:
    """`words` of the server that a container starts; None for a container that starts none."""

    words: tuple[Word, ...] | None = None
    not_read: str | None = None
    """Why it may start one that could not be read."""


NOTHING = Started()


def started_by(
    image: str | None,
    command: Sequence[Word],
    arguments: Sequence[Word],
    variables: Mapping[str, str],
    *,
    has_gpu: bool,
) -> Started:
    """`command` replaces the image's entry point and `arguments` follow either, as in Kubernetes and Compose."""
    whole = [*command, *arguments]
    found = server_words(whole, variables)
    if found is None:
        found, fault = dynamo_words(whole, variables)
        if fault is not None:
            return Started(not_read=fault)
    if found is not None:
        return Started(found)
    if command or (arguments and _ENTRY.fullmatch(arguments[0].text) and arguments[0].text != "serve"):
        return _by_command(image, whole, variables, has_gpu=has_gpu)
    return _by_image(image or "", arguments, has_gpu=has_gpu)


def _by_image(image: str, arguments: Sequence[Word], *, has_gpu: bool) -> Started:
    """The image's own entry point."""
    name = image_name(image)
    is_official = is_vllm_image(image)
    if is_official or ("vllm" in name and arguments and not _BYSTANDERS.search(name)):
        rest = arguments[1:] if arguments and arguments[0].text == "serve" else arguments
        return Started(tuple(rest))
    if not has_gpu or _OTHER_SERVERS.search(image.casefold()):
        return NOTHING
    what = f"image {image:.80}" if image else "no image"
    return Started(not_read=f"{what} has GPUs and no command in the file, so what it starts is not known")


def _by_command(
    image: str | None, words: Sequence[Word], variables: Mapping[str, str], *, has_gpu: bool
) -> Started:
    """A command that starts no server by its own words: a script, or a program that may load vLLM itself."""
    if not (has_gpu or is_vllm_image(image or "")) or _OTHER_SERVERS.search((image or "").casefold()):
        return NOTHING
    script = script_of(words)
    parts = [list(words)] if script is None else commands(script.text, variables, script.line)
    is_vllm = "vllm" in image_name(image or "")
    for part in parts:
        what = _unclear(part, is_vllm=is_vllm)
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
