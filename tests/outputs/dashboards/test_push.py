"""Our dashboards in somebody's Grafana."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest
from grafana_stand_in import TOKEN, GrafanaStandIn, running_grafana

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.dashboards.grafana_api import GrafanaApi
from vllm_costmeter.outputs.dashboards.push import push
from vllm_costmeter.sources.files.grafana import grafana_files

OURS = [text for name, text in grafana_files().items() if name.startswith("dashboards/")]
UIDS = {"costmeter-cost", "costmeter-fit", "costmeter-fleet"}


@pytest.fixture
def grafana() -> Iterator[GrafanaStandIn]:
    """An empty Grafana; after the test, nothing was asked that the API description does not know."""
    with running_grafana() as stand_in:
        yield stand_in
    assert stand_in.violations == []


def api(grafana: GrafanaStandIn, token: str = TOKEN) -> GrafanaApi:
    """Our side of it."""
    return GrafanaApi(grafana.url, token)


def test_an_empty_grafana_gets_all_of_them_in_a_folder_of_their_own(grafana: GrafanaStandIn) -> None:
    """Three dashboards are created by uid."""
    assert push(api(grafana), OURS) == dict.fromkeys(UIDS, "created")
    assert set(grafana.dashboards) == UIDS
    assert {saved["meta"]["folderUid"] for saved in grafana.dashboards.values()} == {"vllm-costmeter"}


def test_a_second_push_changes_nothing(grafana: GrafanaStandIn) -> None:
    """Unchanged dashboards are not saved again, so their history stays clean."""
    push(api(grafana), OURS)
    grafana.asked.clear()
    assert push(api(grafana), OURS) == dict.fromkeys(UIDS, "unchanged")
    assert not [asked for asked in grafana.asked if asked.startswith("POST")]


def test_an_older_version_is_updated_where_it_lies(grafana: GrafanaStandIn) -> None:
    """A dashboard that was moved to another folder stays there."""
    push(api(grafana), OURS)
    grafana.folders.add("team-a")
    grafana.dashboards["costmeter-fit"]["meta"]["folderUid"] = "team-a"
    grafana.dashboards["costmeter-fit"]["dashboard"]["title"] = "old title"
    assert push(api(grafana), OURS)["costmeter-fit"] == "updated"
    assert grafana.dashboards["costmeter-fit"]["meta"]["folderUid"] == "team-a"
    assert grafana.dashboards["costmeter-fit"]["dashboard"]["title"] != "old title"


def test_a_dashboard_that_is_not_ours_is_not_touched_and_nothing_else_is_saved(
    grafana: GrafanaStandIn,
) -> None:
    """One that has our uid by chance but not our tag stops the push before the first save, also with force."""
    theirs = {
        "dashboard": {"uid": "costmeter-fleet", "title": "Theirs", "tags": [], "version": 3},
        "meta": {},
    }
    grafana.dashboards["costmeter-fleet"] = copy.deepcopy(theirs)
    with pytest.raises(BadInputError, match=r"'Theirs'.*not ours, left unchanged"):
        push(api(grafana), OURS, force=True)
    assert grafana.dashboards == {"costmeter-fleet": theirs}


def test_a_provisioned_dashboard_is_left_to_its_files(grafana: GrafanaStandIn) -> None:
    """Grafana would refuse the save; the message says where to change it."""
    push(api(grafana), OURS)
    grafana.dashboards["costmeter-cost"]["meta"]["provisioned"] = True
    with pytest.raises(BadInputError, match="provisioned from files"):
        push(api(grafana), OURS)


def test_what_somebody_saved_in_between_is_not_overwritten(grafana: GrafanaStandIn) -> None:
    """Grafana's 412 is an error that says so; with force the newest version is looked at and saved over."""
    push(api(grafana), OURS)
    for dashboard in grafana.dashboards.values():
        dashboard["dashboard"]["description"] = "old"
    grafana.saved_by_others = ["costmeter-cost"]
    with pytest.raises(
        BadInputError, match=r"\(412\): The dashboard has been changed by someone else.*--force"
    ):
        push(api(grafana), OURS)
    assert grafana.dashboards["costmeter-cost"]["dashboard"]["title"] == "edited"
    grafana.saved_by_others = ["costmeter-cost"]
    assert push(api(grafana), OURS, force=True)["costmeter-cost"] == "updated"
    assert grafana.dashboards["costmeter-cost"]["dashboard"]["title"] != "edited"


