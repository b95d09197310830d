"""What the plugin writes, shows and sends has no key, header, prompt or answer in it, with everything on."""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import client
import pytest
from harness import Serve
from marked_environment import OUR_LOG, marked_environment
from marks import Marks, environments, files_below
from patience import holds_within

from scripts.servers.vllm_server import Server
from vllm_costmeter.cli.main import main
from vllm_costmeter.core.tenants.names import of_key
from vllm_costmeter.sources.files.tenant_secret import tenant_secret

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from otlp_receiver import Receiver, http_receiver

pytestmark = pytest.mark.heavy

PAGES = ("/costmeter", "/costmeter/data")
FOLDERS = ("state", "ledger", "tmp", "cache", "home")
"""What the server is given to write to; all files below them are searched."""


@dataclass
class Run:
    """A server with every feature on, and what was kept of it."""

    server: Server
    folder: Path
    receiver: Receiver
    marks: Marks
    keys: dict[str, str]
    pieces: dict[str, bytes] = field(default_factory=dict)

    def ask(self, path: str, body: Any, key: str = "served", **more: Any) -> Any:
        """The answer to a request with marks in its headers and its query; what we add to it is kept."""
        headers = {
            "Authorization": f"Bearer {self.keys[key]}",
            "Cookie": f"session={self.marks.new('a cookie')}",
            "User-Agent": self.marks.new("the client's name"),
            "X-Costmeter-Tenant": self.marks.new("the tenant's header, which a key goes before"),
            "X-Api-Key": self.marks.new("a key beside the one that is served"),
            "X-Forwarded-For": self.marks.new("another header"),
        }
        url = f"{self.server.url}{path}?token={self.marks.new('a query')}"
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = client.post(url, headers=headers | more, **sent)
        added = {name: value for name, value in answer.headers.items() if "costmeter" in name}
        lines = [line for line in answer.text.splitlines() if '"cost"' in line]
        costs = [_cost(json.loads(line.removeprefix("data: "))) for line in lines]
        if answer.status_code == 429:
            costs.append({"refused": answer.text})
        self.pieces[f"answer {len(self.pieces)} of {path}"] = json.dumps([added, costs]).encode()
        return answer


def _cost(answer: Any) -> dict[str, Any]:
    """The `cost` of an answer, wherever its usage is."""
    found: dict[str, Any] = {}
    for value in answer.values() if isinstance(answer, dict) else ():
        if isinstance(value, dict):
            found |= {"cost": value["cost"]} if "cost" in value else _cost(value)
    return found


