"""Pods by the PersistentVolumeClaims that they name: one index of the shared informer for all who ask."""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod
from pybernetes.apimachinery import volume_claims
from pybernetes.client.informer import Informer

BY_CLAIM = "persistent volume claim"
"""Index of Pods; its values are keys of claims."""


def claim_keys(pod: Pod) -> list[str]:
    return [f"{pod.metadata.namespace}/{name}" for name in volume_claims.claim_names(pod)]


def index_by_claim(pods: Informer[Pod]) -> None:
    pods.add_index(BY_CLAIM, claim_keys)
