"""A containerd of the test's own: its root, state, socket, network and images; gone with all it ran."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from pybernetes.cluster.images.archive import write_archive
from pybernetes.cluster.images.builtin import BUSYBOX, builtin_images, pause_image
from pybernetes.cluster.machine import cgroups
from pybernetes.cluster.machine.containerd import cni_folder, may_raise_limits
from pybernetes.host.netns import CNI_RESULTS
from pybernetes.kubelet.volumes import mounts

IMAGE = BUSYBOX

_CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
oom_score = 0
[grpc]
  address = "{socket}"
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = {restrict}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = "{folder}/runc"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{cni_bin}"
  conf_dir = "{folder}/cni"
  max_conf_num = 1
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{folder}/certs.d"
"""

_CNI = """{{"cniVersion": "0.4.0", "name": "{bridge}", "plugins": [
  {{"type": "bridge", "bridge": "{bridge}", "isGateway": true, "ipMasq": false, "hairpinMode": true,
    "ipam": {{"type": "host-local", "dataDir": "{folder}/ipam", "ranges": [[{{"subnet": "{subnet}"}}]],
              "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
  {{"type": "portmap", "capabilities": {{"portMappings": true}}}}]}}
"""


class PrivateContainerd:
    def __init__(self, folder: Path, slot: int) -> None:
        """`slot` gives it a network and cgroups of its own; it is under 100, and nobody else's on this machine."""
        self.folder = folder
        self.socket = folder / "c.sock"
        self.archive = folder / "images.tar"
        self.bridge = f"pyk8stest{slot}"
        self.cgroup_root = f"/pybernetes-test-{slot}"
        self._subnet = f"10.251.{100 + slot}.0/24"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._clear()
        for name in ("root", "state", "cni", "opt", "certs.d", "ipam", "runc"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(
            folder=self.folder,
            socket=self.socket,
            pause=pause_image().name,
            restrict=str(not may_raise_limits(Path("/proc/self/status").read_text())).lower(),
            cni_bin=cni_folder(),
        )
        (self.folder / "config.toml").write_text(text)
        network = _CNI.format(folder=self.folder, bridge=self.bridge, subnet=self._subnet)
        (self.folder / "cni" / "10-test.conflist").write_text(network)
        self._launch()
        if not self.archive.exists():
            write_archive(builtin_images(), self.archive)
            self.ctr("images", "import", "--all-platforms", str(self.archive))

    def _launch(self) -> None:
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            ["containerd", "--config", str(self.folder / "config.toml")], stdout=log, stderr=log, start_new_session=True
        )
        self._wait()

    def restart(self) -> None:
        """Kills the daemon and starts it anew; containers run on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._launch()

    def signal(self, number: int) -> None:
        """To the daemon alone."""
        assert self._process is not None
        self._process.send_signal(number)

    def forget_networks(self, address: str) -> None:
        """Lays a namespace with an address as one of a sandbox that was never written down, and one just begun.

        What the plugins answered for sandboxes that are there is empty, as of a write that was broken off.
        """
        for page in CNI_RESULTS.glob(f"{self.bridge}-*-eth0"):
            page.write_text("")
        place = self.folder / "state" / "io.containerd.grpc.v1.cri" / "netns" / "cni-forgotten"
        place.touch()
        place.with_name("cni-begun").touch()
        subprocess.run(["unshare", f"--net={place}", "ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        (self.folder / "ipam" / self.bridge / address).write_text("forgotten\neth0")

    def forget_snapshot(self, key: str) -> None:
        """Lays one as that of a container which was never written down."""
        self.ctr("snapshots", "prepare", key)

    def forget_pipes(self, container_id: str) -> None:
        """Takes a container's output away, without which a runtime that starts no longer knows whether it runs."""
        shutil.rmtree(self.folder / "state" / "io.containerd.grpc.v1.cri" / "containers" / container_id / "io")

    def forget_task(self) -> None:
        """Lays a bundle as one whose shim is dead, and what runc keeps of it, which nobody deleted in time.

        A runtime that starts removes those without a container.
        """
        bundles = self.folder / "state" / "io.containerd.runtime.v2.task" / "k8s.io"
        other, bundle = next(bundles.iterdir()), bundles / "forgotten"
        bundle.mkdir()
        for name in ("config.json", "runtime", "options.json"):
            shutil.copy(other / name, bundle)
        (self.folder / "runc" / "k8s.io" / "forgotten").mkdir()

    def forget_start(self) -> None:
        """Lays what runc keeps of a container whose start was broken off, of which containerd has nothing any more."""
        (self.folder / "runc" / "k8s.io" / ("1" * 64)).mkdir()

    def forget_address(self, address: str) -> None:
        """Lays one as a plugin noted it for a sandbox of which nothing else was written down."""
        (self.folder / "ipam" / self.bridge / address).write_text("nobody\neth0")

    def run(self, name: str, *labels: str) -> None:
        """A container of which the CRI knows nothing."""
        marks = [word for label in labels for word in ("--label", label)]
        group = ("--cgroup", f"{self.cgroup_root}/{name}")
        self.ctr("run", "-d", "--runc-root", f"{self.folder}/runc", *group, *marks, IMAGE, name, "sleep", "1000000")

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.socket.exists() and self.ctr("version", check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"containerd does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def ctr(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", str(self.socket), "--namespace", "k8s.io", *args]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
        return done

    def tasks(self) -> dict[str, int]:
        """pid by container id, of what runs."""
        rows = [line.split() for line in self.ctr("tasks", "ls").stdout.splitlines()[1:]]
        return {row[0]: int(row[1]) for row in rows if row[2] == "RUNNING"}

    def lost_sight_of(self, container_id: str) -> bool:
        """Whether it says that it could not learn, as it started, what had become of that container."""
        return f'Failed to load container status for \\"{container_id}' in (self.folder / "log").read_text()

    def stop(self) -> None:
        """Ends every container and the daemon, and takes away what they left on the machine."""
        if self._process is None:
            return
        with contextlib.suppress(Exception):
            for container_id, pid in self.tasks().items():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self.ctr("tasks", "rm", "--force", container_id, check=False)
        self._process.terminate()
        self._process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a plugin that still runs would make the bridge anew
        self._end_shims()
        for place in mounts.mounts_below(self.folder):
            with contextlib.suppress(OSError):
                mounts.unmount(place, mounts.MNT_DETACH)
        self._clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        for page in CNI_RESULTS.glob(f"{self.bridge}-*"):
            page.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Takes away what has a name by the slot, also that of a run that was killed."""
        cgroups.remove(self.cgroup_root)
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)

    def _end_shims(self) -> None:
        """Shims of this daemon name its socket in their arguments."""
        wanted = str(self.socket).encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                        os.kill(int(entry.name), signal.SIGKILL)
