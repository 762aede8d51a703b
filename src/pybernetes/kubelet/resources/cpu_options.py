"""Options of the CPU manager's static policy: which there are, and which may be together. Pure.

Source: pkg/kubelet/cm/cpumanager/policy_options.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.apimachinery.features import FALSE, TRUE, FeatureGates

WHOLE_CORES = "full-pcpus-only"
STRICT = "strict-cpu-reservation"
BY_CACHE = "prefer-align-cpus-by-uncorecache"
OVER_NODES = "distribute-cpus-across-numa"
BY_SOCKET = "align-by-socket"
OVER_CORES = "distribute-cpus-across-cores"
_NEEDS = {
    WHOLE_CORES: "",
    STRICT: "",
    BY_CACHE: "",
    OVER_NODES: "CPUManagerPolicyBetaOptions",
    BY_SOCKET: "CPUManagerPolicyAlphaOptions",
    OVER_CORES: "CPUManagerPolicyAlphaOptions",
}
"""The feature gate of each."""
_APART = ((WHOLE_CORES, OVER_CORES), (OVER_NODES, OVER_CORES), (BY_CACHE, OVER_CORES), (BY_CACHE, OVER_NODES))
NAME = "cpuManagerPolicyOptions (--cpu-manager-policy-options)"


def chosen(policy: str, options: Mapping[str, str], gates: FeatureGates) -> frozenset[str]:
    """Those that are on. Raises ValueError with one line."""
    if options and policy != "static":
        raise ValueError(f"{NAME} needs cpuManagerPolicy static")
    for name, value in options.items():
        if name not in _NEEDS:
            raise ValueError(f"{NAME}: {name!r} is none of {', '.join(_NEEDS)}")
        if (gate := _NEEDS[name]) and not gates.enabled(gate):
            raise ValueError(f"{NAME}: {name} needs the feature gate {gate}")
        if value not in TRUE | FALSE:
            raise ValueError(f"{NAME}: {name} is true or false, not {value!r}")
    found = frozenset(name for name, value in options.items() if value in TRUE)
    for pair in _APART:
        if found.issuperset(pair):
            raise ValueError(f"{NAME}: {pair[0]} and {pair[1]} exclude each other")
    return found
