"""The settings of `costmeter exporter` are heeded, and its secrets kept."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from engine_stand_in import engine, vllm_page
from exporter_process import exporter
from http_stand_in import serving

from scripts.servers.scrape import parse
from vllm_costmeter.cli.main import main


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets the variable for the rest of its process."""
    monkeypatch.setenv("COSTMETER_CATALOGUE", "")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("COSTMETER_TARGET_TOKEN", "hunter\n2", "COSTMETER_TARGET_TOKEN is no token"),
        ("COSTMETER_EXPORTER_TOKEN", "hunter 2", "COSTMETER_EXPORTER_TOKEN is no token"),
        ("COSTMETER_EXPORTER_TOKN", "hunter2", "nearest: COSTMETER_EXPORTER_TOKEN"),
        ("COSTMETER_OTLP", "http://u:hunter2@h:4318", "without a user or a password"),
        ("COSTMETER_GPU_METRICS_URL", "http://u:hunter2@h:9400", "got 'http://***@h:9400'"),
    ],
)
def test_a_token_that_would_not_be_asked_for_ends_the_start(
    variable, value, said, capsys, monkeypatch
) -> None:
    """An open page, or a line with the secret, would be worse."""
    monkeypatch.setenv(variable, value)
    assert (
        main(["exporter", "--target", "h:1", "--ledger", "off", "--gpu-source", "none", "--port", "0"]) == 2
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert (said in line, "hunter" in line) == (True, False)


def test_gpus_are_read_where_the_setting_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dcgm-exporter's page with one GPU, but not if --gpus says another number; an address alone is enough."""
    with engine() as target, serving((Path(__file__).parents[2] / "data/dcgm/t4.txt").read_text()) as dcgm:
        read = [
            "exporter",
            "--target",
            target.url,
            "--once",
            "--gpu-metrics-url",
            dcgm,
            "--gpu-source",
            "dcgm",
        ]
        assert main(read) == 0
        page = parse(capsys.readouterr().out)
        assert page.value("costmeter_gpu_power_watts", gpu="0") == pytest.approx(8.969)
        assert page.value("costmeter_source_up", source="dcgm") == 1
        assert main([*read, "--gpus", "2"]) == 0
        out, err = capsys.readouterr()
        assert ("costmeter_gpu_power_watts" in out, "1 can be seen, and --gpus says 2" in err) == (
            False,
            True,
        )
        assert main(["exporter", "--target", target.url, "--once", "--gpu-source", "none"]) == 0
        assert "GPU can be seen" not in capsys.readouterr().err


def test_a_source_of_gpus_that_was_named_and_fails_is_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    """It may come up later."""
    with engine() as target:
        dcgm = ["--gpu-source", "dcgm", "--gpu-metrics-url", "http://127.0.0.1:1/metrics"]
        assert main(["exporter", "--target", target.url, "--once", *dcgm]) == 0
    out, err = capsys.readouterr()
    assert parse(out).value("costmeter_source_up", source="dcgm") == 0
    assert "no GPU can be read now" in err


def test_a_users_catalogue_prices_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the setting says, not only the environment."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[[price]]\ngpu = "H100 SXM"\nprovider = "me"\nterm = "on-demand"\nusd_per_gpu_hour = 1.25\n'
        'as_of = "2026-11-01"\nsource = "https://example.com/mine"\n'
    )
    with engine() as target:
        flags = ["--catalogue", str(mine), "--gpu", "H100 SXM", "--gpu-source", "none"]
        assert main(["exporter", "--target", target.url, "--once", *flags]) == 0
    assert parse(capsys.readouterr().out).value("costmeter_price_usd_per_hour") == 1.25


def test_the_page_is_pushed_over_otlp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scrape shows, the targets' own state too, and once more at the end."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from otlp_receiver import http_receiver

    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
    with http_receiver() as receiver, engine() as target:
        flags = ("--target", target.url, "--gpu-hourly-usd", "2", "--otlp", receiver.url)
        with exporter(tmp_path, *flags) as running:
            running.until(lambda: receiver.arrived.is_set() and "costmeter.cost" in receiver.metrics)
            target.page = vllm_page(generated=70)
            running.until(lambda: running.page().total("costmeter_tokens_total") == 70)
            assert running.ended_by(signal.SIGTERM) == 0
            assert "could not be pushed" not in running.said
        tokens = sum(value for (name, _), value in receiver.values().items() if name == "costmeter.tokens")
        assert tokens == 70
        assert {"costmeter.target_up", "costmeter.price_usd_per_hour"} <= receiver.metrics.keys()
        assert receiver.resource["service.name"] == "costmeter-exporter"


def test_a_receiver_that_is_dead_is_one_line_and_a_metric(tmp_path: Path, monkeypatch) -> None:
    """And the end of the exporter is not held up."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with (
        engine() as target,
        exporter(tmp_path, "--target", target.url, "--otlp", "http://127.0.0.1:1") as running,
    ):
        running.until(lambda: (running.page().value("costmeter_errors_total", where="otlp") or 0) > 0)
        assert running.said.count("could not be pushed") == 1
        assert running.ended_by(signal.SIGTERM) == 0
        assert "Traceback" not in running.said


def test_a_second_exporter_of_a_target_and_a_ledger_is_refused(tmp_path: Path, capsys) -> None:
    """The server would be charged twice; with another ledger, or none, it may."""
    with engine() as target, exporter(tmp_path, "--target", target.url) as running:
        running.until(lambda: running.page().has("costmeter_target_info"))
        again = ["exporter", "--target", target.url, "--port", "0", "--gpu-source", "none", "--ledger"]
        assert main([*again, str(tmp_path / "ledger.sqlite3")]) == 2
        assert "metered by another exporter" in capsys.readouterr().err
        assert main([*again, "off", "--once"]) == 0


def test_kubernetes_own_variables_are_no_misspelt_settings(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A service called costmeter-exporter gives every pod of its namespace these."""
    for name in ("EXPORTER_PORT", "EXPORTER_SERVICE_HOST", "EXPORTER_PORT_9841_TCP", "TARGET_PORT"):
        monkeypatch.setenv(f"COSTMETER_{name}", "tcp://10.0.0.1:9841")
    with engine() as target:
        assert main(["exporter", "--target", target.url, "--once", "--gpu-source", "none"]) == 0
