"""A short part of the campaign, always the same: schemathesis finds no failure in what is published."""

from __future__ import annotations

from tests.integration.apiserver_in_a_thread import serving
from tests.integration.openapi_campaign import counts, failed, run


def test_definitions() -> None:
    with serving(min_request_timeout_s=1) as api:
        told = run(api, "apis/apiextensions.k8s.io/v1", "--seed", "1", "--max-examples", "2", "--phases", "fuzzing")
        assert not failed(told), told[-4000:]
        answers = counts(api)
    assert sum(answers.values()) > 10
    assert answers["500"] == 0
