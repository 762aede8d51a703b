"""The ConfigMap with the cluster's CA. Pure. Source: pkg/controller/certificates/rootcacertpublisher/publisher.go."""

from __future__ import annotations

from pybernetes.api.core.v1 import ConfigMap
from pybernetes.api.meta.v1 import ObjectMeta
from pybernetes.apimachinery.fresh import fresh

NAME = "kube-root-ca.crt"
_DESCRIPTION = "kubernetes.io/description"
_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as "
    "the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "
    "Kubernetes clusters."
)


def wanted(existing: ConfigMap | None, namespace: str, ca_pem: str) -> ConfigMap | None:
    """What to create or to update `existing` to; None when it is right already."""
    data = {"ca.crt": ca_pem}
    if existing is None:
        meta = ObjectMeta(name=NAME, namespace=namespace, annotations={_DESCRIPTION: _TEXT})
        return ConfigMap(metadata=meta, data=data)
    if existing.data == data and existing.metadata.annotations.get(_DESCRIPTION):
        return None
    changed = fresh(existing)
    changed.data = data
    changed.metadata.annotations[_DESCRIPTION] = _TEXT
    return changed
