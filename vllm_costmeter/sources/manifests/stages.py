"""Which servers of one script run at the same time: those that it starts beside others, not after them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.machine import Machine, Program

_SERVER = re.compile(r"\bvllm[\"']?\s+serve\b|\bapi_server\b|\bdynamo\.vllm\b")
_AMPERSAND = re.compile(r"(?<![&>|<\\])&(?![&>\d])")
_DETACHED = re.compile(r"-[A-Za-z]*d[A-Za-z]*|--detach(=true)?")
_OF_TMUX = frozenset("neww new-window splitw split-window send send-keys".split())  # noqa: SIM905 - six words
_STOPS = re.compile(
    r"(?:^|[;&|({]|\b(?:then|do)\b)[ \t]*(?:sudo +)?(?:wait(?! +-n)|kill(?! +-[0lL])|killall|fuser +-\w*k|"
    r"xargs +(?:-\w+ +){0,4}kill|docker[- ]compose(?: +-[^\n;|&]{0,200})? +down)(?![-./\w])"
    r"(?![^\n;]{0,200}[\n;][ \t]{0,80}(?:exit|return)\b)|^[ \t]*(?:else|elif)\b|;;",
    re.MULTILINE,
)
"""What ends a server, waits for its end, or begins another branch; not `kill -0`, which asks whether it still runs, and
not what a script does before it gives up."""
_UNSAID = re.compile(r"(?:^|(?<=\s))#[^\n]*|\btrap\b[^\n]*", re.MULTILINE)
"""Comments, and hooks for the end of the script."""
_OPENS = re.compile(r"^\s*(for|while|until)\b|^\s*(?:function\s+)?([\w-]+)\s*(?:\(\)\s*)?\{")
_OPENINGS = re.compile(r"(?:^|;|\bdo\b)\s*(?:for|while|until)\b|^\s*(?:function\s+)?[\w-]+\s*(?:\(\)\s*)?\{")
_CLOSES = re.compile(r"(?:^|[;&])\s*(?:done|\})")
_KEEPS = re.compile(
    r"^\s*(?:(?:export|local|declare|readonly)\s+)?(?:-a\s+)?\w+\+?=(\(|\"[^\"]*(?:$|serve\b|-m\s)|'[^']*(?:$|serve\b|-m\s))"
)
"""A command that is put into a variable: where it starts is not where it stands."""
_DECLARES = re.compile(r"\s*(?:function\s+)?[\w-]+\s*\(\)\s*\{\s*$")
_LONGEST_LOOP = 2_000
_LONGEST_TEXT = 50_000


@dataclass(frozen=True, slots=True)
class _Between:
    """The script's text from the start of one server to that of the next."""

    text: str
    after: str
    """What of it stands behind the first one's start."""
    is_called_beside: bool = False
    """Whether the function that starts them is itself called in the background."""


def stages_of(script: Sequence[Word], ran: Machine, servers: Sequence[int]) -> list[int]:
    """The stage of each server; `servers` are their positions among the programs that the script started.

    Servers of one stage run at the same time. A later stage begins once the one before it has ended, or instead of it.
    Where the text is not known (a file of the image), servers count as running together.
    """
    lines = _lines(script, ran) if len(servers) > 1 else {}
    known: dict[tuple[int, int, int, int], _Between] = {}
    stages = [0] * min(len(servers), 1)
    nth: dict[int, int] = {}
    for number, at in enumerate(servers[1:]):
        first, second = ran.programs[servers[number]], ran.programs[at]
        line, last, until = first.words[0].line, max(word.line for word in first.words), second.words[0].line
        key = (line, last, until, nth.get(line, 0))
        nth[line] = min(key[3] + 1, 100)
        between = known.get(key) or known.setdefault(key, _between(lines, *key))
        is_over = between.text != "" and not (between.is_called_beside or _runs_on(between.text))
        programs = ran.programs[servers[number] + 1 : at]
        is_stopped = _STOPS.search(between.after) or any(_is_end(each, between.text) for each in programs)
        stages.append(stages[-1] + bool(is_over or is_stopped))
    return stages


def staged(machine: str, stage: int) -> str:
    """The machine's name for a server of that stage: servers of different stages do not meet there."""
    return f"{machine}, then {stage}" if stage else machine


def _lines(script: Sequence[Word], ran: Machine) -> dict[int, str]:
    """The script's lines by their number in the file."""
    found: dict[int, str] = {}
    for word in script:
        for number, text in enumerate(word.text.splitlines(), word.line):
            found[number] = f"{found[number]} {text}" if number in found else text
    for file in ran.files.values():
        for number, text in enumerate(file.text.text.splitlines(), file.line):
            found.setdefault(number, text)
    return found


