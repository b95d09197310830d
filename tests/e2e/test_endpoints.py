"""Our routes on a real server: listed in docs/security.md, behind vLLM's key, TLS, CORS and root path, and off."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import client
import httpx
import pytest
from certificate import made_certificate
from harness import FEW_PROCESSES, METERED, ROOT, Serve
from security_page import SERVER_ROUTES
from server_slots import ServerSlots

from scripts.servers.vllm_server import VLLM, end_of, environment, free_port, running
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy

KEYS = ("sk-first-of-two", "sk-second-of-two")
ORIGIN, STRANGER = "https://ops.example", "https://elsewhere.example"
PRICES = ("--costmeter-request-price", "record")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def addresses() -> list[str]:
    """A path for each route of the page."""
    return [path.replace("{request_id:path}", "cmpl-no-such-request") for path in SERVER_ROUTES]


def test_off_removes_every_route(serve: Serve) -> None:
    """They are answered as any path that is not there, with a key or without; /metrics is as before."""
    with serve(*METERED, *PRICES, "--costmeter-page", "off", "--api-key", *KEYS) as server:
        for headers in ({}, {"Authorization": f"Bearer {KEYS[0]}"}, BROWSER):
            absent = client.get(f"{server.url}/no-such-path", headers=headers)
            for path in addresses():
                answer = client.get(f"{server.url}{path}", headers=headers)
                assert (answer.status_code, answer.text) == (404, absent.text)
        assert "costmeter_cost_usd_total" in client.get(f"{server.url}/metrics").text


@dataclass(frozen=True)
class Guarded:
    """A server with two keys, TLS, one allowed origin and a root path."""

    url: str
    http: httpx.Client
    certificate: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.http.request(method, f"{self.url}{path}", headers=headers)


@pytest.fixture(scope="module")
def guarded(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, slots: ServerSlots
) -> Iterator[Guarded]:
    """Started here, because the others are asked over http."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    cert, key = made_certificate(folder)
    words = [*METERED, *PRICES, "--api-key", *KEYS, "--root-path", "/llm", "--served-model-name", "tiny"]
    words += ["--ssl-certfile", str(cert), "--ssl-keyfile", str(key)]
    words += ["--allowed-origins", json.dumps([ORIGIN]), "--enforce-eager", "--max-model-len", "1024"]
    command = (str(VLLM), "serve", str(tiny_model), *words, "--host", "127.0.0.1", "--port", str(port))
    env = environment({**FEW_PROCESSES, "XDG_STATE_HOME": str(folder / "state")})
    trusting = ssl.create_default_context(cafile=str(cert))
    with (
        slots.one(),
        running(command, folder / "log", env) as process,
        httpx.Client(verify=trusting, timeout=60, trust_env=False) as http,
    ):
        server, deadline = Guarded(f"https://127.0.0.1:{port}", http, cert), time.monotonic() + 600
        while not _is_up(server):
            assert process.poll() is None, end_of(folder / "log")
            assert time.monotonic() < deadline, end_of(folder / "log")
            time.sleep(0.25)
        yield server


def _is_up(server: Guarded) -> bool:
    try:
        return server.get("/health").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("path", addresses())
def test_a_key_is_asked_for_as_at_vllms_own_routes(guarded: Guarded, path: str) -> None:
    """For every form of the header our answer is 401 where vLLM's is, and else is not."""
    first, second = KEYS
    basic = base64.b64encode(f"me:{first}".encode()).decode()
    forms = ["", "Bearer", f"Bearer {first}", f"bearer {second}", f"BEARER {first}", first]
    forms += [f"Bearer  {first}", f"Bearer {first[:-1]}", f"Bearer {first}x", f"Bearer {first} {second}"]
    forms += [f"Bearer {first},{second}", f"Basic {basic}", f"Bearer {first.upper()}", "Bearer \xe9"]
    found = {}
    for form in forms:
        asked = [guarded.get(each, Authorization=form.encode("latin-1")) for each in ("/v1/models", path)]
        found[form] = tuple(answer.status_code == 401 for answer in asked)
    assert {form for form, (theirs, ours) in found.items() if theirs is not ours} == set()
    assert set(found.values()) == {(True, True), (False, False)}
    without = guarded.get(path)
    assert without.status_code == 401
    assert "tiny" not in without.text
    assert guarded.get(path, "HEAD").status_code == 401
    assert guarded.get(path, **{"X-Api-Key": first}).status_code == 401
    assert guarded.get(f"{path}?api_key={first}").status_code == 401


