"""What every error of the service looks like."""

from __future__ import annotations


def problem(answer, status, code):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (document["code"], document["status"]) == (code, status)
    assert document["type"] == f"urn:everyframe:problem:{code}"
    return document
