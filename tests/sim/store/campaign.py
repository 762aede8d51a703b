"""Rounds of concurrent clients and one fault each, and what must hold after every round.

python -m tests.sim.store.campaign --store sqlite|etcd1|etcd3 --apiservers N --faults kill,pause,… --rounds R
--seed S, in a network namespace of its own (`unshare --net`). Prints counts; a violation with its history and
seed, and exits 1.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.sim.store.clients import PATH, Client, History, Watcher, ask, watch_violations
from tests.sim.store.registers import violations
from tests.sim.store.world import Part, World, available

_READY_S = 60.0
_FAST = Path("/dev/shm")


class Campaign:
    def __init__(self, world: World, faults: list[str], rng: random.Random, args: argparse.Namespace) -> None:
        self.world = world
        self.faults = faults
        self.rng = rng
        self.args = args
        self.history = History()
        self.total: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.found: list[str] = []

    async def run(self, rounds: int, until_s: float) -> None:
        self.servers = {part.name: self.world.transport(part) for part in self.world.apiservers}
        self.world.start()
        await self._ready(everybody=True)
        for number in range(rounds):
            if self.found or time.monotonic() > until_s:
                break
            await self._round(number)
            self.total["rounds"] += 1
            if number % 20 == 19:
                print(f"round {number + 1}: {dict(self.total)}", flush=True)
        for transport in self.servers.values():
            await transport.close()

    async def _round(self, number: int) -> None:
        rng, args = self.rng, self.args
        self.history = history = History()
        since, before = await self._list()
        watchers = [Watcher(self.servers, random.Random(rng.random()), since) for _ in range(args.watchers)]
        keys = [f"r{number}-{key}" for key in range(args.keys)]
        clients = [Client(name, self.servers, history, random.Random(rng.random())) for name in range(args.clients)]
        watching = [asyncio.create_task(watcher.run()) for watcher in watchers]
        try:
            enough = asyncio.Event()
            working = [asyncio.create_task(client.work(keys, enough)) for client in clients]
            for _ in range(args.faults_per_round):
                await asyncio.sleep(args.seconds * (0.5 + rng.random()) / 2)
                await self._fault(rng.choice(self.faults))
            await self._ready(everybody=True)
            await asyncio.sleep(args.seconds / 2)
            enough.set()
            await asyncio.gather(*working)
            reader = Client(99, self.servers, history, random.Random(0))
            for name in self.servers:
                await reader.list(name, keys)
                for key in keys:
                    await reader.get(name, key)
            newest, after = await self._list()
            end = time.monotonic() + 30
            while any(watcher.since < self._last_of(watcher, newest) for watcher in watchers):
                if time.monotonic() > end:
                    self.found.append("a watcher does not catch up")
                    break
                await asyncio.sleep(0.02)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        started = time.monotonic()
        unsettled: list[str] = []
        self.found += violations(history.ops, unsettled)
        self.total["unsettled"] += len(unsettled)
        for watcher in watchers:
            self.found += watch_violations(watcher, before, history.ops)
            state = dict(before)
            for event in watcher.events:
                if event.type == "DELETED":
                    state.pop(event.key, None)
                else:
                    state[event.key] = event.value
            if state != after:
                wrong = {k for k in state.keys() | after.keys() if state.get(k) != after.get(k)}
                self.found.append(f"what a watcher saw does not lead to what is there: {sorted(wrong)}")
            self.total["watch events"] += len(watcher.events)
            self.total["watches resumed"] += watcher.resumed
        self.found += history.strange
        self.total["checking ms"] += int((time.monotonic() - started) * 1000)
        self.total["histories"] += len({op.key for op in history.ops})
        self.total["operations"] += len(history.ops)
        self.total["acknowledged writes"] += sum(op.outcome == "ok" and op.kind != "get" for op in history.ops)
        self.total["without an answer"] += sum(op.outcome == "unknown" for op in history.ops)
        self.total["lists"] += history.lists
        for what, times in history.answers.items():
            self.done[what] += times
        for name in after:  # so that the next round's lists stay short
            await ask(next(iter(self.servers.values())), "DELETE", f"{PATH}/{name}")

    def _last_of(self, watcher: Watcher, newest: int) -> int:
        """The last revision that concerns it: the list's may be of something else."""
        last = max((op.revision for op in self.history.ops if op.outcome == "ok"), default=0)
        return min(last, newest)

    async def _fault(self, fault: str) -> None:
        self.total[f"fault {fault}"] += 1
        world, rng = self.world, self.rng
        pause_s = 0.1 + rng.random() * self.args.longest_fault
        if fault == "kill":
            await self._kill(rng.choice(world.apiservers))
        elif fault == "kill-etcd":
            await self._kill(rng.choice(world.etcds))
        elif fault == "kill-leader":
            await self._kill(await asyncio.to_thread(world.leader) or rng.choice(world.etcds))
        elif fault == "kill-all":
            parts = [*world.etcds, *world.apiservers]
            for part in parts:
                part.kill()
            for part in parts:
                part.start()
        elif fault == "pause":
            part = rng.choice([*world.apiservers, *world.etcds])
            part.signal(signal.SIGSTOP)
            await asyncio.sleep(pause_s)
            part.signal(signal.SIGCONT)
        elif fault == "partition":
            part = rng.choice([*world.apiservers, *world.etcds])
            await asyncio.to_thread(world.cut, part, whole=False)
            await asyncio.sleep(pause_s)
            await asyncio.to_thread(world.cut, part, whole=True)
        elif fault == "clock":
            world.jump(rng.choice(world.apiservers), rng.choice((-86400, -3600, -5, 5, 3600, 86400)))
            await asyncio.sleep(pause_s)
        elif fault in ("slow-disk", "full-disk", "disk-error"):
            part = rng.choice(world.apiservers)
            how = {"slow-disk": {"delay_s": 0.05}, "full-disk": {"write": "full"}, "disk-error": {"write": "error"}}
            world.set_faults(part, **how[fault])
            await asyncio.sleep(pause_s)
            world.set_faults(part)
        elif fault != "none":
            raise SystemExit(f"unknown fault {fault}")

    async def _kill(self, part: Part) -> None:
        part.kill()
        await asyncio.sleep(self.rng.random() * 0.2)
        part.start()
        if not self.world.store.startswith("etcd") or self.rng.random() < 0.5:
            await self._ready(everybody=False)

    async def _ready(self, *, everybody: bool) -> None:
        end = time.monotonic() + _READY_S
        waiting = dict(self.servers)
        while waiting and (everybody or len(waiting) == len(self.servers)):
            for name, transport in list(waiting.items()):
                try:
                    if (await ask(transport, "GET", "/readyz"))[0] == 200:
                        del waiting[name]
                except (OSError, TimeoutError):
                    pass
            for part in [*self.world.apiservers, *self.world.etcds]:
                if part.ended():
                    self.total["ended by itself"] += 1
                    part.start()
            if time.monotonic() > end:
                logs = "\n".join(part.log()[-2000:] for part in self.world.apiservers)
                self.found.append(f"not ready after {_READY_S} s: {sorted(waiting)}\n{logs}")
                return
            if waiting:
                await asyncio.sleep(0.03)

    async def _list(self) -> tuple[int, dict[str, str]]:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            try:
                status, answer = await ask(self.rng.choice(list(self.servers.values())), "GET", PATH)
            except (OSError, TimeoutError):
                status = 0
            if status == 200:
                found = {item["metadata"]["name"]: item["data"]["v"] for item in answer["items"] if "data" in item}
                found = {key: value for key, value in found.items() if key.startswith("r")}
                return int(answer["metadata"]["resourceVersion"]), found
            await asyncio.sleep(0.1)
        raise SystemExit(f"no list in {_READY_S:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default="sqlite")
    parser.add_argument("--apiservers", type=int, default=1)
    parser.add_argument("--faults", default="kill")
    parser.add_argument("--faults-per-round", type=int, default=1)
    parser.add_argument("--longest-fault", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of work around each fault")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--keys", type=int, default=6)
    parser.add_argument("--watchers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mistake", default="")
    parser.add_argument("--folder", default="", help="of the world; it stays when a violation is found")
    args = parser.parse_args()
    if (why := available()) and args.store != "sqlite":
        raise SystemExit(why)
    folder = Path(args.folder or tempfile.mkdtemp(prefix="store-campaign-", dir=_FAST if _FAST.is_dir() else None))
    folder.mkdir(exist_ok=True)
    world = World(folder, args.store, args.apiservers, mistake=args.mistake)
    campaign = Campaign(world, args.faults.split(","), random.Random(args.seed), args)
    began = time.monotonic()
    try:
        asyncio.run(campaign.run(args.rounds, began + args.minutes * 60))
    except BaseException:
        for part in world.apiservers:
            print(f"-- {part.name}\n{part.log()[-3000:]}")
        raise
    finally:
        world.close()
    print(f"store {args.store}, apiservers {args.apiservers}, seed {args.seed}, {time.monotonic() - began:.0f} s")
    print("  " + ", ".join(f"{times} {what}" for what, times in campaign.total.items()))
    print("  answers: " + ", ".join(f"{what}: {times}" for what, times in sorted(campaign.done.items())))
    print(f"  {len(campaign.found)} violations", flush=True)
    for text in campaign.found[:5]:
        print(f"VIOLATION (seed {args.seed}, round {campaign.total['rounds']}): {text}")
    if campaign.found:
        print(f"the world is left in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
