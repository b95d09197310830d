"""Programs that may start vLLM and cannot be read: their words are not known, or what they start stands elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.shell.machine import Machine, Program
from vllm_costmeter.sources.shell.told import is_placeholder, names_vllm_image, told_words
from vllm_costmeter.sources.shell.values import Value

_SERVES = re.compile(
    r"(?<![\w.-])vllm[\"']?\s+serve\b|vllm\.entrypoints\.(openai\.)?api_server|vllm/entrypoints/\S*api_server|"
    r"\bdynamo\.vllm\b|\b(run|create)\b(?:[^\n]|(?<=\\)\n){0,600}\s([\w.:-]+/)*vllm[\w-]*[:/]\w"
)
_DECLARES = re.compile(
    r"\bimage:\s*[\"']?[\w.:/-]*vllm|^kind:\s*(LLMInferenceService|VLLMRuntime)\b", re.MULTILINE
)
_LONGEST_COMMAND = 4000
_VARIABLE = re.compile(r"\$\{?!?([A-Za-z_]\w*)")
_VLLM_FLAGS = re.compile(
    r"--(max[-_]model[-_]len|tensor[-_]parallel[-_]size|gpu[-_]memory[-_]utilization|"
    r"pipeline[-_]parallel[-_]size|max[-_]num[-_]seqs|enforce[-_]eager)\b"
)
_SPEAKS = re.compile(
    r"(?:^|\s)#[^\n]*|(?:^|[;&|({])[ \t]*"
    r"(?:\w*log\w*|echo|printf|e?grep|pgrep|pkill|die|fail|err\w*|info|warn\w*|usage)\b[^;&|\n]*",
    re.MULTILINE,
)
"""Comments and messages."""
_ELSEWHERE = frozenset(
    """
    kubectl oc microk8s k3s singularity apptainer shifter sarus enroot charliecloud udocker pm2 gcloud az aws ssh
    lxc incus systemd-run supervisorctl nomad sky modal salloc
    """.split()  # noqa: SIM905 - words
)
"""Programs that start what their words say on another machine, or in a container of their own kind."""
_RUN_OTHERS = _ELSEWHERE | frozenset(
    """
    nohup env sudo doas exec time timeout nice ionice setsid stdbuf numactl taskset srun mpirun mpiexec tmux screen su
    script parallel xargs flock runuser watch bash sh zsh dash uv uvx conda poetry pixi tini dumb-init docker podman
    nerdctl podman-hpc chroot gosu nsys ncu torchrun
    """.split()  # noqa: SIM905 - words
)
"""Programs that start the command among their words."""
_STARTS = frozenset(
    ("run", "exec", "create", "start", "apply", "launch", "up", "submit", "deploy", "instance")
)
_KEEP_TEXTS = frozenset(
    (
        "tee",
        "cat",
        "grep",
        "sed",
        "awk",
        "jq",
        "yq",
        "sort",
        "uniq",
        "tr",
        "cut",
        "curl",
        "python",
        "python3",
        "git",
        "mail",
    )
)
"""Programs that read a text and start nothing of it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A program that may start vLLM."""

    what: str
    """What of it is not known: a variable's placeholder, or the command."""
    why: str


def may_start(value: Value, machine: Machine) -> bool:
    """Whether a variable's value is, or holds, a command that starts vLLM."""
    texts = value if isinstance(value, tuple) else (value,)
    whole = " ".join(each.text for each in texts)[:_LONGEST_COMMAND]
    return ("vllm" in whole and _SERVES.search(whole) is not None) or any(
        _name(placeholder) in machine.may_start for each in texts for placeholder in each.unknown
    )


def names_vllm(program: Program, machine: Machine) -> bool:
    """Whether the program is a server, or may be one."""
    return any("vllm" in word.text for word in program.words) or why_unread(program, machine) is not None


def is_server(program: Program, machine: Machine) -> bool:
    """Whether the program is a server by its words, or may be one."""
    return start_of_flags(told_words(program.words)) is not None or why_unread(program, machine) is not None


def note_guard(script: str, machine: Machine) -> None:
    """A script that names a server and starts none, as variables are not set: a server that was not read."""
    guards, machine.guards = machine.guards, []
    if (
        not guards
        or not mentions_server(script)
        or any(is_server(each, machine) for each in machine.programs)
    ):
        return
    guard = next((each for each in reversed(guards) if each.ends), guards[-1])
    name = guard.names[0]
    what = f"${name}"
    does = "ends" if guard.ends else "passes over its server"
    hint = "check it as `-- bash SCRIPT ARGUMENTS`" if name.isdecimal() else f"add --set {name}=VALUE"
    why = f"the script {does} at line {guard.line}, unless {what} is set: {hint}"
    machine.programs.append(Program((Word(what, guard.line, (what,)),), {}, guard.line, not_read=why))


