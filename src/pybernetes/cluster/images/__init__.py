"""Images without a registry: packed from local files, imported into the containerd of every node.

`layers` packs files into a layer, `archive` puts images into one OCI archive, `pause` writes the pause
program, `builtin` says which images every cluster has, `containerd` imports, lists and pulls.
"""
