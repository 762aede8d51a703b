"""The kubelet's configuration as a file: KubeletConfiguration v1beta1, read, checked and shown."""
