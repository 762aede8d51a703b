"""Eviction of pods where the node runs short of memory, disk, inodes or process ids."""
