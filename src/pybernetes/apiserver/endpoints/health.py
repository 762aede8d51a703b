"""/healthz, /livez, /readyz: named checks, one by one or together, in upstream's text; /metrics/slis counts them.

Source: apiserver/pkg/server/healthz/healthz.go, component-base/metrics/prometheus/slis/metrics.go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from pybernetes.apimachinery.metrics_text import head
from pybernetes.http.messages import Request, Response
from pybernetes.http.pages import page_not_found, text

log = logging.getLogger(__name__)

Check = Callable[[], str]
"""What is wrong; "" when nothing is."""

ENDPOINTS = ("healthz", "livez", "readyz")


class Health:
    """The checks of the three endpoints, in the order they were added."""

    def __init__(self) -> None:
        self._checks: dict[str, dict[str, Check]] = {name: {} for name in ENDPOINTS}
        self._asked: dict[tuple[str, str], list[int]] = {}
        """By endpoint and check: whether it was well last, how often it was, how often it was not."""

    def add(self, name: str, check: Check, endpoints: tuple[str, ...] = ENDPOINTS) -> None:
        for endpoint in endpoints:
            self._checks[endpoint][name] = check

    def failing(self, endpoint: str) -> dict[str, str]:
        """What is wrong, by check."""
        found = {name: check() for name, check in self._checks[endpoint].items()}
        return {name: problem for name, problem in found.items() if problem}

    def indicators(self) -> Iterator[str]:
        """What the checks said when they were asked for, in Prometheus' text form."""
        yield from head("kubernetes_healthcheck", "gauge", "Whether a check was well when last asked for")
        asked = sorted(self._asked.items())
        for (endpoint, name), (well, _, _) in asked:
            yield f'kubernetes_healthcheck{{name="{name}",type="{endpoint}"}} {well}'
        yield from head("kubernetes_healthchecks_total", "counter", "How often a check was asked for, by what it said")
        for (endpoint, name), (_, *counts) in asked:
            for status, count in zip(("success", "error"), counts, strict=True):
                if count:
                    labels = f'name="{name}",status="{status}",type="{endpoint}"'
                    yield f"kubernetes_healthchecks_total{{{labels}}} {count}"

    def _ask(self, endpoint: str, name: str, check: Check) -> str:
        problem = check()
        counts = self._asked.setdefault((endpoint, name), [0, 0, 0])
        counts[0] = int(not problem)
        counts[2 if problem else 1] += 1
        return problem

    def answer(self, request: Request) -> Response:
        _, endpoint, *rest = request.path.split("/")
        checks = self._checks[endpoint]
        if rest and rest != [""]:
            check = checks.get("/".join(rest))
            if check is None:
                return page_not_found()
            problem = self._ask(endpoint, "/".join(rest), check)
            return text(f"internal server error: {problem}\n", 500) if problem else text("ok")
        params = request.params() if request.query else {}
        excluded = {name for names in params.get("exclude", []) for name in names.split(",") if name}
        lines, failed = [], []
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
                continue
            problem = self._ask(endpoint, name, check)
            if problem:
                failed.append(f"{name}: {problem}")
                lines.append(f"[-]{name} failed: reason withheld")
            else:
                lines.append(f"[+]{name} ok")
        if unknown := excluded - checks.keys():
            names = ", ".join(f'"{name}"' for name in sorted(unknown))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
        if failed:
            log.info("%s check failed: %s", endpoint, "; ".join(failed))
            return text("\n".join(lines) + f"\n{endpoint} check failed\n", 500)
        if "verbose" in params:
            return text("\n".join(lines) + f"\n{endpoint} check passed\n")
        return text("ok")
