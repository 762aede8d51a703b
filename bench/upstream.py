"""The same load on our apiserver and on upstream's with an etcd, in turn and from the same client, as one table.

Both are durable: what is acknowledged is synced to the same disk. Upstream's programs are given by their paths; without
them there is nothing to compare. The processor time is that of all processes of a server, etcd's included.

Usage: python bench/upstream.py --kube-apiserver PATH --etcd PATH [--seconds 3] [--connections 64] [--watchers 1000]
[--events 200]; the paths also as KUBE_APISERVER and ETCD.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.clients.load import Load, delivered, watch_process
from bench.clients.server import MAPS, Server, Upstream

CREATED = "/api/v1/namespaces/created/configmaps"
VERBS = (
    ("GET", f"{MAPS}/c7", ""),
    ("LIST of 500", MAPS, ""),
    ("CREATE", CREATED, "create"),
    ("UPDATE", MAPS, "update"),
    ("merge PATCH", MAPS, "merge patch"),
    ("apply", MAPS, "apply"),
)
"""What is measured: a name, a path, a script of wrk."""


@dataclass
class Row:
    """One figure of both servers."""

    name: str
    unit: str
    more_is_better: bool = False
    values: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        ours, theirs = self.values
        ratio = (ours / theirs if self.more_is_better else theirs / ours) if ours and theirs else float("nan")
        return f"{self.name:<44} {ours:>12,.1f} {theirs:>12,.1f} {self.unit:<4} {ratio:>7.1f}x"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--kube-apiserver", default=os.environ.get("KUBE_APISERVER", ""), help="upstream's program")
    parser.add_argument("--etcd", default=os.environ.get("ETCD", ""), help="etcd's program")
    parser.add_argument("--seconds", type=int, default=3, help="of each run of wrk")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=200, help="to each of them")
    args = parser.parse_args()
    if not args.kube_apiserver or not args.etcd:
        print("nothing to compare with: give --kube-apiserver and --etcd, or KUBE_APISERVER and ETCD")
        return 0
    if shutil.which("wrk") is None:
        print("needs wrk", file=sys.stderr)
        return 1
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(prefix="pybernetes-bench-") as name:
        ours, theirs = Path(name) / "ours", Path(name) / "theirs"
        for folder in (ours, theirs):
            folder.mkdir()
        for server in (Server(ours), Upstream(theirs, Path(args.kube_apiserver), Path(args.etcd))):
            try:
                measure(server, args, rows)
            finally:
                server.stop()
    print(f"{os.cpu_count()} processors, {args.connections} connections")
    print(f"{'':<44} {'pybernetes':>12} {'upstream':>12} {'':<4} {'better':>8}")
    for row in rows.values():
        print(row)
    return 0


def measure(server: Server, args: argparse.Namespace, rows: dict[str, Row]) -> None:
    """Adds the server's figures to the table."""

    def add(name: str, value: float, unit: str, *, more_is_better: bool = False) -> None:
        rows.setdefault(name, Row(name, unit, more_is_better)).values.append(value)

    add("until ready", server.start(), "s")
    server.prepare()
    before = server.resident_kb()
    client = watch_process(server, args.watchers, args.events)
    add(f"memory of a watch ({args.watchers} of them)", (server.resident_kb() - before) / args.watchers, "kB")
    seen = delivered(server, client, args.events)
    add(f"{args.events} events to {args.watchers} watchers", seen.deliveries / seen.seconds, "/s", more_is_better=True)
    add("  delay from request to watcher, p50", seen.p50_ms, "ms")
    add("  delay from request to watcher, p99", seen.p99_ms, "ms")
    add("  processor time of a delivery", seen.cpu_us, "us")
    load = Load(server.folder, args.seconds)
    for verb, path, script in VERBS:
        found = load.run(server.cpu_s, server.url + path, args.connections, script=script)
        add(verb, found.rate, "/s", more_is_better=True)
        if found.bad:
            rows[verb].name += f", {type(server).__name__}: {found.bad:.0%} not 2xx"
        add(f"  {verb}, p50", found.p50_ms, "ms")
        add(f"  {verb}, p99", found.p99_ms, "ms")
        add(f"  {verb}, processor time each", found.cpu_us, "us")
    add("resident, at the end", server.resident_kb() / 1024, "MB")


if __name__ == "__main__":
    sys.exit(main())
