"""Events of object stores: told twice, told late, told wrongly."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from service.object_events import later, read_events
from tests.problems import problem


def record(
    key="in/a+b.mp4", sequencer="0055", version=None, name="ObjectCreated:Put", bucket="videos"
):
    item = {"key": key, "size": 5, "sequencer": sequencer}
    if version is not None:
        item["versionId"] = version
    return {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": item}}


@pytest.fixture
def tell(client):
    client.settings = replace(client.settings, object_stores=("s3://videos/in/",))

    def tell(*records):
        return client.ask("POST", "/v1/events/s3", json={"Records": list(records)})

    return tell


def test_a_new_object_is_scanned_once_however_often_it_is_told(client, tell):
    first = tell(record()).json()
    assert (len(first["accepted"]), first["ignored"]) == (1, 0)
    scan = client.ask("GET", f"/v1/scans/{first['accepted'][0]}").json()
    assert (scan["object"], scan["bytes"]) == ("s3://videos/in/a%20b.mp4", 5)
    assert tell(record(), record()).json() == {"accepted": [], "ignored": 2}


@pytest.mark.parametrize("order", list(itertools.permutations(["0055", "0056A", "1"])))
def test_in_whatever_order_the_largest_sequencer_stays(client, tell, services, order):
    for sequencer in order:
        tell(record(sequencer=sequencer))
    with services.database.reading() as transaction:
        (row,) = transaction.rows("SELECT sequencer FROM object_events")
    assert row["sequencer"] == "1"  # "1" padded is 10000
    assert tell(record(sequencer="0055")).json()["accepted"] == []


def test_versions_are_different_objects(tell, client):
    answer = tell(record(version="v1"), record(version="v2"), record(version="v1")).json()
    assert (len(answer["accepted"]), answer["ignored"]) == (2, 1)
    scan = client.ask("GET", f"/v1/scans/{answer['accepted'][1]}").json()
    assert scan["object"] == "s3://videos/in/a%20b.mp4?versionId=v2"


def test_what_is_elsewhere_or_made_nothing_is_ignored(tell):
    answer = tell(
        record(bucket="secrets"),
        record(key="out/a.mp4"),
        record(key="in/../out/a.mp4"),
        record(name="ObjectRemoved:Delete"),
    )
    assert answer.json() == {"accepted": [], "ignored": 4}


def test_the_test_event_is_fine(client):
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "videos"}
    answer = client.ask("POST", "/v1/events/s3", json=body)
    assert answer.json() == {"accepted": [], "ignored": 0}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"Records": 5},
        {"Records": [{}]},
        {"Records": [{"eventName": 5}]},
        {"Records": [record(key=5)]},
        {"Records": [record(sequencer="xyz")]},
        {"Records": [record(key="in/%00")]},
        {"Records": [record(key="x" * 2000)]},
    ],
)
def test_what_is_no_event_is_refused(client, body):
    problem(client.ask("POST", "/v1/events/s3", json=body), 422, "request.invalid")


def test_all_of_a_notification_or_nothing(client, tell, services):
    from service.accounts import SCOPES, Quota

    few = services.accounts.create_tenant("few", quota=Quota(daily_scans=1))
    client.key = services.accounts.create_key(few.id, SCOPES, actor="test")
    problem(tell(record(key="in/1"), record(key="in/2")), 429, "limit.quota")
    assert services.queue.waiting() == 0
    assert len(tell(record(key="in/1")).json()["accepted"]) == 1


def test_sequencers_compare_as_padded_hexadecimal():
    assert later("0056A", "0055")
    assert later("0055a1", "0055A0")
    assert not later("0055", "0055")
    assert not later("005", "0051")


def test_eventbridge_names_are_not_taken_for_s3s():
    with pytest.raises(ValueError, match="Records"):
        list(read_events({"detail-type": "Object Created"}))
