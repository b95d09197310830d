"""A Grafana of a few lines: it holds dashboards and notes requests that the published API description lacks."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft7Validator

OPERATIONS = json.loads((Path(__file__).parents[1] / "data/grafana_api/operations.json").read_text())
TOKEN = "glsa_right"


@dataclass
class GrafanaStandIn:
    """What it holds, what it was asked, and what it should answer instead of the truth."""

    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    data_sources: dict[str, str] = field(default_factory=lambda: {"Prometheus": "prometheus", "Logs": "loki"})
    asked: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    saved_by_others: list[str] = field(default_factory=list)
    """uids that somebody else saves just before our save, once each."""
    answers: tuple[int, bytes] | None = None
    url: str = ""

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        """(status, JSON) to one request."""
        self.asked.append(f"{method} {path}")
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        operation = self._described(method, path)
        if operation is None:
            return 404, {"message": "Not found"}
        name, argument = operation
        schema = OPERATIONS[name].get("body", {"type": "null"})
        self.violations += [f"{name}: {error.message}" for error in Draft7Validator(schema).iter_errors(body)]
        status, said = getattr(self, "_" + re.sub(r"\W+", "_", name).strip("_").lower())(argument or body)
        if status not in OPERATIONS[name]["statuses"] and (name, status) != (
            "GET /datasources/name/{name}",
            404,
        ):
            self.violations.append(f"{name}: the stand-in answered {status}, which is not described")
        return status, said

    def _described(self, method: str, path: str) -> tuple[str, str] | None:
        for name in OPERATIONS:
            verb, _, template = name.partition(" ")
            found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", f"/api{template}"), path)
            if verb == method and found:
                return name, unquote(found[1]) if found.groups() else ""
        self.violations.append(f"not in the description: {method} {path}")
        return None

    def _get_datasources_name_name(self, name: str) -> tuple[int, Any]:
        if name not in self.data_sources:
            return 404, {"message": "Data source not found"}
        return 200, {"name": name, "uid": f"uid-{name}", "type": self.data_sources[name]}

    def _get_dashboards_uid_uid(self, uid: str) -> tuple[int, Any]:
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        return 200, self.dashboards[uid]

    def _get_folders_folder_uid(self, uid: str) -> tuple[int, Any]:
        return (200, {"uid": uid}) if uid in self.folders else (404, {"message": "folder not found"})

    def _post_folders(self, body: Any) -> tuple[int, Any]:
        self.folders.add(body["uid"])
        return 200, {"uid": body["uid"]}

    def _post_dashboards_db(self, body: Any) -> tuple[int, Any]:
        wanted = body["dashboard"]
        uid = wanted["uid"]
        if uid in self.saved_by_others:
            self.saved_by_others.remove(uid)
            there = self.dashboards[uid]["dashboard"]
            there |= {"title": "edited", "version": there["version"] + 1}
        there = self.dashboards.get(uid, {}).get("dashboard")
        if there is not None and not body.get("overwrite") and wanted.get("version") != there["version"]:
            return 412, {
                "status": "version-mismatch",
                "message": "The dashboard has been changed by someone else",
            }
        if folder := body.get("folderUid"):
            assert folder in self.folders, "a folder that is not there"
        version = 1 if there is None else there["version"] + 1
        self.dashboards[uid] = {
            "dashboard": {**wanted, "id": 7, "version": version},
            "meta": {"folderUid": body.get("folderUid", ""), "provisioned": False},
        }
        return 200, {"uid": uid, "status": "success", "version": version}


@contextlib.contextmanager
def running_grafana() -> Iterator[GrafanaStandIn]:
    """The stand-in behind a real HTTP server on 127.0.0.1."""
    grafana = GrafanaStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, said = grafana.answer(self.command, self.path, self.headers["Authorization"], body)
            text = json.dumps(said).encode()
            if grafana.answers is not None:
                status, text = grafana.answers
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "http://elsewhere.example/")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    grafana.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield grafana
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