def test_the_data_source_is_chosen_by_name(grafana: GrafanaStandIn) -> None:
    """The dashboards open with it; one of another kind, or none of that name, is an error before any save."""
    push(api(grafana), OURS, data_source="Prometheus")
    variables = grafana.dashboards["costmeter-cost"]["dashboard"]["templating"]["list"]
    assert variables[0]["current"]["value"] == "uid-Prometheus"
    with pytest.raises(BadInputError, match="of type loki"):
        push(api(grafana), OURS, data_source="Logs")
    with pytest.raises(BadInputError, match="no data source named 'Prom/2'"):
        push(api(grafana), OURS, data_source="Prom/2")


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (401, b'{"message": "Expired API key"}', "does not accept the token .401.: Expired API key"),
        (403, b'{"message": "dashboards:write"}', "lacks permission.*403.*Editor"),
        (302, b"", "redirects to http://elsewhere.example/"),
        (500, b"<html>", "answered 500"),
        (200, b"<html>", "not a Grafana API"),
        (200, b"[]", "not a Grafana API"),
        (200, b"{}", "not a Grafana API"),
        (200, b'{"dashboard": [], "meta": null}', "not a Grafana API"),
        (200, b'{"dashboard": {"tags": null}, "meta": {}}', "not ours"),
        (404, b"nginx", "no Grafana API"),
        (412, b'{"message": "a proxy"}', "412.*a proxy"),
    ],
)
def test_every_refusal_is_one_clear_message(
    grafana: GrafanaStandIn, status: int, text: bytes, message: str
) -> None:
    """Whatever answers, the error says what it was, never the token, and nothing is a traceback."""
    grafana.answers = (status, text)
    with pytest.raises(BadInputError, match=message) as error:
        push(api(grafana), OURS)
    assert TOKEN not in str(error.value)
    with pytest.raises(BadInputError):
        push(api(grafana), OURS, data_source="Prometheus")


def test_a_wrong_token_is_refused(grafana: GrafanaStandIn) -> None:
    """Grafana's 401 reaches the user in one line."""
    with pytest.raises(BadInputError, match="does not accept the token"):
        push(api(grafana, "glsa_wrong"), OURS)


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("localhost:3000", "t", "--url must be an address"),
        ("http://[::1", "t", "--url must be an address"),
        ("file:///etc/passwd", "t", "--url must be an address"),
        ("http://127.0.0.1:3000", "", "--token must be"),
        ("http://127.0.0.1:3000", "a b", "--token must be"),
        ("http://127.0.0.1:3000", "a\nX: y", "--token must be"),
    ],
)
def test_a_bad_address_or_token_is_refused_before_anything_is_asked(
    url: str, token: str, message: str
) -> None:
    """No request leaves with them."""
    with pytest.raises(BadInputError, match=message):
        GrafanaApi(url, token)


def test_nobody_listening_is_one_clear_message() -> None:
    """A refused connection names the address."""
    with pytest.raises(BadInputError, match=r"no Grafana reachable at http://127\.0\.0\.1:9"):
        push(GrafanaApi("http://127.0.0.1:9", TOKEN), OURS)


def test_the_token_is_in_no_representation() -> None:
    """A log line with the object does not give the token away."""
    assert TOKEN not in repr(GrafanaApi("http://127.0.0.1:3000", TOKEN))


def test_the_pushed_dashboards_carry_our_tag() -> None:
    """Without it the next push would take them for somebody else's."""
    assert {"vllm-costmeter"} == set.intersection(*(set(json.loads(text)["tags"]) for text in OURS))
