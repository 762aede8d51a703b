"""Pure but for its memory: the PodSpecs that were found valid of late.

The Pods of one template have one spec but for the volume of their token, whose name is drawn for each; so that what
is said of the first holds for all.
"""

from __future__ import annotations

import re

import msgspec

from pybernetes.api.core import v1 as core

_MOST = 256
_LONGEST = 16 * 1024
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
"""As admission names it. Source: plugin/pkg/admission/serviceaccount/admission.go."""
_encoder = msgspec.json.Encoder()


class ValidSpecs:
    def __init__(self) -> None:
        self._texts: dict[bytes, None] = {}

    def __contains__(self, text: bytes) -> bool:
        return text in self._texts

    def add(self, text: bytes) -> None:
        if text and len(text) <= _LONGEST:
            if len(self._texts) >= _MOST:
                del self._texts[next(iter(self._texts))]
            self._texts[text] = None


def text_of(spec: core.PodSpec) -> bytes:
    """What is the same in all specs of a template; b"" where the Pod's name matters too (for a claim to be made)."""
    text = _encoder.encode(spec)
    for volume in spec.volumes:
        if volume.ephemeral is not None:
            return b""
        if volume.name and _TOKEN_VOLUME.fullmatch(volume.name):
            # Nothing else in a JSON text is this byte. The name stands wherever the volume is mounted, too.
            return text.replace(volume.name.encode(), b"\0")
    return text
