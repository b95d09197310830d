"""systemd units (`ExecStart=`) and Podman quadlets (`[Container]`) -> the servers that they start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.containers import Started, started_by
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.hosts.commands import server_commands
from vllm_costmeter.sources.manifests.interpolation import expand
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.quoting import split_words
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.stages import staged
from vllm_costmeter.sources.manifests.unread_values import default_notes

_SECTION = re.compile(r"^\[(Unit|Service|Container|Install|Pod|Kube|Quadlet)\]\s*$", re.MULTILINE)
_INSTANCE = re.compile(r"%[iIjJ]")


@dataclass(frozen=True, slots=True)
class Setting:
    """One `Key=value` of a unit."""

    section: str
    key: str
    value: str
    line: int


def is_unit(text: str) -> bool:
    """Whether the text has a section of systemd's."""
    return _SECTION.search(text) is not None


def unit_servers(
    text: str, file: str, name: str, seen: list[str], given: Mapping[str, str]
) -> Iterator[DeclaredServer]:
    """The servers of a unit; `name` is the file's own name."""
    found = settings_of(text)
    if any(each.section == "Container" for each in found):
        yield from _quadlet(found, file, f"quadlet {name}", seen, given)
        return
    title = f"unit {name}"
    seen.append(title)
    variables = {**_environment(found, "Service"), **given}
    for each in found:
        if each.section == "Service" and each.key == "ExecStart" and each.value:
            line = _INSTANCE.sub("$(the instance's name)", each.value.lstrip("@-:+!|"))
            words = split_words(expand(line, variables), each.line)
            every = server_commands(words, variables) or _script(words)
            for number, started in enumerate(every, 1):
                yield DeclaredServer(
                    name=title if len(every) == 1 else f"{title}, server {number}",
                    place=Place(file, each.line),
                    words=started.words or (),
                    image=started.image,
                    not_read=started.not_read,
                    gpus=started.gpus,
                    gpus_line=started.gpus_line,
                    gpus_from=started.gpus_from or "the file",
                    machine=staged("units of systemd", started.stage),
                    devices=visible_devices(EVERY, started.environment),
                    environment=started.environment,
                    files=started.files,
                    notes=default_notes([each.value], variables, _environment_files(found)),
                )


def _script(words: Sequence[Word]) -> list[Started]:
    path = next((word.text for word in words[:2] if word.text.endswith((".sh", ".bash"))), None)
    if path is None:
        return []
    return [Started(not_read=f"runs {path:.80}, and what that starts is not in the file: check it as --file")]


def _quadlet(
    found: list[Setting], file: str, title: str, seen: list[str], given: Mapping[str, str]
) -> Iterator[DeclaredServer]:
    seen.append(title)
    own = {each.key: each for each in found if each.section == "Container"}
    image, run, entry = own.get("Image"), own.get("Exec"), own.get("Entrypoint")
    variables = {**_environment(found, "Service"), **given}
    devices = [each.value for each in found if each.section == "Container" and each.key == "AddDevice"]
    arguments = [each.value for each in found if each.key in ("PodmanArgs", "AddDevice")]
    start = started_by(
        image.value if image is not None else None,
        _split(entry, variables),
        _split(run, variables),
        variables,
        has_gpu=any("nvidia" in text or "gpu" in text for text in arguments),
    )
    place = Place(file, (run or image or found[0]).line)
    if start.words is None and start.not_read is None:
        return
    if start.more:
        fault = f"its container starts {len(start.each)} servers: check each, as in `costmeter check -- vllm serve ...`"
        yield DeclaredServer(name=title, place=place, words=(), not_read=fault)
        return
    numbers = [text.partition("=")[2] for text in devices if text.startswith("nvidia.com/gpu=")]
    listed = listed_devices(",".join(numbers)) if numbers else None
    yield DeclaredServer(
        name=title,
        place=place,
        environment=start.environment,
        files=start.files,
        words=start.words or (),
        not_read=start.not_read,
        image=image.value if image is not None else None,
        gpus=len(listed) if listed and listed is not EVERY else None,
        gpus_line=next((each.line for each in found if each.key == "AddDevice"), None),
        machine="units of systemd",
        devices=visible_devices(listed, _environment(found, "Container")),
        notes=default_notes(
            [each.value for each in (entry, run) if each is not None],
            {**variables, **_environment(found, "Container")},
            _environment_files(found),
        ),
    )


def _split(setting: Setting | None, variables: Mapping[str, str]) -> list[Word]:
    if setting is None:
        return []
    line = _INSTANCE.sub("$(the instance's name)", setting.value)
    return split_words(expand(line, variables), setting.line)


def _environment(found: list[Setting], section: str) -> dict[str, str]:
    variables: dict[str, str] = {}
    for each in found:
        if each.section == section and each.key == "Environment":
            words = split_words(each.value, each.line)
            variables |= dict(word.text.split("=", 1) for word in words if "=" in word.text)
    return variables


def _environment_files(found: list[Setting]) -> list[str]:
    """Files of the machine that the unit runs on; a dash before one says that it may be missing."""
    return [f"EnvironmentFile {each.value.lstrip('-')}" for each in found if each.key == "EnvironmentFile"]


def settings_of(text: str) -> list[Setting]:
    """Every setting with its section and first line; a backslash at the end of a line continues it."""
    found: list[Setting] = []
    section, pending = "", ""
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if pending and stripped.startswith(("#", ";")):
            continue  # systemd passes over comments inside a continued line
        if not pending:
            first = number
            if not stripped or stripped.startswith(("#", ";")):
                continue
            if re.fullmatch(r"\[.*\]", stripped):
                section = stripped[1:-1]
                continue
        if stripped.endswith("\\"):
            pending += f"{stripped[:-1]} "
            continue
        key, equals, value = f"{pending}{stripped}".partition("=")
        pending = ""
        if equals:
            found.append(Setting(section, key.strip(), value.strip(), first))
    return found
