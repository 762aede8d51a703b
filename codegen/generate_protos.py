"""Generates the Python stubs of the protocols in codegen/proto. Run: python codegen/generate_protos.py."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = {
    "cri.proto": HERE.parent / "src/pybernetes/kubelet/cri",
    "containerd_events.proto": HERE.parent / "src/pybernetes/kubelet/cri",
    "containerd_services.proto": HERE.parent / "src/pybernetes/kubelet/cri",
    "csi.proto": HERE.parent / "src/pybernetes/kubelet/volumes/csi",
    "plugin_registration.proto": HERE.parent / "src/pybernetes/kubelet/plugins",
    "device_plugin.proto": HERE.parent / "src/pybernetes/kubelet/devices",
    "pod_resources.proto": HERE.parent / "src/pybernetes/kubelet/serving",
    "dra.proto": HERE.parent / "src/pybernetes/kubelet/claims",
    "dra_health.proto": HERE.parent / "src/pybernetes/kubelet/claims",
    "etcd.proto": HERE.parent / "src/pybernetes/storage",
    "kms.proto": HERE.parent / "src/pybernetes/storage/encryption",
}


def main() -> int:
    from grpc_tools import protoc

    include = str(resources.files("grpc_tools") / "_proto")
    for name, folder in TARGETS.items():
        arguments = ["protoc", f"-I{HERE / 'proto'}", f"-I{include}", f"--python_out={folder}"]
        if code := protoc.main([*arguments, name]):
            return int(code)
        stub = folder / (name.removesuffix(".proto") + "_pb2.py")
        stub.write_text(re.sub(r"(?m)^# (NO CHECKED-IN|source:).*\n", "", stub.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
