"""Scripts that end, or pass over their server, where a variable is not set."""

from __future__ import annotations

import pytest
from shells import lines, servers

from vllm_costmeter.sources.shell.values import GivenText

ENDS = "the script ends at line {}, unless {} is set: {}"
SET = "add --set M=VALUE"
ARGUMENTS = "check it as `-- bash SCRIPT ARGUMENTS`"


@pytest.mark.parametrize(
    ("guard", "says"),
    [
        ('if [ -z "$M" ]; then echo "set M" >&2; exit 1; fi', ENDS.format(1, "$M", SET)),
        ('[ -z "$M" ] && exit', ENDS.format(1, "$M", SET)),
        ('[ -n "$M" ] || { echo "set M"; exit 1; }', ENDS.format(1, "$M", SET)),
        ("usage() {\n exit 1\n}\n[[ -z ${M:-} ]] && usage", ENDS.format(2, "$M", SET)),
        ("if test -z $M\nthen\n exit 2\nfi", ENDS.format(3, "$M", SET)),
        ("[ $# -lt 1 ] && exit 1", ENDS.format(1, "$1", ARGUMENTS)),
        ("if (( $# < 1 )); then exit 1; fi", ENDS.format(1, "$1", ARGUMENTS)),
        ('case "${1:-help}" in help) exit 1;; esac', ENDS.format(1, "$1", ARGUMENTS)),
    ],
)  # fmt: skip
def test_a_script_that_ends_where_a_variable_is_not_set(guard: str, says: str) -> None:
    """The server behind it is not read, and the line says what to give."""
    (found,) = servers(f'{guard}\nvllm serve "$M"')
    assert found.not_read == says


@pytest.mark.parametrize(
    "script",
    [
        'if [ -n "$M" ]; then vllm serve $M; fi',
        '[ -n "$M" ] && vllm serve $M',
        'case "${M:-help}" in\nserve) vllm serve $M;;\nhelp) echo help;;\nesac',
    ],
)
def test_a_server_that_a_test_of_a_variable_passes_over(script: str) -> None:
    """Without an `exit`, too."""
    (found,) = servers(f"pip install vllm\n{script}")
    assert "the script passes over its server" in (found.not_read or "")
    assert lines(servers(script, M=GivenText("serve"))) == ["serve"]


@pytest.mark.parametrize(
    "script",
    [
        '[ -z "$M" ] && exit 1; echo vllm serve m; # vllm serve m',
        '[ -n "$DEBUG" ] && set -x; f() { vllm serve m; }; exit 0',
        "f() { [ $# -lt 1 ] && return 1; vllm serve $1; }",
        'if [ -z "$M" ]; then M=m; fi; pkill -f x; exit 0',
    ],
)
def test_a_script_without_a_server_behind_its_tests_has_none(script: str) -> None:
    """Messages, functions that nothing calls, tests that decide something else."""
    assert servers(script) == []


def test_a_server_that_starts_needs_no_word_on_another() -> None:
    """What an option that is not given leaves out."""
    assert lines(servers('[ -n "$P" ] && vllm serve p &\n[ -n "$M" ] || M=m; vllm serve $M')) == ["m"]


@pytest.mark.parametrize("every", ["$@", '"$@"', "$*", '"$*"'])
def test_all_arguments_of_a_script_in_a_variable_are_not_known(every: str) -> None:
    """As `$1` is, where none is given; those of a function and of a typed command are."""
    assert lines(servers(f"N={every}\nvllm serve m -pp $N")) == [f"m -pp {every.strip(chr(34))}"]
    assert lines(servers(f"f() {{ N={every}; vllm serve m $N; }}; f; N={every}")) == ["m"]
    assert lines(servers(f"N={every}\nvllm serve m -pp $N", "2")) == ["m -pp 2"]
