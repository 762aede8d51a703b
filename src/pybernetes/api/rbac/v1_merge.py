"""Merge facts of a group-version. Written by codegen/generate.py; do not edit."""

FIELDS = {
}
ATOMIC = ['RoleRef', 'Subject']
DEFAULTS = {}
