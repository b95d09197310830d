"""Values given by hand, which stand over those of the script."""

from __future__ import annotations

import pytest
from manifests import pod
from shells import lines

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.shell.started import run_command, servers_started
from vllm_costmeter.sources.shell.values import GivenText


@pytest.mark.parametrize(
    "script",
    [
        "M=b; vllm serve $M",
        "export M=b; vllm serve $M",
        "M+=b; vllm serve $M",
        "M=$(basename $X); vllm serve $M",
        "read M; vllm serve $M",
        "unset M; vllm serve $M",
        "f() { local M=b; vllm serve $M; }; f",
        "for M in b; do vllm serve $M; done",
        "if [ -f x ]; then M=b; fi; vllm serve $M",
        "bash -c 'M=b; vllm serve $M'",
        "docker run i bash -c 'vllm serve $M'",
        'eval "M=b"; vllm serve ${M:-c}',
    ],
)
def test_no_assignment_of_a_script_changes_a_value_given_by_hand(script: str) -> None:
    """Whatever sets the variable, and in every shell that the script starts."""
    words = [Word(each, 1) for each in ("bash", "-c", script)]
    assert lines(servers_started(run_command(words, {"M": GivenText("a")}))) == ["a"]


def test_a_command_in_a_variable_can_be_given_by_hand() -> None:
    """What the message on an unread variable advises."""
    script = "C='vllm serve m'; [ -f x ] && C+=' --enforce-eager'; $C"
    words = [Word(each, 1) for each in ("bash", "-c", script)]
    assert lines(servers_started(run_command(words, {"C": GivenText("vllm serve n")}))) == ["n"]


def test_a_value_given_by_hand_stands_over_a_containers_script() -> None:
    """As over its `env`."""
    text = pod("command: [sh, -c, 'M=b; vllm serve $M']\n")
    (server,) = servers_of(text.encode(), "deploy.yaml", {"M": "a"})
    assert [word.text for word in server.words] == ["a"]