def test_the_open_document_has_nothing_of_this_server_in_it(guarded: Guarded) -> None:
    """The page's frame, which a browser gets without a key: no model, no price, no address elsewhere."""
    page = guarded.get("/costmeter", **BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    with_key = guarded.get("/costmeter", Authorization=f"Bearer {KEYS[0]}", **BROWSER)
    assert with_key.text == page.text
    assert not any(word in page.text for word in ("tiny", "0.55", *KEYS))


@pytest.mark.parametrize("path", addresses())
def test_the_root_path_may_stand_before_it(guarded: Guarded, path: str) -> None:
    """As a proxy sends it that strips the prefix, and as one that does not; the key is asked for at both."""
    key = {"Authorization": f"Bearer {KEYS[0]}"}
    bare, prefixed = guarded.get(path, **key), guarded.get(f"/llm{path}", **key)
    assert bare.status_code == prefixed.status_code == (404 if "requests" in path else 200)
    assert "costmeter" in prefixed.text or "request" in prefixed.text
    assert guarded.get(f"/llm{path}").status_code == 401


@pytest.mark.parametrize("path", addresses())
def test_cors_is_vllms(guarded: Guarded, path: str) -> None:
    """A page of the allowed origin may read the answer, any other may not; preflight requests are answered alike."""
    key = {"Authorization": f"Bearer {KEYS[0]}"}
    for origin in (ORIGIN, STRANGER):
        theirs, ours = (guarded.get(each, Origin=origin, **key) for each in ("/v1/models", path))
        assert _cors(theirs) == _cors(ours)
        asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        theirs, ours = (guarded.get(each, "OPTIONS", Origin=origin, **asks) for each in ("/v1/models", path))
        assert (theirs.status_code, _cors(theirs)) == (ours.status_code, _cors(ours))
    assert _cors(guarded.get(path, Origin=ORIGIN, **key))["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in _cors(guarded.get(path, Origin=STRANGER, **key))


def _cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", addresses())
def test_nothing_is_served_in_plain_text_and_nothing_but_get(guarded: Guarded, path: str) -> None:
    """The port speaks TLS alone, and no route of ours changes anything."""
    with pytest.raises(httpx.HTTPError):
        client.get(f"{guarded.url.replace('https', 'http')}{path}")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert guarded.get(path, method, Authorization=f"Bearer {KEYS[0]}").status_code == 405


def test_the_page_can_be_frozen(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`costmeter page` gets through all of it with a key and the certificate, and says what is missing without."""
    file, words = tmp_path / "page.html", ["--url", f"{guarded.url}/llm"]
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    assert main(["page", "--once", str(file), *words]) == 2
    assert (
        "TLS failed: self-signed certificate; certificates to trust: SSL_CERT_FILE" in capsys.readouterr().err
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))
    assert main(["page", "--once", str(file), *words]) == 2
    assert "asks for the server's API key" in capsys.readouterr().err
    monkeypatch.setenv("VLLM_API_KEY", KEYS[1])
    assert main(["page", "--once", str(file), *words]) == 0
    html = file.read_text()
    assert "costmeter_cost_usd_total" in html
    assert "tiny" in html
    assert not any(key in html for key in KEYS)


def test_the_page_lists_every_route(tiny_model: Path) -> None:
    """vLLM builds its application with the plugin and without: the difference is docs/security.md's table."""
    program = ROOT / "tests" / "serving" / "listed_routes.py"
    env = environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, program, tiny_model], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    added = json.loads(done.stdout.splitlines()[-1])
    assert {path for path, _ in added} == set(SERVER_ROUTES)
    assert {method for _, method in added} == {"GET", "HEAD"}
