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


def run(api: Served, group: str, seconds: str) -> int:
    """Whether schemathesis tells of a failure in one group's document."""
    url = f"http://127.0.0.1:{api.server.port}/openapi/v3/{group}"
    command = [
        Path(sys.executable).with_name("st"), "run", url, "-H", f"Authorization: Bearer {TOKEN}",
        "--checks", "not_a_server_error", "--exclude-path-regex", _LEFT_OUT, "--max-time", seconds,
        "--request-timeout", "5", "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all",
        "--warnings", "off", "--no-color", "--generation-database", "none",
    ]  # fmt: skip
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.integration.openapi_hooks"}
    done = subprocess.run(command, capture_output=True, text=True, env=hooks)
    failed = "= FAILURES =" in done.stdout or "Test cases:" not in done.stdout
    if failed:  # a watch that is still open when its time is up is told as an error, and is none
        print(done.stdout[-5000:], done.stderr[-1000:])
    return int(failed)


def main() -> int:
    failed = 0
    with serving(runtime_config={"api/all": True}, min_request_timeout_s=1) as api:
        documents = json.loads(api.ask("GET", "/openapi/v3").body)["paths"]
        groups = sys.argv[1:] or [path for path in documents if re.fullmatch(r"api/v1|apis/.+/v[^/]+", path)]
        for group in groups:
            before = counts(api)
            failed += run(api, group, os.environ.get("SECONDS_EACH", "300"))
            after = counts(api)
            told = {code: after[code] - before[code] for code in sorted(after) if after[code] > before[code]}
            print(f"{group}: {sum(told.values())} requests {told}", flush=True)
        failed += counts(api)["500"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
