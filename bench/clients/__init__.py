"""Processes that the benchmarks start beside the apiserver."""
