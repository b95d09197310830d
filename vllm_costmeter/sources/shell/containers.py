"""`docker run`, `podman run`, `docker exec`: the program that they start in a container, its environment and GPUs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.image import entry_point_fault, is_program
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.shell.env_file import env_file_values
from vllm_costmeter.sources.shell.machine import Container, Machine, Program
from vllm_costmeter.sources.shell.syntax import ShellError
from vllm_costmeter.sources.shell.told import is_image, is_placeholder
from vllm_costmeter.sources.shell.values import Text, unknown

_SWITCHES = frozenset(
    """
    --detach --disable-content-trust --env-host --help --http-proxy --init --interactive --no-healthcheck
    --no-hostname --no-hosts --oom-kill-disable --passwd --privileged --publish-all --quiet --read-only
    --read-only-tmpfs --replace --rm --rmi --rootfs --sig-proxy --tls-verify --tty --gpu --mpi --nccl --cuda-mpi
    """.split()  # noqa: SIM905 - a table of words
)
"""Options of `docker run` 28, `podman run` 5 and `podman-hpc run` that take no value of their own; every other takes
one."""
_SHORT_SWITCHES = "ditPqT"


@dataclass(frozen=True, slots=True)
class _Option:
    name: str
    value: Word | None


def container_program(program: Program, machine: Machine) -> Program | None:
    """The program inside the container; None for `docker ps` and the like.

    Without `--entrypoint`, words that begin with a flag belong to the image's own server, whatever its name.
    """
    words = list(program.words)
    verb = next((at for at, word in enumerate(words[:6]) if word.text in ("run", "exec", "create")), None)
    if verb is None:
        return None
    options, rest = _options(words[verb + 1 :])
    images = machine.images
    while (
        rest
        and is_placeholder(rest[0])
        and not is_image(rest[0], images)
        and any(is_image(word, images) for word in rest[1:])
    ):
        more, rest = _options(rest[1:])  # `docker run $EXTRA vllm/vllm-openai`: options that are not known
        options += more
    if not rest:
        what = "an image" if words[verb].text != "exec" else "a container"
        raise ShellError(words[verb].line, f"{words[0].text} {words[verb].text} names no {what[2:].strip()}")
    image, arguments = rest[0], rest[1:]
    environment = _environment(options, program, machine)
    if words[verb].text == "exec":
        return Program(tuple(arguments), environment, image.line)
    container = Container(
        image.text, *_gpus(options, environment), _devices(options), tuple(_mounts(options))
    )
    entry = next((each.value for each in reversed(options) if each.name == "--entrypoint"), None)
    fault = entry_point_fault(image.text, arguments[0].text) if arguments and entry is None else None
    if fault is not None and any(re.search(r"\bserve\b|api_server", word.text) for word in arguments):
        first = replace(arguments[0], unknown=(arguments[0].text,))
        return Program((first,), environment, image.line, None, container, fault)
    if entry is not None:
        inner = [*([entry] if entry.text else []), *arguments]
    elif _is_for_own_server(image, arguments, images):
        served = arguments[1:] if arguments and arguments[0].text == "serve" else arguments
        inner = [Word("vllm", image.line), Word("serve", image.line), *served]
    else:
        inner = arguments
    return Program(tuple(inner), environment, image.line, program.stdin, container)


def _is_for_own_server(image: Word, arguments: Sequence[Word], images: Collection[str]) -> bool:
    """Whether the words are flags of the server that the image starts by itself."""
    if start_of_flags([word.text for word in arguments]) is not None:
        return False
    if arguments and arguments[0].text.startswith("-"):
        return True
    may_be_vllm = is_placeholder(image) and re.sub(r"\W", "", image.text) in images
    return ("vllm" in image.text.casefold() or may_be_vllm) and not (
        arguments and is_program(arguments[0].text)
    )


def _options(words: Sequence[Word]) -> tuple[list[_Option], list[Word]]:
    """The tool's own options, and the words behind them."""
    found: list[_Option] = []
    at = 0
    while at < len(words) and words[at].text.startswith("-") and words[at].text != "-":
        word, following = words[at], words[at + 1] if at + 1 < len(words) else None
        at += 1
        if word.text == "--":
            break
        if word.text.startswith("--"):
            name, equals, value = word.text.partition("=")
            if equals:
                found.append(_Option(name, replace(word, text=value)))
            elif name in _SWITCHES:
                found.append(_Option(name, None))
            else:
                found.append(_Option(name, following))
                at += 1
            continue
        for number, letter in enumerate(word.text[1:], 2):
            if letter in _SHORT_SWITCHES:
                continue
            behind = word.text[number:].removeprefix("=")
            found.append(_Option(f"-{letter}", replace(word, text=behind) if behind else following))
            at += 0 if behind else 1
            break
    return found, list(words[at:])


