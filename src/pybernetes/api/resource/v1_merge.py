"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
    'AllocatedDeviceStatus': {
        'conditions': ('map', ('type',), '', '', ''),
    },
    'ResourceClaimStatus': {
        'devices': ('map', ('driver', 'device', 'pool', 'shareID'), '', '', ''),
        'reservedFor': ('map', ('uid',), 'uid', 'merge', ''),
    },
}
ATOMIC = []
DEFAULTS = {'AllocatedDeviceStatus': {'device': '', 'driver': '', 'pool': ''}, 'ResourceClaimConsumerReference': {'uid': ''}}
