"""The version of Kubernetes served, and ours behind it, as valid semver: what /version and nodes say."""

from __future__ import annotations

from pybernetes import __version__

KUBERNETES_VERSION = "v1.36.2"
GIT_VERSION = f"{KUBERNETES_VERSION}+pybernetes.{__version__}"
