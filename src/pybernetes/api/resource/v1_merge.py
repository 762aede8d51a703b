"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'AllocatedDeviceStatus': {
        'conditions': ('map', ('type',), '', '', ''),
    },
    'ResourceClaimStatus': {
        'devices': ('map', ('driver', 'device', 'pool', 'shareID'), '', '', ''),
        'reservedFor': ('map', ('uid',), 'uid', 'merge', ''),
    },
}
ATOMIC: list[str] = []
DEFAULTS: dict[str, dict[str, str | int]] = {'AllocatedDeviceStatus': {'device': '', 'driver': '', 'pool': ''}, 'ResourceClaimConsumerReference': {'uid': ''}}
