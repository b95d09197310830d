"""Words as bash expands them, held against bash itself where it is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shells import line, servers

WORDS = [
    "a b\\\n  c",
    "a 'b c' \"d e\" f#g",
    "a ${X:+--eager} ${NONE:+no} ${NONE:-d} ${X:-d} ${X-d} ${EMPTY:-d} ${EMPTY-d} ${X+y}",
    'a "${X:+b c}" ${X:+b "c d"} "${NONE:-}" ${NONE:-}',
    "a $TWO \"$TWO\" x${TWO}y '$TWO'",
    "a $((2 * N + 1)) $(( N > 3 ? 8 : 4 )) $((-7 / 2)) $((-7 % 3)) $((1 << 4)) $((010)) $((2 ** 3))",
    "a ${PATH_##*/} ${PATH_#*/} ${PATH_%/*} ${PATH_%%/*} ${PATH_/b/x} ${PATH_//b/x} ${PATH_^^} ${PATH_:1:3} ${#PATH_}",
    'a $\'b\\tc\' "x\\"y\\$z" \\$N',
    'a "$@" $# $1 "${2:-q}" ${9:-none} "$*"',
    'a "--json={\\"k\\": \\"$N\\"}" \'{"k":"\'"$N"\'"}\'',
    "a {1..3} ${N}th",
    'L=(1 "2 3"); L+=(4); a "${L[@]}" ${L[1]} "${L[*]}" ${#L[@]} ${L[0]} ${L[-1]}',
    "X=2 ; Y=$X$N; Y+=z; a $Y; unset Y; a ${Y-gone}",
    ': ${NEW:=v}; a "$NEW"',
    "a $(echo b c) \"$(printf '%s' 'd e')\" $(seq 2) $(basename x/y.sh .sh) $(dirname x/y)",
    "set -- p 'q r'; a \"$@\"; shift; a $1",
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash itself is the oracle")
@pytest.mark.parametrize("script", WORDS)
def test_words_are_bashs_own(script: str) -> None:
    """Quotes, splitting, defaults, alternatives, arithmetic, arrays, arguments and substitutions."""
    variables = {"X": "1", "EMPTY": "", "TWO": " b  c ", "N": "4", "PATH_": "ab/b/cb"}
    arguments = ["one", "two words"]
    function = "a() { printf '%s\\0' \"$@\"; printf '\\n'; }; "
    done = subprocess.run(
        ["bash", "-c", function + script, "script", *arguments],
        capture_output=True,
        text=True,
        env={**variables, "PATH": "/usr/bin:/bin"},
        check=True,
    )
    found = servers(f'a() {{ vllm serve "$@"; }}; {script}', *arguments, **variables)
    assert [[word.text for word in server.words] for server in found] == _rows(done.stdout)


def _rows(printed: str) -> list[list[str]]:
    return [row.split("\0")[:-1] if row else [] for row in printed.split("\n")[:-1]]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=1))
def test_quoted_words_come_back(words: list[str]) -> None:
    """What shlex quotes is one word, whatever it holds."""
    (server,) = servers(f"vllm serve {shlex.join(words)}")
    assert [word.text for word in server.words] == words


@pytest.mark.parametrize(
    ("script", "placeholders"),
    [
        ("vllm serve $MODEL", {"$MODEL"}),
        ("vllm serve m -tp ${TP}", {"${TP}"}),
        ("vllm serve m -tp $(nvidia-smi -L | wc -l)", {"$(nvidia-smi -L | wc -l)"}),
        ("vllm serve m -tp $((TP * 2))", {"$((TP * 2))"}),
        ("vllm serve ${KEY:-default}", {"$KEY"}),
        ("vllm serve m -tp `nproc`", {"`nproc`"}),
        ("read N; vllm serve m -tp $N", {"$N"}),
        ("if [ -f /x ]; then N=1; else N=2; fi; vllm serve m -tp $N", {"$N"}),
        ("vllm serve m -tp ${X%%.*}", {"${X%%.*}"}),
    ],
)
def test_what_is_not_known_is_named(script: str, placeholders: set[str]) -> None:
    """A placeholder stands where the value would, and is never dropped."""
    (server,) = servers(script, KEY="$(KEY)")
    assert {name for word in server.words for name in word.unknown} == placeholders
    assert all(any(name in word.text for word in server.words) for name in placeholders)


def test_only_an_unquoted_placeholder_may_be_several_words() -> None:
    """`$MORE` may be any flags, `"$MORE"` is one word."""
    (server,) = servers('vllm serve m $MORE "$ONE"')
    assert [word.is_open for word in server.words] == [False, True, False]


def test_words_know_their_line() -> None:
    """Across continuations and quotes that hold a newline."""
    (server,) = servers("# one\nvllm serve m \\\n  -tp 2 'a\nb' \\\n  -pp 3")
    assert [word.line for word in server.words] == [2, 3, 3, 3, 5, 5]


def test_a_word_that_splits_keeps_its_order() -> None:
    """As `exec vllm serve M $MORE` has it."""
    assert line("exec vllm serve m $MORE", MORE="--a 1 --b") == "m --a 1 --b"