def _between(lines: Mapping[int, str], line: int, last: int, until: int, nth: int) -> _Between:
    """From a server in the lines `line` to `last`, after `nth` others there, to the one that begins in `until`."""
    start = _start_of_command(lines, line)
    if any(_KEEPS.search(lines.get(at, "")) for at in (start, start - 1)):
        return _Between(_plain(lines, start, start + _LONGEST_LOOP), "")
    if until > last:
        end = _start_of_command(lines, until)
        text, own = _plain(lines, start, max(end, last + 1)), _plain(lines, end, until + 1)
        found, other = _SERVER.search(text), _SERVER.search(own)
        before = own[: other.start()] if other is not None else ""
        return _Between(text, f"{text[found.end() if found else 0 :]}\n{before}")
    text = _plain(lines, start, line + 1)
    each = list(_SERVER.finditer(text))
    if until == line and len(each) > nth + 1:
        text = text[: each[nth + 1].start()]
        return _Between(text, text[each[nth].end() :])
    above = range(line, max(line - _LONGEST_LOOP, 0), -1)
    opening = next((at for at in above if _OPENS.search(lines.get(at, ""))), line)
    closing = _closing(lines, opening, last)
    text = _plain(lines, opening if closing > line else start, closing + 1)
    opened = _OPENS.search(lines.get(opening, ""))
    name = opened[2] if opened is not None else None
    return _Between(text, text, name is not None and _is_called_beside(lines, name))


def _is_called_beside(lines: Mapping[int, str], name: str) -> bool:
    return any(
        text.split(maxsplit=1)[:1] == [name] and _AMPERSAND.search(text) is not None
        for text in lines.values()
    )


def _closing(lines: Mapping[int, str], opening: int, last: int) -> int:
    """The line that closes the loop or the function which begins at `opening`; `last` where none does."""
    depth = 0
    for at in range(opening, opening + _LONGEST_LOOP):
        text = lines.get(at, "")
        depth += len(_OPENINGS.findall(text)) - len(_CLOSES.findall(text))
        if depth <= 0:
            return max(at, last)
    return last


def _start_of_command(lines: Mapping[int, str], line: int) -> int:
    while lines.get(line - 1, "").rstrip().endswith("\\"):
        line -= 1
    return line


def _plain(lines: Mapping[int, str], start: int, end: int) -> str:
    """These lines without what does nothing there, each command in one line."""
    kept = [lines.get(number, "") for number in range(start, min(end, start + _LONGEST_LOOP))]
    text = "\n".join([*kept[:1], *_without_functions(kept[1:])])[:_LONGEST_TEXT].replace("\\\n", " ")
    return _UNSAID.sub("", text).strip("\n")


def _without_functions(lines: Sequence[str]) -> Iterator[str]:
    """The lines without the functions that they only declare."""
    ends = [number for number, text in enumerate(lines) if text.startswith("}")]
    until = -1
    for number, text in enumerate(lines):
        while ends and ends[0] < number:
            ends.pop(0)
        if number > until and ends and _DECLARES.match(text):
            until = ends[0]
        if number > until:
            yield text


def _runs_on(text: str) -> bool:
    """Whether a command of the text leaves a server running and goes on."""
    return _AMPERSAND.search(text) is not None or any(map(_detaches, re.split(r"[\n;|]", text)))


def _detaches(command: str) -> bool:
    """A container, a session of tmux or screen, or a unit in the background."""
    words = command.replace('"', " ").replace("'", " ").split()
    flags = [word for word in words if _DETACHED.fullmatch(word)]
    if "tmux" in words:
        return not _OF_TMUX.isdisjoint(words) or bool(flags)
    if "setsid" in words:
        return "-f" in words or "--fork" in words
    return (
        (bool(flags) and ("run" in words or "screen" in words))
        or "systemd-run" in words
        or ("pm2" in words and "start" in words)
    )


def _is_end(program: Program, text: str) -> bool:
    """Whether a program ends the servers before it: `pkill -f vllm`, `docker rm -f NAME` of the one that runs."""
    name, *rest = [word.text for word in program.words] or [""]
    name = name.rsplit("/", 1)[-1]
    if name in ("pkill", "killall"):
        return any(sign in word for word in rest for sign in ("vllm", "python", "serve", "$"))
    if name in ("docker", "podman", "nerdctl"):
        named = (f"--name{mark}{word}" in text for word in rest[1:] if word for mark in " =")
        return rest[:1] in (["rm"], ["stop"], ["kill"]) and any(named)
    return name == "tmux" and rest[:1] in (["kill-session"], ["kill-server"])
