"""The `pybernetes` command: finds the verb, imports its module alone, turns what went wrong into one line.

Exit codes: 0 done, 1 failed, 2 wrong usage. Users never see a traceback; with PYBERNETES_DEBUG set they do.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import NoReturn

_CLUSTER, _LOOK, _COMPONENT = "Clusters", "Looking into one", "Components (upstream's names and flags)"


@dataclass(frozen=True, slots=True)
class Verb:
    module: str
    help: str
    group: str = ""
    """"" hides it: the processes that `up` starts."""
    epilog: str = ""


_UP_EXAMPLES = """examples:
  pybernetes up                      a cluster with one node, and three pods that say hello
  pybernetes up --nodes 2            two real nodes on this machine
  pybernetes up --control-planes 3   three etcds and apiservers behind a load balancer
  pybernetes up --name blue          another cluster beside the first
  pybernetes up --data-dir /srv/k8s  its state somewhere else
  pybernetes up --runtime simulated --simulated-nodes 1000    no root, no containers: nodes that only pretend
"""

VERBS: dict[str, Verb] = {
    "up": Verb("pybernetes.cli.up", "start a cluster, or do nothing when it runs", _CLUSTER, _UP_EXAMPLES),
    "down": Verb(
        "pybernetes.cli.down",
        "stop a cluster and take everything of it off this machine",
        _CLUSTER,
        "examples:\n  pybernetes down            stops it; its state stays for the next `up`\n"
        "  pybernetes down --purge    deletes its state too\n",
    ),
    "status": Verb(
        "pybernetes.cli.status",
        "what runs and whether it is well",
        _CLUSTER,
        "examples:\n  pybernetes status\n  pybernetes status -o json | jq .components\n\n"
        "exit code: 0 when everything runs, 1 otherwise\n",
    ),
    "node": Verb(
        "pybernetes.cli.node",
        "stop or start one node of several",
        _CLUSTER,
        "examples:\n  pybernetes node stop node-2\n  pybernetes node start node-2\n",
    ),
    "kubeconfig": Verb(
        "pybernetes.cli.kubeconfig",
        "print the cluster's kubeconfig, certificates embedded",
        _CLUSTER,
        "examples:\n  pybernetes kubeconfig > admin.conf && kubectl --kubeconfig admin.conf get nodes\n",
    ),
    "image": Verb(
        "pybernetes.cli.image",
        "load images into every node, list what is there",
        _CLUSTER,
        "examples:\n  docker save app:1 -o app.tar && pybernetes image load app.tar\n"
        "  pybernetes image load localhost:5000/app:1    pulled by each node\n  pybernetes image ls\n",
    ),
    "snapshot": Verb(
        "pybernetes.cli.snapshot",
        "save, check and restore everything a cluster stores",
        _CLUSTER,
        "examples:\n  pybernetes snapshot save backup.db\n  pybernetes snapshot status backup.db\n"
        "  pybernetes down && pybernetes snapshot restore backup.db && pybernetes up\n",
    ),
    "store": Verb(
        "pybernetes.cli.store",
        "move a cluster from SQLite to etcd, or back",
        _CLUSTER,
        "examples:\n  pybernetes store migrate --to etcd\n  pybernetes store migrate --to sqlite --name blue\n",
    ),
    "why": Verb(
        "pybernetes.cli.why",
        "the chain of causes behind an object",
        _LOOK,
        "examples:\n  pybernetes why pod/hello-6d4cf56db6-x2x7k\n  pybernetes why deployment/hello\n",
    ),
    "schedule": Verb(
        "pybernetes.cli.schedule",
        "where Pods would go, and why, without creating them",
        _LOOK,
        "examples:\n  pybernetes schedule --dry-run -f pods.yaml\n"
        "  pybernetes schedule --dry-run -f pods.yaml --snapshot backup.db -o json\n"
        "exit code: 0 when every Pod gets a node, 3 when one would wait\n",
    ),
    "history": Verb(
        "pybernetes.cli.history",
        "what happened to an object, write by write, and how it was",
        _LOOK,
        "examples:\n  pybernetes history deployment/hello\n  pybernetes history deployment/hello --at 5m\n"
        "  pybernetes history pods --at 2026-01-02T15:04:05Z -n kube-system\n",
    ),
    "undo": Verb(
        "pybernetes.cli.undo",
        "take back the last change of an object",
        _LOOK,
        "examples:\n  pybernetes undo deployment/hello --dry-run\n  pybernetes undo configmap/settings -n shop\n",
    ),
    "version": Verb("pybernetes.cli.version", "the version of Kubernetes served, and of Pybernetes", _LOOK),
    "apiserver": Verb("pybernetes.cmd.apiserver", "kube-apiserver", _COMPONENT),
    "controller-manager": Verb("pybernetes.cmd.controller_manager", "kube-controller-manager", _COMPONENT),
    "scheduler": Verb("pybernetes.cmd.scheduler", "kube-scheduler", _COMPONENT),
    "kubelet": Verb("pybernetes.cmd.kubelet", "kubelet", _COMPONENT),
    "proxy": Verb("pybernetes.cmd.proxy", "kube-proxy, on nftables", _COMPONENT),
    "dns": Verb("pybernetes.cmd.dns", "the cluster's DNS server", _COMPONENT),
    "ingress": Verb("pybernetes.cmd.ingress", "an Ingress controller, on HAProxy", _COMPONENT),
    "standalone": Verb("pybernetes.cmd.standalone", "the processes of `up`: control plane and node agent in one"),
    "host-agent": Verb(
        "pybernetes.cmd.host_agent", "the processes of `up`: DNS and the host's network, with several control planes"
    ),
    "node-agent": Verb(
        "pybernetes.cmd.node", "the processes of `up`: kubelet, proxy and network of one node of several"
    ),
    "simulated-nodes": Verb("pybernetes.cmd.simulated_nodes", "the processes of `up`: all nodes that only pretend"),
    "supervisor": Verb("pybernetes.cmd.supervisor", "the processes of `up`: keeps the others running"),
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the usage on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see: {self.prog} --help\n")

    @property
    def flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings]


def usage() -> str:
    """The help of the command itself."""
    lines = ["Kubernetes v1.36, whole, in Python.", "", "usage: pybernetes VERB [options]", ""]
    for group in (_CLUSTER, _LOOK, _COMPONENT):
        lines.append(f"{group}:")
        lines += [f"  {name:<20}{verb.help}" for name, verb in VERBS.items() if verb.group == group]
        lines.append("")
    lines += [
        "Start here:",
        "  pybernetes up",
        "  kubectl get pods",
        "",
        "`pybernetes VERB --help` tells the options of a verb, with examples.",
        "",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0 if words else 2
    if words[0] in ("--version", "-V"):
        words = ["version"]
    if words[0].startswith("-"):
        return _wrong(f"unknown flag {words[0]}")
    verb = VERBS.get(words[0])
    if verb is None:
        verbs = [name for name, known in VERBS.items() if known.group]
        return _wrong(f"unknown verb {words[0]!r}{_suggestion(words[0], verbs)}")
    try:
        return _run(words[0], verb, words[1:])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        print("\npybernetes: interrupted; run it again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("PYBERNETES_DEBUG"):
            raise
        import traceback

        from pybernetes.cli.failures import one_line, write_report

        # A process of `up` writes to its log, where the details belong; a user is told where they are.
        report = write_report if verb.group else traceback.print_exception
        print(f"pybernetes: {one_line(error, report)}", file=sys.stderr)
        return 1


def _wrong(message: str) -> int:
    print(f"pybernetes: {message}; see: pybernetes --help", file=sys.stderr)
    return 2


def _suggestion(word: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _dashed(word: str) -> str:
    """A flag as it is called, which components may be told with underscores."""
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if word.startswith("--") else word


def _run(name: str, verb: Verb, words: list[str]) -> int:
    module = importlib.import_module(verb.module)
    parser = _Parser(
        prog=f"pybernetes {name}",
        description=verb.help[0].upper() + verb.help[1:] + ".",
        epilog=verb.epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    args, unknown = parser.parse_known_args([*map(_dashed, words)] if verb.group == _COMPONENT else words)
    if unknown:
        flag = unknown[0].partition("=")[0]
        parser.error(f"there is no {flag!r}{_suggestion(flag, parser.flags)}")
    outcome = module.run(args)
    if isinstance(outcome, Coroutine):
        from pybernetes.cmd.component import run_component

        return run_component(name, outcome)
    return int(outcome)
