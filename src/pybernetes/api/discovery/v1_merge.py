"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS: dict[str, dict[str, tuple[str, tuple[str, ...], str, str, str]]] = {
    'Endpoint': {
        'addresses': ('set', (), '', '', ''),
    },
}
ATOMIC: list[str] = ['EndpointPort']
DEFAULTS: dict[str, dict[str, str | int]] = {}
