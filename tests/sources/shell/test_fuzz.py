"""Scripts, container commands and files that nobody would write: an answer or bad input, in bounded time."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from shells import command_servers, servers

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.interpolation import expand
from vllm_costmeter.sources.manifests.quoting import split_words
from vllm_costmeter.sources.shell.env_file import env_file_values
from vllm_costmeter.sources.shell.parameters import matcher

PIECES = (
    """
vllm serve m|$A|"$B"|${A:-x}|${A:+y z}|${A[@]}|$((A+1))|$(echo x)|`x`|'q'|"|'|A=1|B+=2|L=(a b)|if [ $A = 1 ]|; then
; else|fi|for i in 1 2|; do|done|while true|case $A in|a)|;;|esac|f() {|}|f|(|)|&&|&|;|<<EOF|> f|exec|exit|break|shift
set --|eval|bash -c|source f|{1..3}|{{x}}|<M>|#c|!|env X=1|sudo|docker run --gpus 2 i|((i++))|[[ $A == b* ]]|read x
unset A|${A//b/c}|${!A}|${#A}|$@|$1
$(docker run vllm/x:1 m)|$A serve m|nohup $A|eval "$A m"|kubectl run x|ssh h|f $c|[ -z $M ]
\\|~|*|?|--|-e|=|é
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
WORDS = (
    "docker",
    "run",
    "exec",
    "-it",
    "-e",
    "A=1",
    "--gpus",
    "all",
    '"device=0,1"',
    "--",
    "img",
    "bash",
    "-c",
    "--model",
)
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*PIECES, "\n", "||", "|", "\nEOF\n"]), max_size=25), ANY, ANY)
def test_any_script_is_read_or_is_bad_input(pieces: list[str], first: str, second: str) -> None:
    """No traceback and no endless run, whatever stands in it."""
    with contextlib.suppress(BadInputError):
        servers(" ".join(pieces), A=first, B=second)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.sampled_from(WORDS), ANY), max_size=15))
def test_any_command_is_read_or_is_bad_input(words: list[str]) -> None:
    """Words in any order, behind a container tool and elsewhere."""
    with contextlib.suppress(BadInputError):
        command_servers(*words)


@given(ANY, ANY)
def test_any_text_is_split_put_in_and_matched(text: str, other: str) -> None:
    """Compose's and systemd's readers raise nothing."""
    assert isinstance(expand(text, {"A": other}), str)
    assert all(word.text is not None for word in split_words(text))
    assert all(name for name in env_file_values(text, has_quotes=True))
    assert matcher("*")(text)
    matcher(other)(text)


def test_nothing_grows_without_bound() -> None:
    """Defaults within defaults, patterns of many stars and values that name one another."""
    assert len(expand("${A:-" * 3000 + "}" * 3000, {})) < 100_000
    assert not matcher("*a" * 200 + "b")("a" * 4000)
    assert expand("$A$A$A", {"A": "$A"}) == "$A$A$A"
