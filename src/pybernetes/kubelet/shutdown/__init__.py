"""The end of the machine: pods are ended in order while logind waits."""
