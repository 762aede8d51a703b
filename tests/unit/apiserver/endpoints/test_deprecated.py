from __future__ import annotations

import pytest

from pybernetes.apimachinery.scheme import find
from pybernetes.apiserver.endpoints.deprecated import DEPRECATED, deprecation


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (("", "v1", "endpoints"), "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        (
            ("networking.k8s.io", "v1beta1", "servicecidrs"),
            "networking.k8s.io/v1beta1 ServiceCIDR is deprecated in v1.34+, unavailable in v1.37+",
        ),
    ],
)
def test_the_warning(resource: tuple[str, str, str], text: str) -> None:
    found = find(*resource)
    assert found is not None and deprecation(found) == text


def test_only_what_is_served() -> None:
    assert [key for key in DEPRECATED if find(*key) is None] == []
