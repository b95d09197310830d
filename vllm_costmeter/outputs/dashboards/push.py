"""Push our dashboards to a Grafana: created or updated by uid; other dashboards are never changed."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable
from typing import Any, Literal

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.dashboards.grafana_api import GrafanaApi, NotFoundError, PreconditionFailedError

TAG = "vllm-costmeter"
"""The tag of all our dashboards; a dashboard with the same uid but without the tag is not ours."""
FOLDER_UID, FOLDER_TITLE = "vllm-costmeter", "vLLM CostMeter"
GIVEN_BY_GRAFANA = ("id", "version")

Outcome = Literal["created", "updated", "unchanged"]


def choose_data_source(api: GrafanaApi, name: str) -> dict[str, str]:
    """{name, uid} of the data source with that name. Raises BadInputError if there is none or it is not Prometheus."""
    try:
        found = api.get(f"/datasources/name/{urllib.parse.quote(name, safe='')}")
    except NotFoundError:
        raise BadInputError(
            f"Grafana has no data source named {name!r}: give one of type Prometheus"
        ) from None
    if not all(isinstance(found.get(key), str) for key in ("name", "uid", "type")):
        raise BadInputError(f"{api.url} is not a Grafana API: its response describes no data source")
    if found["type"] != "prometheus":
        raise BadInputError(
            f"the data source {name!r} is of type {found['type']}; the dashboards need Prometheus"
        )
    return {"name": found["name"], "uid": found["uid"]}


def push(
    api: GrafanaApi, dashboards: Iterable[str], *, data_source: str | None = None, force: bool = False
) -> dict[str, Outcome]:
    """uid -> outcome. Checks all dashboards before it writes the first.

    A dashboard that was moved stays in its folder. A dashboard that somebody saved between our read and our write is
    not overwritten (Grafana's 412) unless `force`, which reads it again and retries once.
    """
    chosen = None if data_source is None else choose_data_source(api, data_source)
    wanted = [_with_data_source(json.loads(text), chosen) for text in dashboards]
    there = {dashboard["uid"]: _ours(api, dashboard["uid"]) for dashboard in wanted}
    return {
        dashboard["uid"]: _save(api, dashboard, there[dashboard["uid"]], retry=force) for dashboard in wanted
    }


def _with_data_source(dashboard: dict[str, Any], chosen: dict[str, str] | None) -> dict[str, Any]:
    if chosen is not None:
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "datasource":
                variable["current"] = {"selected": True, "text": chosen["name"], "value": chosen["uid"]}
    return dashboard


def _ours(api: GrafanaApi, uid: str) -> dict[str, Any] | None:
    """The dashboard in Grafana, or None. Raises BadInputError if it is not ours to change."""
    try:
        found = api.get(f"/dashboards/uid/{uid}")
    except NotFoundError:
        return None
    if not all(isinstance(found.get(key), dict) for key in ("dashboard", "meta")):
        raise BadInputError(f"{api.url} is not a Grafana API: its response contains no dashboard {uid!r}")
    if TAG not in (found["dashboard"].get("tags") or ()):
        title = found["dashboard"].get("title")
        raise BadInputError(
            f"Grafana has a dashboard {uid!r} ({title!r}) without the tag {TAG}: not ours, left unchanged"
        )
    if found["meta"].get("provisioned"):
        raise BadInputError(
            f"the dashboard {uid!r} is provisioned from files, so Grafana rejects a push: update the files"
        )
    return found


def _save(
    api: GrafanaApi, dashboard: dict[str, Any], there: dict[str, Any] | None, *, retry: bool
) -> Outcome:
    if there is not None and _content(there["dashboard"]) == _content(dashboard):
        return "unchanged"
    body: dict[str, object] = {
        "dashboard": dashboard,
        "overwrite": False,
        "message": "costmeter dashboard push",
    }
    if there is None:
        _make_folder(api)
        body["folderUid"] = FOLDER_UID
    else:
        kept = {key: there["dashboard"][key] for key in GIVEN_BY_GRAFANA if key in there["dashboard"]}
        body["dashboard"] = dashboard | kept
        body["folderUid"] = there["meta"].get("folderUid", "")
    try:
        api.post("/dashboards/db", body)
    except PreconditionFailedError as refused:
        if retry:
            return _save(api, dashboard, _ours(api, dashboard["uid"]), retry=False)
        raise BadInputError(
            f"Grafana did not save {dashboard['uid']!r} (412): {refused}; --force overwrites it"
        ) from None
    return "created" if there is None else "updated"


def _make_folder(api: GrafanaApi) -> None:
    try:
        api.get(f"/folders/{FOLDER_UID}")
    except NotFoundError:
        api.post("/folders", {"uid": FOLDER_UID, "title": FOLDER_TITLE})


def _content(dashboard: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in dashboard.items() if key not in GIVEN_BY_GRAFANA}
