"""`costmeter top --once`, for scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from http_stand_in import serving

from vllm_costmeter.cli.main import main

DATA = Path(__file__).parents[2] / "data"
METERED = """\
costmeter_tokens_total{kind="generated",model_name="qwen"} 1000
costmeter_tokens_per_second{kind="generated",model_name="qwen",window="1m"} 500
costmeter_usd_per_million_tokens{model_name="qwen",per="generated",window="1m"} 2.5
costmeter_price_usd_per_hour{component="rental"} 3.6
costmeter_cost_usd_total{component="rental",model_name="qwen",state="active"} 3
costmeter_cost_usd_total{component="rental",model_name="qwen",state="idle"} 1
costmeter_kv_cache_usage_ratio{model_name="qwen"} 0.25
costmeter_energy_joules_total{gpu="0"} 4000
vllm:num_requests_running{engine="0",model_name="qwen"} 2
"""
NOBODY = "127.0.0.1:9"


def test_a_table_has_a_line_for_every_server_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason where there is no page, whose exit code is another, and below whose tokens of when they are."""
    vllm_alone = (DATA / "engines" / "vllm_0.32.0_load.txt").read_text()
    with serving(METERED) as priced, serving(vllm_alone) as plain:
        assert main(["top", priced, plain, NOBODY, "--once"]) == 1
    _, first, second, third, totals, _, *legend = capsys.readouterr().out.splitlines()
    assert first.split()[1:] == ["qwen", "active", "500", "3.60", "2.50", "25", "%", "25", "%", "4", "4.00"]
    assert second.split()[1:] == ["tiny", "active", "-", "-", "-", "0", "%", "-", "-", "-"]
    assert "refused" in third
    assert third.endswith("down")
    assert totals.split() == ["total", "2", "of", "3", "up", "500", "3.60", "2.50", "25", "%", "4", "4.00"]
    assert "generated tokens over the last 1m" in " ".join(legend)


def test_json_has_the_numbers_and_null_for_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """The same fields for a server that is down."""
    with serving(METERED) as url:
        assert main(["top", url, NOBODY, "--once", "--format", "json", "--per", "generated"]) == 1
    found = json.loads(capsys.readouterr().out)
    up, down = found["servers"]
    assert found["schema"] == "costmeter.top/1"
    assert (up["server"], up["fault"], up["state"]) == (f"{url}/metrics", None, "active")
    assert (up["usd_per_million_tokens"], up["total_usd"], up["idle_share"]) == (2.5, 4.0, 0.25)
    assert down.keys() == up.keys()
    assert down["state"] == "down"
    assert down["usd_per_hour"] is None
    assert found["totals"] == {
        "servers": 2,
        "up": 1,
        "tokens_per_second": 500.0,
        "usd_per_hour": 3.6,
        "usd_per_million_tokens": 2.5,
        "idle_share": 0.25,
        "joules_per_token": 4.0,
        "total_usd": 4.0,
    }


def test_all_answered_is_exit_code_0_and_a_filter_and_an_order_hold(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A list in a file beside one on the command line; totals are of what is shown."""
    cheap = METERED.replace(" 2.5", " 1.5").replace("qwen", "llama")
    other = METERED.replace("qwen", "other")
    with serving(METERED) as one, serving(cheap) as two, serving(other) as three:
        (tmp_path / "servers").write_text(f"{two}\n{three}\n")
        words = ["top", one, "--targets", str(tmp_path / "servers"), "--once", "--sort", "usd-per-million"]
        assert main([*words, "--reverse"]) == 0
        models = [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:-4]]
        assert models == ["llama", "qwen", "other"]
        assert main([*words, "--filter", "LLAMA"]) == 0
    _, line, totals, *_ = capsys.readouterr().out.splitlines()
    assert line.split()[1] == "llama"
    assert totals.startswith("total")
    assert "1 of 1 up" in totals


def test_names_of_a_server_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """No escape sequence of theirs gets through, in neither direction of the text."""
    with serving(METERED.replace("qwen", "\x1b[2J\u202eevil\x07")) as url:
        assert main(["top", url, "--once"]) == 0
    shown = capsys.readouterr().out
    assert "evil" in shown
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a b"], "no address of a server"),
        (["--format", "json"], "--format is for --once"),
        (["--targets", "/nowhere/servers", "--once"], "/nowhere/servers"),
        (["--interval", "0", "--once"], "from 0.1 to 3600"),
        (["--sort", "price", "--once"], "price"),
        ([NOBODY], "add --once"),
    ],
)
def test_bad_input_is_one_line(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was given, and what to do; exit 2. Without a terminal a live table is bad input too."""
    assert main(["top", *words]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert reason in message


def test_an_empty_list_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing to read once."""
    (tmp_path / "servers").write_text("# none yet\n")
    assert main(["top", "--targets", str(tmp_path / "servers"), "--once"]) == 2
    assert "lists no server" in capsys.readouterr().err


def test_once_needs_no_rich() -> None:
    """The base install is enough, and loads no more for a server that is down."""
    code = (
        "import sys; from vllm_costmeter.cli.main import main; "
        f"code = main(['top', '{NOBODY}', '--once']); sys.exit(code if 'rich' not in sys.modules else 9)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
