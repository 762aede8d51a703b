"""The flags of the controllers that sign: certificates, tokens. Upstream's names."""

from __future__ import annotations

import argparse
from typing import Any

from pybernetes.cmd.flag_types import duration

_YEAR_S = 365 * 86400.0
_SIGNERS = {
    "kubelet-serving": "kubernetes.io/kubelet-serving",
    "kubelet-client": "kubernetes.io/kube-apiserver-client-kubelet",
    "kube-apiserver-client": "kubernetes.io/kube-apiserver-client",
    "legacy-unknown": "kubernetes.io/legacy-unknown",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("signing")
    group.add_argument("--cluster-signing-cert-file", default="", help="CA that signs for every built-in signer")
    group.add_argument("--cluster-signing-key-file", default="", help="its key")
    for flag, signer in _SIGNERS.items():
        group.add_argument(f"--cluster-signing-{flag}-cert-file", default="", help=f"CA for {signer} alone")
        group.add_argument(f"--cluster-signing-{flag}-key-file", default="", help="its key")
    group.add_argument(
        "--cluster-signing-duration", type=duration, default=_YEAR_S, help="the longest a certificate is valid (8760h)"
    )
    group.add_argument("--service-account-private-key-file", default="", help="signs the tokens of Secrets")
    group.add_argument(
        "--legacy-service-account-token-clean-up-period",
        type=duration,
        default=_YEAR_S,
        help="generated tokens unused for so long are invalidated, then deleted (8760h)",
    )


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of the ControllerManagerConfig."""

    def files(flag: str) -> tuple[str, str]:
        stem = f"cluster_signing_{flag.replace('-', '_')}"
        return getattr(args, f"{stem}_cert_file"), getattr(args, f"{stem}_key_file")

    own = {signer: files(flag) for flag, signer in _SIGNERS.items()}
    return {
        "cluster_signing_files": (args.cluster_signing_cert_file, args.cluster_signing_key_file),
        "signer_files": {signer: pair for signer, pair in own.items() if any(pair)},
        "cluster_signing_duration_s": args.cluster_signing_duration,
        "service_account_private_key_file": args.service_account_private_key_file,
        "legacy_token_clean_up_s": args.legacy_service_account_token_clean_up_period,
    }
