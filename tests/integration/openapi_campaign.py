"""schemathesis against what an apiserver in memory publishes as its OpenAPI v3: every group, requests good and bad.

Part of `make soak`; SECONDS_EACH bounds each group, arguments name the groups (default: all). Prints how many requests
were answered with which status and fails when one of them was a failure of the server or took too long.
Watches, connections and proxies are left out: they have no end of their own.
"""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.apiserver_in_a_thread import TOKEN, Served, serving

_LEFT_OUT = "/watch/|/exec|/attach|/proxy|/portforward|/log"
_COUNTED = re.compile(r'apiserver_request_total\{.*code="(\d+)"\} (\d+)')


def counts(api: Served) -> collections.Counter[str]:
    """Requests so far by status."""
    found: collections.Counter[str] = collections.Counter()
    for line in api.server.metrics.lines():
        if match := _COUNTED.match(line):
            found[match[1]] += int(match[2])
    return found


def run(api: Served, group: str, *bounds: str) -> str:
    """What schemathesis tells of one group's document; `bounds` are options that say how long it goes on."""
    url = f"http://127.0.0.1:{api.server.port}/openapi/v3/{group}"
    command = [
        Path(sys.executable).with_name("st"), "run", url, "-H", f"Authorization: Bearer {TOKEN}",
        "--checks", "not_a_server_error", "--exclude-path-regex", _LEFT_OUT, *bounds,
        "--request-timeout", "5", "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all",
        "--warnings", "off", "--no-color", "--generation-database", "none",
    ]  # fmt: skip
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.integration.openapi_hooks"}
    done = subprocess.run(command, capture_output=True, text=True, env=hooks)
    return done.stdout + done.stderr


def failed(told: str) -> bool:
    """A watch that is still open when its time is up is told as an error, and is none."""
    return "= FAILURES =" in told or "Test cases:" not in told


def main() -> int:
    failures = 0
    with serving(runtime_config={"api/all": True}, min_request_timeout_s=1) as api:
        documents = json.loads(api.ask("GET", "/openapi/v3").body)["paths"]
        groups = sys.argv[1:] or [path for path in documents if re.fullmatch(r"api/v1|apis/.+/v[^/]+", path)]
        for group in groups:
            before = counts(api)
            told = run(api, group, "--max-time", os.environ.get("SECONDS_EACH", "300"))
            if failed(told):
                failures += 1
                print(told[-6000:])
            after = counts(api)
            answers = {code: after[code] - before[code] for code in sorted(after) if after[code] > before[code]}
            operations = re.search(r"Operations:\s+(.+)", told)
            which = f", operations {operations[1]}" if operations else ""
            print(f"{group}: {sum(answers.values())} requests {answers}{which}", flush=True)
        failures += counts(api)["500"]
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
