"""/version: the Kubernetes served and the Pybernetes behind it, as valid semver."""

from __future__ import annotations

import platform
import sys
from typing import Any

from pybernetes.apimachinery.version import GIT_VERSION, KUBERNETES_VERSION


def version_info() -> dict[str, Any]:
    """version.Info, as `kubectl version` shows it."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation(),
        "platform": f"{sys.platform}/{machine}",
    }