def _environment(options: Sequence[_Option], program: Program, machine: Machine) -> dict[str, Text]:
    """`-e NAME=value`, `-e NAME` of the caller, and `--env-file`; single variables go before files."""
    files: dict[str, Text] = {}
    found: dict[str, Text] = {}
    for name, word in ((each.name, each.value) for each in options if each.value is not None):
        if name in ("-e", "--env"):
            key, equals, value = word.text.partition("=")
            outer = program.environment.get(key)
            found[key] = Text(value, word.unknown) if equals else outer or unknown(f"${key}")
        elif name == "--env-file":
            file = machine.file(word.text)
            if file is None:
                raise ShellError(word.line, f"--env-file {word.text[:80]}: cannot be read")
            files |= {key: Text(value) for key, value in env_file_values(file.text.text).items()}
    return {**files, **found}


def _mounts(options: Sequence[_Option]) -> Iterator[tuple[str, str]]:
    """(folder inside, folder outside) of `-v` and `--mount type=bind`."""
    for each in options:
        text = each.value.text if each.value is not None else ""
        if each.name in ("-v", "--volume"):
            outside, _, rest = text.partition(":")
            inside = rest.partition(":")[0]
        elif each.name == "--mount":
            parts = dict(part.partition("=")[::2] for part in text.split(","))
            outside = parts.get("source") or parts.get("src") or ""
            inside = parts.get("target") or parts.get("destination") or parts.get("dst") or ""
        else:
            continue
        if outside.startswith(("/", ".", "~")) and inside.startswith("/"):
            yield inside.rstrip("/") or "/", outside


def _gpus(options: Sequence[_Option], environment: dict[str, Text]) -> tuple[int | None, int | None]:
    """(number, line) of the GPUs that the options give; None for all or none stated."""
    devices: list[str] = []
    for each in options:
        if each.value is None or each.value.unknown:
            continue
        if each.name == "--gpus":
            count = counted_gpus(each.value.text)
            return count, each.value.line if count is not None else None
        if each.name == "--device":
            devices += _device(each.value.text)
            line = each.value.line
    if devices and "all" not in devices:
        return len(dict.fromkeys(devices)), line
    return None, None


def _devices(options: Sequence[_Option]) -> tuple[str, ...] | None:
    """Which GPUs the options give: `--gpus 2` are the first two."""
    listed: list[str] = []
    for each in options:
        if each.value is None or each.value.unknown:
            continue
        if each.name == "--gpus":
            plain = re.sub(r"[\"']", "", each.value.text.strip())
            count = counted_gpus(plain)
            if plain.startswith("device=") and count is not None:
                names = (
                    part for part in plain.removeprefix("device=").split(",") if part and "=" not in part
                )
                return tuple(dict.fromkeys(names))
            return ("all",) if count is None else tuple(map(str, range(count)))
        if each.name == "--device":
            listed += _device(each.value.text)
    return tuple(dict.fromkeys(listed)) or None


def counted_gpus(text: str) -> int | None:
    """`--gpus` of Docker: all, a number, `device=0,1`, `count=2`. BadInputError for any other value."""
    plain = text.strip().replace('"', "").replace("'", "")
    if plain in ("all", "count=all", "-1", "count=-1") or plain.startswith(("capabilities=", "driver=")):
        return None
    match = re.fullmatch(r"(?:count=)?([1-9]\d{0,4})(,.*)?", plain)
    if match is not None:
        return int(match[1])
    if plain.startswith("device="):
        names = [part for part in plain.removeprefix("device=").split(",") if part and "=" not in part]
        return None if "all" in names or not names else len(dict.fromkeys(names))
    raise BadInputError(f"--gpus must be all, a number or device=0,1, got {text[:40]!r}")


def _device(text: str) -> Iterator[str]:
    cdi = re.fullmatch(r"nvidia\.com/gpu=(.+)", text)
    if cdi is not None:
        yield cdi[1]
    elif match := re.match(r"/dev/nvidia(\d+)", text):
        yield match[1]


def visible_gpus(environment: dict[str, Text]) -> tuple[str, int] | None:
    """The variable that leaves the fewest GPUs visible, and how many; None if none says a number."""
    found = []
    for name in (
        "CUDA_VISIBLE_DEVICES",
        "NVIDIA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
    ):
        value = environment.get(name)
        if value is None or not value.is_known or value.text.strip() in ("", "all", "none", "void", "-1"):
            continue
        names = [part.strip() for part in value.text.split(",") if part.strip()]
        found.append((name, len(dict.fromkeys(names))))
    return min(found, key=lambda each: each[1], default=None)
