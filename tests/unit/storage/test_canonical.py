from __future__ import annotations

from pybernetes.storage.canonical import replace_resource_version, with_resource_version, without_resource_version

STORED = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"metadata":"{"}},"spec":{}}'


def test_the_version_goes_in_is_replaced_and_comes_out() -> None:
    served = with_resource_version(STORED, 42)
    assert served.startswith(b'{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"42","name":"a"')
    assert replace_resource_version(served, 12345) == with_resource_version(STORED, 12345)
    assert without_resource_version(served) == STORED
