"""`costmeter exporter` as a user runs it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from certificate import made_certificate
from engine_stand_in import engine, recorded, status, vllm_page
from exporter_process import exporter

from scripts.servers.scrape import parse
from vllm_costmeter.cli.main import main
from vllm_costmeter.sources.ledger.read import opened_ledger


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets the variable for the rest of its process."""
    monkeypatch.setenv("COSTMETER_CATALOGUE", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_is_metered_and_its_ledger_written_at_the_end(tmp_path: Path, number: int) -> None:
    """Tokens and dollars on the page; after a signal the same in the ledger, and exit code 0."""
    with (
        engine() as target,
        exporter(tmp_path, "--target", target.url, "--gpu-hourly-usd", "3600") as running,
    ):
        running.until(lambda: running.page().has("costmeter_cost_usd_total"))
        target.page = vllm_page(1000, 400, 50, running=1)
        page = running.until(
            lambda: (found := running.page()).total("costmeter_tokens_total") == 1050 and found
        )
        assert page.value("costmeter_tokens_total", kind="prompt_cached") == 400
        assert page.value("costmeter_target_up", target=target.url) == 1
        assert page.value("costmeter_unexplained_usd") == pytest.approx(0)
        before = page.total("costmeter_cost_usd_total")
        assert running.ended_by(number) == 0
        with opened_ledger(tmp_path / "ledger.sqlite3") as ledger:
            (row,) = {row.series: row for row in ledger.usage(0, 1e12)}.values()
        assert row.series.model_name == "tiny"
        assert row.usage.tokens == 1050
        assert row.usage.usd() >= before > 0


def test_one_target_that_hangs_does_not_hold_up_another(tmp_path: Path) -> None:
    """Each has its own series, told apart by instance, and its own reason."""
    with engine() as good, engine() as bad:
        bad.misbehave = bad.hang
        targets = ("--target", good.url, "--target", bad.url)
        with exporter(tmp_path, *targets, "--node-hourly-usd", "1") as running:
            good.page = vllm_page(generated=7)
            page = running.until(lambda: (found := running.page()).has("costmeter_cost_usd_total") and found)
            instance = good.url.removeprefix("http://").removesuffix("/metrics")
            assert page.value("costmeter_price_usd_per_hour", instance=instance) == 1
            running.until(
                lambda: running.page().has("costmeter_target_down_info", target=bad.url, reason="timeout")
            )
            assert running.page().value("costmeter_target_up", target=good.url) == 1
            assert "did not answer within 3 s" in running.said
            assert running.ended_by(signal.SIGTERM) == 0


def test_targets_come_and_go_with_the_file(tmp_path: Path) -> None:
    """A changed list is followed; one that cannot be read changes nothing, and is said."""
    listed = tmp_path / "targets.json"
    with engine() as target:
        address = target.url.removeprefix("http://").removesuffix("/metrics")
        labels = {"cluster": "eu", "__costmeter_gpus": "4", "__costmeter_gpu_hourly_usd": "2"}
        listed.write_text("[]")
        with exporter(tmp_path, "--discover", "file", str(listed), "--gpu-hourly-usd", "1") as running:
            nobody = {"costmeter_discovery_up", "costmeter_errors_total"}
            assert running.page().names() == nobody
            listed.write_text(json.dumps([{"targets": [address], "labels": labels}]))
            price = {"cluster": "eu", "instance": address}
            running.until(lambda: running.page().value("costmeter_price_usd_per_hour", **price) == 8)
            listed.write_text("[")
            running.until(lambda: running.page().value("costmeter_discovery_up") == 0)
            assert running.page().has("costmeter_price_usd_per_hour")
            listed.write_text("[ ]")
            running.until(lambda: running.page().names() == nobody)
            assert "is not JSON" in running.said


def test_https_and_a_token_for_the_page_itself(tmp_path: Path) -> None:
    """Who has none is refused."""
    cert, key = made_certificate(tmp_path)
    (tmp_path / "token").write_text("secret\n")
    own = ("--tls-cert", str(cert), "--tls-key", str(key), "--token-file", str(tmp_path / "token"))
    context = ssl.create_default_context(cafile=str(cert))
    with engine() as target, exporter(tmp_path, "--target", target.url, *own) as running:
        asked = urllib.request.Request(f"{running.url}/metrics", headers={"Authorization": "Bearer secret"})
        with urllib.request.urlopen(asked, timeout=20, context=context) as answer:
            assert b"costmeter_target_up" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{running.url}/metrics", timeout=20, context=context)


def test_once_prints_what_an_engine_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """One look, no ledger, no port; credentials from the environment."""
    with engine() as target, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSTMETER_TARGET_TOKEN", "secret")
        target.page = recorded("sglang_0.5.21_after")
        assert (
            main(["exporter", "--target", target.url, "--once", "--gpu-hourly-usd", "2", "--gpus", "4"]) == 0
        )
        assert target.credentials == ["Bearer secret"]
    page = parse(capsys.readouterr().out)
    assert page.value("costmeter_price_usd_per_hour") == 8
    assert page.value("costmeter_kv_cache_capacity_tokens", model_name="tiny") == 8192
    assert page.has("costmeter_target_info", engine="sglang")


def test_a_target_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """It is said, and metered from its first page on."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/metrics"
    with exporter(tmp_path, "--target", url) as running:
        running.until(lambda: running.page().has("costmeter_target_down_info", reason="unreachable"))
        assert "it is tried again every second" in running.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a server: --target"),
        (["--target", "ftp://x"], "--target must be the address"),
        (["--target", "h:1", "--target", "http://h:1/metrics"], "one server twice"),
        (["--target", "h:1", "--port", "99999"], "--port must be a port"),
        (["--target", "h:1", "--gpus", "0"], "--gpus must be a whole number of GPUs from 1"),
        (["--target", "h:1", "--interval", "60"], "--interval must be from 0.2 to 5 seconds"),
        (["--target", "h:1", "--gpu-hourly-usd", "free"], "--gpu-hourly-usd must be a number above 0"),
        (["--target", "h:1", "--costmeter-pue", "0.5"], "--costmeter-pue must be a number at least 1"),
        (["--target", "h:1", "--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["--target", "h:1", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "does not exist"),
        (["--target", "h:1", "--token-file", "/nowhere"], "does not exist"),
        (["--target", "h:1", "--target-ca-file", "/nowhere"], "does not exist"),
        (["--target", "h:1", "--ledger", "/"], "is a folder"),
        (["--target", "h:1", "--gpu", "H1000"], "H1000"),
        (["--target", "h:1", "--k8s-port", "1"], "--k8s-port needs --discover k8s"),
        (["--discover", "k8s"], "--k8s-selector"),
        (["--discover", "consul"], "--discover must be file FILE or k8s"),
        (["--discover", "file", "/nowhere"], "does not exist"),
        (["--target", "h:1", "--tagret", "h:2"], "nearest: --target"),
        (["--target", "127.0.0.1:1", "--once"], "cannot be reached"),
        (["--target", "h..i:1"], "--target must be the address"),
        (["--target", "h:1", "--host", " "], "--host must be an address"),
        (["--target", "h:1", "--catalogue", "/nowhere"], "does not exist"),
        (["--target", "h:1", "--gpu-source", "rocm"], "--costmeter-gpu-source must be"),
        (["--target", "h:1", "--otlp", "localhost"], "--costmeter-otlp must be"),
        (["--target", "h:1", "--budget-action", "refuse"], "unknown flag --budget-action"),
        (["--target", "h:1", "--tls-cert", __file__, "--tls-key", __file__], "no certificate in PEM form"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 2, what was given and what is allowed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path))
        patch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        assert main(["exporter", *words]) == 2
    out, err = capsys.readouterr()
    assert (said in err, err.strip().splitlines()[-1].startswith("costmeter: "), out) == (True, True, "")
    assert err.count(said) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(302, Location="http://h/"), "redirects to http://h/"),
        (status(401), "wants credentials"),
        (status(404), "answered 404"),
        (None, "none of the known engines"),
    ],
)
def test_a_target_that_is_no_engine_ends_the_start(answer, said: str, capsys, tmp_path: Path) -> None:
    """Waiting would not make it one."""
    with engine() as target:
        target.page, target.misbehave = "up 1\n", answer
        assert main(["exporter", "--target", target.url, "--port", "0", "--ledger", "off"]) == 2
    assert capsys.readouterr().err.count(said) == 1


def test_two_targets_that_are_one_replica_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The same model at the same host and port, though at another path: its series would be one."""
    with engine() as target:
        both = ("--target", target.url, "--target", f"{target.url}?again")
        assert main(["exporter", *both, "--port", "0", "--ledger", "off"]) == 2
    assert "one server twice?" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With the flag."""
    with engine() as target, socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["exporter", "--target", target.url, "--ledger", "off", "--port", port]) == 2
    assert f"--port {port}: cannot listen there" in capsys.readouterr().err
