"""What stops a start of vLLM: read from sources by syntax, classified by hand, published as a page."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from scripts.upstream import refusals
from scripts.upstream.ledger import classify, read_reasons, read_stops
from scripts.upstream.releases import Span, compare, key_of, releases_in
from scripts.upstream.start_path import at_start, on_start_path, start_stops
from scripts.upstream.stops import Stop, stops_of

REASONS = read_reasons()
ROWS = read_stops()


def read(source: str, module: str = "config/cache.py") -> list[Stop]:
    return list(stops_of(dedent(source), module))


def test_a_stop_carries_its_place_message_and_every_test_around_it() -> None:
    (stop,) = read("""
        class Cache:
            def verify(self):
                if self.on:
                    return
                elif self.size > 4:
                    for block in self.blocks:
                        raise ValueError(f"{block.size} is more than "
                                         "4 blocks")
        """)
    assert stop == Stop(
        "config/cache.py",
        "Cache.verify",
        "raise",
        "ValueError",
        "{block.size} is more than 4 blocks",
        "not (self.on) and self.size > 4",
        8,
    )


def test_a_message_built_beforehand_is_followed_to_its_text() -> None:
    (stop,) = read("""
        def check(mode):
            text = f"{mode} is not supported"
            text += "; try PIECEWISE"
            raise ValueError(text)
        """)
    assert stop.message == "{mode} is not supported; try PIECEWISE"


def test_assertions_exits_cases_and_handlers_count_as_stops() -> None:
    found = read("""
        def start(kind):
            assert kind != 3, "three"
            match kind:
                case 4:
                    sys.exit(1)
            try:
                load()
            except OSError:
                raise RuntimeError("no file")
        """)
    assert [(stop.kind, stop.condition) for stop in found] == [
        ("assert", "not (kind != 3)"),
        ("exit", "kind is 4"),
        ("raise", "caught OSError"),
    ]


def test_what_passes_an_error_on_or_is_abstract_is_no_stop() -> None:
    assert not read("""
        class Backend:
            def name(self):
                '''The name.'''
                raise NotImplementedError
            @abstractmethod
            def build(self):
                raise ValueError("never")
            def load(self):
                try:
                    self.read()
                except OSError as error:
                    raise error
                except KeyError:
                    raise
        """)


def test_other_hardware_and_later_calls_are_off_the_start_path() -> None:
    modules = (
        "config/vllm.py",
        "platforms/rocm.py",
        "model_executor/models/llama.py",
        "v1/worker/tpu_worker.py",
    )
    assert [on_start_path(module) for module in modules] == [True, False, True, False]
    request = Stop("v1/engine/core.py", "EngineCore.add_request", "raise", "ValueError", "x", "", 1)
    start = request._replace(function="EngineCore.__init__")
    shape = start._replace(module="v1/worker/gpu_model_runner.py", kind="assert")
    assert list(at_start([request, start, shape])) == [start]


def test_two_releases_are_compared_by_message_and_condition() -> None:
    """A renamed function is a move, a new test around a statement is told, neither is a new refusal."""
    kept = Stop("config/a.py", "f", "raise", "ValueError", "too long", "n > 4", 3)
    moved = Stop("config/a.py", "g", "raise", "ValueError", "too short", "n < 1", 9)
    gone = Stop("config/a.py", "h", "raise", "ValueError", "odd", "n % 2", 12)
    tighter = kept._replace(condition="n > 2", line=4)
    changes = compare(
        [kept, moved, gone], [tighter, moved._replace(module="config/b.py"), gone._replace(message="even")]
    )
    assert [stop.message for stop in changes.added] == ["even"]
    assert [stop.message for stop in changes.removed] == ["odd"]
    assert [(old.module, new.module) for old, new in changes.moved] == [("config/a.py", "config/b.py")]
    assert [(old.condition, new.condition) for old, new in changes.tightened] == [("n > 4", "n > 2")]


def test_releases_are_found_oldest_first(tmp_path: Path) -> None:
    for release in ("0.9.0", "0.10.1", "notes"):
        (tmp_path / release / "vllm" / "config").mkdir(parents=True)
    assert releases_in(tmp_path) == ["0.9.0", "0.10.1"]


def test_a_folder_without_sources_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusals.main(["list", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert refusals.main(["collect", str(tmp_path)]) == 2


def test_a_release_is_listed_from_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "cache.py").write_text('if size > 4:\n    raise ValueError("too large")\n')
    assert refusals.main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "config/cache.py:2 <module>: ValueError: too large if size > 4\n"
    assert [stop.line for stop in start_stops(tmp_path)] == [2]


def test_the_first_reason_that_matches_holds() -> None:
    """The refusal of Mamba blocks is not lost among CUDA graph settings."""
    stop = Stop(
        "config/compilation.py",
        "CompilationConfig.resolve_cudagraph_mode_and_sizes",
        "raise",
        "ValueError",
        "max_num_seqs ({max_num_reqs}) exceeds available Mamba cache blocks ({kv_cache_config.num_blocks}).",
        "cudagraph_mode.has_full_cudagraphs()",
        1525,
    )
    (row,) = classify({key_of(stop): Span("0.20.0", "0.33.0", stop.condition)}, REASONS)
    assert (row.reason, row.first, row.last) == ("mamba-blocks", "0.20.0", "0.33.0")


def test_every_statement_has_a_known_reason_and_every_reason_a_statement() -> None:
    """A reason whose patterns match nothing describes what is not there, but for what C++ and argparse refuse."""
    used = {row.reason for row in ROWS}
    known = {reason.id for reason in REASONS}
    assert used <= known
    assert known - used == {"int8-on-blackwell", "unknown-flag", "flag-choices"}


def test_every_knowable_cause_says_whether_it_is_refused_and_how_often_it_is_met() -> None:
    for reason in REASONS:
        if reason.is_knowable:
            assert reason.modelled in ("yes", "part", "no"), reason.id
            assert reason.priority in (1, 2, 3, 4), reason.id
            assert reason.modelled == "no" or reason.where, f"{reason.id}: where is it refused?"


def test_the_page_is_the_one_committed() -> None:
    """docs/refusals.md follows the two files: `python -m scripts.upstream.refusals page` renews it."""
    assert refusals.PAGE.read_text() == refusals.report()