@pytest.fixture(scope="module")
def run(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Two API processes; ledger, tenants by key, with bodies and headers read too, budgets that refuse, prices of
    requests, OTLP, DEBUG log."""
    folder, marks = tmp_path_factory.mktemp("private"), Marks()
    for name in FOLDERS:
        (folder / name).mkdir()
    ledger = folder / "ledger" / "ledger.sqlite3"
    keys = {name: marks.new(f"the API key that is {name}") for name in ("served", "refused", "wrong")}
    secret = tenant_secret([ledger.parent])
    assert secret is not None
    dear = of_key(keys["refused"], secret)
    assert main(["budget", "set", dear, "0.01", "--per", "month", "--new", "--ledger", str(ledger)]) == 0
    with http_receiver() as receiver, contextlib.ExitStack() as stack:
        flags = (
            *("--plugin", "costmeter", "--gpu-hourly-usd", "360"),
            *("--costmeter-ledger", str(ledger), "--costmeter-tenant-from", "key,user,header"),
            *("--costmeter-budget-action", "refuse", "--costmeter-request-price", "both"),
            *("--costmeter-otlp", receiver.url, "--api-server-count", "2"),
            *("--api-key", keys["served"], keys["refused"], "--hf-token", marks.new("a flag with a token")),
            *("--additional-config", json.dumps({"others": {"password": marks.new("another's settings")}})),
        )
        server = stack.enter_context(serve(*flags, env=marked_environment(folder, marks)))
        running = Run(server, folder, receiver, marks, keys)
        _traffic(running)
        _keep(running)
        stack.close()
        running.pieces |= {f"after the end, {p}": content for p, content in _files(folder).items()}
        running.pieces |= {
            f"push {number} over OTLP": request.SerializeToString()
            for number, request in enumerate(receiver.requests)
        }
        yield running


def _traffic(run: Run) -> None:
    """Every kind of request, good and bad, until the dear key is refused."""
    mark = run.marks.new
    said = [
        {"role": "system", "content": mark("a system prompt")},
        {"role": "user", "content": mark("a chat message")},
    ]
    many: dict[str, Any] = {"model": "tiny", "max_tokens": 24, "user": mark("who the body says it is")}
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    prompt = {**many, "prompt": mark("a prompt")}
    chat = {**many, "messages": said, "metadata": {"note": mark("the metadata")}}
    answer = run.ask("/v1/completions", prompt, **{"X-Request-Id": "seen-in-the-log"})
    run.marks.add("an answer", answer.json()["choices"][0]["text"].strip())
    run.ask("/v1/completions", {**prompt, **stream})
    run.ask("/v1/chat/completions", chat)
    run.ask("/v1/chat/completions", {**chat, **stream})
    run.ask("/v1/responses", {"model": "tiny", "input": mark("an input"), "max_output_tokens": 8})
    run.ask("/v1/messages", {"model": "tiny", "max_tokens": 8, "messages": said[1:]})
    run.ask("/v1/embeddings", {"model": "tiny", "input": mark("a text to embed")})
    run.ask("/v1/completions", b'{"prompt": "' + mark("a broken body").encode())
    run.ask("/v1/completions", {**prompt, "user": {"no": mark("a user that is no text")}})
    run.ask("/v1/completions", prompt, key="wrong")
    run.ask("/tokenize", prompt, key="wrong")
    assert holds_within(lambda: run.ask("/v1/completions", prompt, key="refused").status_code == 429, 180)


def tenant_of(run: Run) -> bytes:
    """The name under which the served key is kept."""
    secret = tenant_secret([run.folder / "ledger"])
    assert secret is not None
    return of_key(run.keys["served"], secret).encode()


def _keep(run: Run) -> None:
    """All that can be read of ours while the server runs."""
    url, key = run.server.url, {"Authorization": f"Bearer {run.keys['served']}"}
    route = f"{url}/costmeter/requests/cmpl-seen-in-the-log"
    assert holds_within(lambda: client.get(route, headers=key).json().get("status") == "settled", 30)
    assert holds_within(lambda: "seen-in-the-log" in (run.folder / OUR_LOG).read_text(), 30)
    name, written = (
        tenant_of(run),
        [run.folder / "ledger"],
    )  # every five seconds; a busy machine may kill the server
    assert holds_within(lambda: any(name in content for content in files_below(written).values()), 60)
    run.receiver.arrived.clear()
    assert run.receiver.arrived.wait(30)
    paths = [*PAGES, "/costmeter/requests/cmpl-seen-in-the-log"]
    paths += [f"/costmeter/requests/{run.marks.new('an id that is unknown')}"]
    for path in paths:
        for headers in (
            key,
            {},
            {"Authorization": f"Bearer {run.keys['wrong']}"},
            {**key, "Accept": "text/html"},
        ):
            answer = client.get(f"{url}{path}?q={run.marks.new('a query')}", headers=headers)
            run.pieces[f"{path} {len(run.pieces)}"] = f"{answer.headers}\n{answer.text}".encode()
    shown = client.get(f"{url}/metrics").text.splitlines()
    run.pieces["/metrics"] = "\n".join(line for line in shown if "costmeter_" in line).encode()
    told = [line for line in run.server.log_text().splitlines() if line.startswith("costmeter:")]
    run.pieces["the terminal"] = "\n".join(["costmeter:", *told]).encode()
    run.pieces |= _files(run.folder)
    run.pieces |= {
        f"_COSTMETER_* of process {process}": content
        for process, content in environments(run.server.process.pid, "_COSTMETER").items()
    }


def _files(folder: Path) -> dict[str, bytes]:
    return files_below([folder / name for name in FOLDERS]) | {
        "the log of our loggers": (folder / OUR_LOG).read_bytes()
    }


def test_no_mark_is_in_anything_of_ours(run: Run) -> None:
    """Ledger, logs, files of several processes, /metrics, routes, answers, OTLP, and what child processes inherit."""
    assert run.marks.found_in(run.pieces) == []


def test_the_search_looks_where_it_says(run: Run) -> None:
    """Each kind of place was reached and holds what it should: the tenant's keyed name, the request's id, the model."""
    tenant = tenant_of(run)
    having = {
        kind: [name for name, content in run.pieces.items() if kind in name and text in content]
        for kind, text in {
            "ledger.sqlite3": tenant,
            "the log of our loggers": b"seen-in-the-log",
            "/metrics": b"costmeter_tenant_cost_usd_total",
            "/costmeter ": b"costmeter_cost_usd_total",
            "/costmeter/requests/cmpl": tenant,
            "/v1/completions": b"x-costmeter-cost-usd",
            "/v1/chat": b'"cost": {',
            "over OTLP": b"costmeter.cost",
            "_COSTMETER_* of": b"_COSTMETER_FLAGS",
            "after the end, ": tenant,
        }.items()
    }
    assert [kind for kind, places in having.items() if not places] == []
    assert any(b"insufficient_quota" in content for content in run.pieces.values())
    assert len(run.marks.found_in({"here": b"x" + run.keys["served"].upper().encode()})) == 1


def test_reports_and_budgets_name_keys_by_their_hash_alone(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the commands print of the ledger has no mark either."""
    ledger = ("--ledger", str(run.folder / "ledger" / "ledger.sqlite3"))
    for words in (
        ["report", "--by", "tenant", "--format", "json"],
        ["report", "--format", "focus"],
        ["budget", "list", "--format", "json"],
    ):
        assert main([*words, *ledger]) == 0
        said = capsys.readouterr()
        assert run.marks.found_in({"said": f"{said.out}{said.err}".encode()}) == []
    assert "key:" in said.out


def test_files_of_ours_are_for_their_owner(run: Run) -> None:
    """The secret of the hashes, and what API processes leave for each other."""
    ours = [path for path in run.folder.rglob("*") if path.is_file() and "tenant-secret" in path.name]
    assert ours
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in ours)
