"""The page of every message."""

from __future__ import annotations

import re

import pytest

from scripts.pages.messages import GAP, Message, messages
from scripts.pages.troubleshooting import Kind, kinds, sorted_out, troubleshooting
from vllm_costmeter.cli.main import main

TEXTS = re.findall(r"^- `+ ?(.+?) ?`+$", troubleshooting(), re.MULTILINE)


def test_every_message_of_the_package_is_of_one_kind_and_every_kind_has_messages() -> None:
    """A new message fails here until scripts/pages/troubleshooting.toml has a place for it."""
    found = sorted_out()
    assert sum(map(len, found.values())) == len(messages()) > 700
    assert sorted(found) == sorted(kind.title for kind in kinds())


def test_a_kind_takes_messages_by_their_text_or_by_their_place() -> None:
    kind = Kind("t", "c", "d", matches=["not there"], places=["sources/gpu/*"])
    assert not kind.has(Message("sources/gpu/x.py", 1, "the memory is estimated", is_note=True))
    assert kind.has(Message("cli/x.py", 1, f"{GAP}: is not there"))
    assert kind.has(Message("sources/gpu/nvml/deep.py", 1, "the driver hangs"))
    assert not kind.has(Message("cli/x.py", 1, "the driver hangs"))


@pytest.mark.parametrize(
    "words",
    [
        ("chek",),
        ("check", "nowhere/at/all.json", "--gpu", "H100 SXM"),
        ("check", "examples/models/llama-3.1-8b", "--gpu", "H100"),
        ("check", "examples/models/llama-3.1-8b", "--gpu", "RTX 4090", "--max-model-len", "many"),
        ("check", "examples/models/llama-3.1-8b", "--gpu", "RTX 4090", "--no-such-flag"),
        ("check", "Llama 9.9 8B", "--gpu", "RTX 4090"),
        ("cost", "--gpu", "RTX 4090"),
        ("cost", "--gpu", "RTX 4090", "--tokens-per-second", "-5"),
        ("compare", "--plan", "some GPUs for a while"),
        ("report", "--ledger", "none.sqlite3"),
        ("report", "--since", "the other day"),
        ("gate", "none.json", "--max-usd-per-million", "1"),
        ("budget", "set", "acme", "much", "--per", "month"),
        ("rules", "--engine", "ollama"),
        ("exporter", "--target", "ftp://somewhere", "--once"),
    ],
)
def test_what_a_command_says_of_bad_input_is_on_the_page(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """By its own text, with the gaps filled in."""
    assert main(words) == 2
    line = capsys.readouterr().err.removeprefix("costmeter: ").strip()
    likely = [text for text in TEXTS if re.search(re.escape(text).replace(GAP, ".*"), line)]
    assert likely, line


@pytest.mark.parametrize(
    ("words", "status", "begins"),
    [
        (("examples/models/llama-3.1-70b", "--gpu", "RTX 4090"), 1, "refused: "),
        (("examples/models/llama-3.1-8b", "--gpu", "RTX 4090"), 1, "refused: "),
        (("Llama 3.3 70B", "--gpu", "H100 SXM", "--quantization", "q4"), 1, "note: "),
        (("examples/models/llama-3.1-8b", "--gpu", "H100 SXM", "--headroom", "10%"), 0, "note: "),
        (("examples/models/llama-3.1-8b", "--gpu", "H100 SXM MIG 3g.40gb"), 0, "note: "),
        (("examples/models/llama-3.1-8b", "--gpu", "H100 SXM", "--vllm-version", "0.99.0"), 0, "note: "),
    ],
)
def test_what_a_check_answers_is_on_the_page(
    words: tuple[str, ...], status: int, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason of a refusal and each note, by their own text."""
    assert main(("check", *words)) == status
    lines = [
        line.removeprefix(begins) for line in capsys.readouterr().out.splitlines() if line.startswith(begins)
    ]
    assert lines
    for line in lines:
        assert any(re.fullmatch(re.escape(text).replace(GAP, ".*"), line) for text in TEXTS), line
