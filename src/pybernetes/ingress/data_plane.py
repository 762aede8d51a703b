"""The proxy itself: HAProxy as a process that outlives this one, fed with tables.

A change of endpoints or of a certificate goes through its runtime API. Any other makes a new process, which is checked
first, takes the listening sockets from the old one and tells it to finish what it has: nothing is dropped. What the
check refuses never goes live; the old process goes on.

Every generation has a folder with its configuration, its maps and its administration socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from pathlib import Path

from pybernetes.host.files import write_atomic, write_if_changed
from pybernetes.host.processes import Process, arguments, find_program, spawn
from pybernetes.ingress import certificates
from pybernetes.ingress.configuration import Rendered, fill, render, server_commands
from pybernetes.ingress.table import Table

log = logging.getLogger(__name__)

_READY_S = 10.0
_CHECK_S = 60.0
_LOOK_AGAIN_S = 0.01
_COMMANDS_AT_ONCE = 60
_ANSWER_S = 5.0
_DONE = ("", "Success!")
_DONE_BEGINS = (
    "IP changed",
    "no need to change",
    "port changed",
    "Committing",
    "Transaction created",
    "nothing changed",
)


class DataPlaneError(Exception):
    """The proxy does not take a table; the message is for the user."""


class _Refused(Exception):
    """The runtime API does not do what it was asked."""


@dataclass(frozen=True, slots=True)
class DataPlaneConfig:
    folder: Path
    """For what the process reads; with private keys, so on a file system in memory."""
    record: Path
    """Id and start time of the process."""
    log: Path
    threads: int = 0
    """0: one a processor."""


class DataPlane:
    """`apply` may be cancelled and called again at any time; whoever calls it does so one at a time."""

    def __init__(self, config: DataPlaneConfig, on_death: Callable[[], None]) -> None:
        self._config = config
        self._on_death = on_death
        self._process = Process.recorded(config.record)
        self._running: Rendered | None = None
        """What the process has; None when that is not known."""
        self._contents: dict[str, bytes] = {}
        self._refused: dict[str, tuple[bytes, str]] = {}
        """Certificates that HAProxy did not take, by file: as they are not tried again, and why."""
        self._watched: dict[int, Process] = {}
        self._leaving: Process | None = None
        """The process that another one is taking over from right now: its end is no fault."""
        self.reloads = 0
        if self._process is not None:
            self._watch(self._process)

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self._process.pid if self._process else 0

    async def apply(self, table: Table) -> dict[str, str]:
        """Makes the proxy serve the table; certificate files that it refused, with why.

        Raises DataPlaneError when it cannot; then it serves what it served before.
        """
        if not table.frontends:
            self.stop()
            return {}
        folder = self._config.folder
        keys = folder / "certificates"
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (keys / "fallback.pem").exists():
            write_atomic(keys / "fallback.pem", await asyncio.to_thread(certificates.fallback), 0o600)
        table, refused = self._without_refused(table)
        for certificate in table.certificates.values():
            write_if_changed(keys / certificate.file, certificate.pem, 0o600)
        if self._process is not None and self._running is not None:
            rendered = self._render(table, self._current_folder())
            if rendered.structure == self._running.structure:
                try:
                    await self._update(table, rendered)
                    return refused
                except (_Refused, OSError, TimeoutError) as error:
                    log.info("the proxy's runtime API says %s; a new process takes over", error)
        return refused | await self._replace(table)

    async def move(self, table: Table, names: set[str]) -> bool:
        """Gives some backends the endpoints that they have in the table; False when that takes all of `apply`."""
        running = self._running
        if self._process is None or running is None:
            return False
        slots = dict(running.slots)
        commands: list[str] = []
        for name in sorted(names):
            before = slots[name]
            slots[name] = fill(table.backends[name].servers, before)
            if len(slots[name]) != len(before):
                return False
            commands += server_commands(name, before, slots[name])
        self._running = None  # until they are all done
        try:
            await self._command(commands)
        except (_Refused, OSError, TimeoutError) as error:
            log.info("the proxy's runtime API says %s", error)
            return False
        self._running = replace(running, slots=slots)
        return True

    async def _command(self, commands: list[str]) -> None:
        admin = self._current_folder() / "admin.sock"
        for start in range(0, len(commands), _COMMANDS_AT_ONCE):
            await _told(admin, ";".join(commands[start : start + _COMMANDS_AT_ONCE]))

    def _without_refused(self, table: Table) -> tuple[Table, dict[str, str]]:
        told = {
            file: self._refused[file][1]
            for file, certificate in table.certificates.items()
            if file in self._refused and self._refused[file][0] == certificate.pem
        }
        return _without(table, told), told

    def stop(self) -> None:
        """Lets it finish what it has and end."""
        process, self._process, self._running = self._process, None, None
        self._config.record.unlink(missing_ok=True)
        if process is not None:
            process.signal(signal.SIGUSR1)

    def close(self) -> None:
        """Looks no longer after the process, which goes on."""
        loop = asyncio.get_running_loop()
        for descriptor in self._watched:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self._watched.clear()

    def _render(self, table: Table, folder: Path) -> Rendered:
        before = self._running.slots if self._running else {}
        return render(table, self._config.threads, folder, self._config.folder / "certificates", before)

    def _current_folder(self) -> Path:
        """Where the running process has its files, by its own arguments: it may have been started before us."""
        words = arguments(self._process.pid) if self._process else []
        return Path(words[words.index("-f") + 1]).parent if "-f" in words[:-1] else self._config.folder

    async def _update(self, table: Table, rendered: Rendered) -> None:
        assert self._running is not None
        commands: list[str] = []
        for name, slots in rendered.slots.items():
            if slots != self._running.slots[name]:
                commands += server_commands(name, self._running.slots[name], slots)
        await self._command(commands)
        self._running = rendered
        admin = self._current_folder() / "admin.sock"
        for certificate in table.certificates.values():
            if self._contents.get(certificate.file) == certificate.pem:
                continue
            file = self._config.folder / "certificates" / certificate.file
            await _told(admin, f"set ssl cert {file} <<\n{certificate.pem.decode('ascii', 'replace')}")
            await _told(admin, f"commit ssl cert {file}")
            self._contents[certificate.file] = certificate.pem

    async def _replace(self, table: Table) -> dict[str, str]:
        program = find_program("haproxy")
        if program is None:
            raise DataPlaneError("haproxy is missing; install it: apt-get install haproxy")
        folder, refused = self._next_folder(), dict[str, str]()
        while True:
            rendered = self._render(table, folder)
            folder.mkdir(mode=0o700, exist_ok=True)
            for name, text in rendered.files.items():
                write_atomic(folder / name, text, 0o600)
            said = await asyncio.to_thread(_check, program, folder / "haproxy.cfg")
            if not said:
                break
            bad = [c for c in table.certificates.values() if f"/{c.file}'" in said]
            if not bad:
                shutil.rmtree(folder, ignore_errors=True)
                raise DataPlaneError(f"the proxy refuses the new configuration: {_first_fault(said)}")
            for certificate in bad:
                refused[certificate.file] = _first_fault(said)
                self._refused[certificate.file] = certificate.pem, refused[certificate.file]
            table = _without(table, refused)
        await self._start(program, folder)
        self._running = rendered
        self._contents = {file: certificate.pem for file, certificate in table.certificates.items()}
        self.reloads += 1
        self._clean(folder, {"fallback.pem", *self._contents})
        return refused

    async def _start(self, program: str, folder: Path) -> None:
        argv = [program, "-db", "-f", str(folder / "haproxy.cfg")]
        self._leaving = old = self._process
        if old is not None and old.alive():
            argv += ["-x", str(self._current_folder() / "admin.sock"), "-sf", str(old.pid)]
        process = await asyncio.to_thread(spawn, argv, log=self._config.log)
        try:
            async with asyncio.timeout(_READY_S):
                while f"Pid: {process.pid}\n" not in await _asked(folder / "admin.sock", "show info"):
                    if not process.alive():
                        raise DataPlaneError(f"the proxy does not start: {_last_line(self._config.log)}")
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise DataPlaneError(f"the proxy does not get ready; see {self._config.log}") from None
        except DataPlaneError:
            _collect(process)
            raise
        finally:
            self._leaving = None
            if old is not None and not old.alive():
                self._process, self._running = None, None
        self._process = process
        write_atomic(self._config.record, str(process), 0o600)
        self._watch(process)

    def _watch(self, process: Process) -> None:
        descriptor = process.open()
        if descriptor is None:
            asyncio.get_running_loop().call_soon(self._ended, process)
            return
        self._watched[descriptor] = process
        asyncio.get_running_loop().add_reader(descriptor, self._readable, descriptor)

    def _readable(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        self._ended(self._watched.pop(descriptor))

    def _ended(self, process: Process) -> None:
        _collect(process)
        if process == self._process and process != self._leaving:
            log.warning("the proxy (process %d) ended; starting it again", process.pid)
            self._process, self._running = None, None
            self._on_death()

    def _next_folder(self) -> Path:
        numbers = [int(entry.name) for entry in self._config.folder.iterdir() if entry.name.isdigit()]
        return self._config.folder / str(max(numbers, default=0) + 1)

    def _clean(self, current: Path, kept: set[str]) -> None:
        """Older generations have read their files and need them no more."""
        for entry in self._config.folder.iterdir():
            if entry.name.isdigit() and entry != current:
                shutil.rmtree(entry, ignore_errors=True)
        for file in (self._config.folder / "certificates").iterdir():
            if file.name not in kept:
                file.unlink(missing_ok=True)


def _without(table: Table, files: Container[str]) -> Table:
    """The table as it is without some certificates: the fallback is shown in their place."""
    return replace(table, certificates={f: c for f, c in table.certificates.items() if f not in files})


def _collect(process: Process) -> None:
    """Its exit status, if it is a child of ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def _check(program: str, file: Path) -> str:
    """What HAProxy has against a configuration; "" when nothing."""
    # Not by the event loop, whose fork runs gRPC's handlers in a process where gRPC's threads are at work.
    done = subprocess.run(
        [program, "-c", "-f", str(file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=_CHECK_S,
    )  # fmt: skip
    return (done.stdout.decode(errors="replace") or f"exit {done.returncode}") if done.returncode else ""


def _first_fault(said: str) -> str:
    lines = [line for line in said.splitlines() if "[ALERT]" in line] or said.splitlines()
    return lines[0].partition(" : ")[2].strip() or lines[0]


def _last_line(file: Path) -> str:
    try:
        lines = file.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    alerts = [line for line in lines[-10:] if "[ALERT]" in line]
    return (alerts or lines or ["it left no message"])[-1].partition(" : ")[2] or f"see {file}"


async def _asked(socket: Path, command: str) -> str:
    """The runtime API's answer; "" when nobody listens, or ends meanwhile."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_ANSWER_S):
            writer.write(command.encode() + b"\n")
            return (await reader.read()).decode(errors="replace")
    except ConnectionError:
        return ""
    finally:
        writer.close()


async def _told(socket: Path, command: str) -> None:
    """Raises _Refused unless every command was done."""
    said = await _asked(socket, command)
    if not said:
        raise _Refused("nothing")
    for line in said.splitlines():
        text = line.strip().strip(".")
        if text not in _DONE and not text.startswith(_DONE_BEGINS):
            raise _Refused(text)