def why_unread(program: Program, machine: Machine) -> Unread | None:
    """What of a program that is no server by its words may be one; None where nothing speaks for it."""
    if not program.words:
        return None
    if program.not_read is not None:
        return Unread(program.words[0].text, program.not_read)
    return next(
        (
            found
            for found in (
                _by_variable(program, machine),
                _by_flags(program),
                _by_text(program),
                _by_file(program, machine),
                _by_words(program),
            )
            if found is not None
        ),
        None,
    )


def _by_variable(program: Program, machine: Machine) -> Unread | None:
    """`$CMD` or `nohup $CMD`, one of whose values starts vLLM."""
    first = program.words[0]
    for word in program.words if first.unknown or _base(first) in _RUN_OTHERS else ():
        for placeholder in word.unknown:
            name = _name(placeholder)
            if name in machine.may_start and not word.text.startswith("-"):
                why = (
                    f"runs {_shown(program.words)}: {placeholder:.40} starts vLLM with words that only the running "
                    f"machine knows: add --set {name}='vllm serve ...'"
                )
                return Unread(placeholder, why)
    return None


def _by_flags(program: Program) -> Unread | None:
    """`$BIN serve MODEL` and `$BIN MODEL` with flags of vLLM."""
    for at, word in enumerate(program.words[:-1]):
        behind = program.words[at + 1 :]
        if not is_placeholder(word) and _base(word) not in _RUN_OTHERS and "=" not in word.text:
            return None
        is_other = behind[0].text.endswith((".py", ".sh")) or behind[0].text in ("-m", "bench")
        if is_placeholder(word) and not is_other and any(map(_is_flag_of_vllm, behind)):
            name = _name(word.text)
            hint = f": add --set {name}=vllm" if name else ""
            return Unread(word.text, f"runs {_shown(program.words)}, and {word.text:.40} is not known{hint}")
    return None


def _by_text(program: Program) -> Unread | None:
    """A here-document that another machine or tool starts: `ssh HOST <<EOF`, `kubectl apply -f - <<EOF`."""
    names = [_base(word) for word in program.words]
    names = names[1:] if names[0] in ("sudo", "doas") else names
    text = program.stdin.text.text if program.stdin is not None else ""
    if not text or not names or names[0] in _KEEP_TEXTS or "build" in names[:3] or not mentions_server(text):
        return None
    shown = _shown(program.words)
    return Unread(shown, f"runs {shown} with a text that starts vLLM: check that text by itself")


def _by_file(program: Program, machine: Machine) -> Unread | None:
    """`docker compose up`, `kubectl apply -f` and `systemctl start` of a file that the script itself writes."""
    texts = [word.text for word in program.words]
    if "up" in texts[1:] and any("compose" in text for text in texts[:3]):
        paths = [path for path in machine.files if re.search(r"compose[^/]*\.ya?ml$", path) or path in texts]
    elif "systemctl" in texts[:2] and {"start", "restart", "enable"} & set(texts):
        units = tuple(f"/{text.removesuffix('.service')}.service" for text in texts)
        paths = [path for path in machine.files if f"/{path}".endswith(units)]
    elif any(_base(word) in _ELSEWHERE for word in program.words[:3]):
        paths = [text for text in texts if text in machine.files]
    else:
        return None
    for path in paths:
        if mentions_server(machine.files[path].text.text):
            shown = _shown(program.words)
            return Unread(
                shown,
                f"runs {shown}, which starts what {path:.80} holds: check that text by itself",
            )
    return None


def _by_words(program: Program) -> Unread | None:
    """`kubectl run --image=vllm/...`, `singularity run docker://vllm/...`, `pm2 start "vllm serve ..."`."""
    if not any(_base(word) in _ELSEWHERE for word in program.words[:3]):
        return None
    is_start = any(word.text in _STARTS for word in program.words)
    for word in program.words:
        is_image = is_start and any(map(names_vllm_image, _parts(word)))
        if is_image or _SERVES.search(word.text):
            shown = _shown(program.words)
            return Unread(
                shown, f"runs {shown}, which starts vLLM outside this script: check its command by itself"
            )
    return None


def _parts(word: Word) -> Iterator[str]:
    """The word, and its value behind `--image=` or `docker://`."""
    for text in (word.text, word.text.partition("=")[2]):
        yield re.sub(r"^(docker|oras|library)://", "", text)


@lru_cache(maxsize=64)
def mentions_server(text: str) -> bool:
    """Whether a text of commands or objects starts vLLM by its words, aside from comments and messages."""
    if "vllm" not in text.casefold():
        return False
    kept = _SPEAKS.sub("", text)
    return _SERVES.search(kept) is not None or _DECLARES.search(kept) is not None


def _is_flag_of_vllm(word: Word) -> bool:
    return _VLLM_FLAGS.match(word.text) is not None


def _name(placeholder: str) -> str:
    found = _VARIABLE.match(placeholder)
    return "" if found is None else found[1]


def _base(word: Word) -> str:
    return word.text.rsplit("/", 1)[-1]


def _shown(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)[:60].rstrip()
