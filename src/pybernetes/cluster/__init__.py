"""A cluster on this machine: its data directory, keys, images, processes and node machines.

`spec` says what a cluster is, `layout` where its files lie, `pki` and `kubeconfig` who may talk to it,
`images` what runs without a registry, `machine` the containerd and the network of each node,
`supervisor` keeps the processes running, `teardown` takes all of it away again.
"""
