"""Options of the CPU manager's static policy: which there are, and which may be together. Pure.

Source: pkg/kubelet/cm/cpumanager/policy_options.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.apimachinery.features import FALSE, TRUE

WHOLE_CORES = "full-pcpus-only"
STRICT = "strict-cpu-reservation"
_OPTIONS = (WHOLE_CORES, STRICT)
_NAME = "cpuManagerPolicyOptions (--cpu-manager-policy-options)"


def chosen(policy: str, options: Mapping[str, str]) -> frozenset[str]:
    """Those that are on. Raises ValueError with one line."""
    if options and policy != "static":
        raise ValueError(f"{_NAME} needs cpuManagerPolicy static")
    for name, value in options.items():
        if name not in _OPTIONS:
            raise ValueError(f"{_NAME}: {name!r} is none of {', '.join(_OPTIONS)}")
        if value not in TRUE | FALSE:
            raise ValueError(f"{_NAME}: {name} is true or false, not {value!r}")
    return frozenset(name for name, value in options.items() if value in TRUE)
