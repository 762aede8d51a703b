"""metrics.k8s.io: what nodes and Pods use, asked of the kubelets only when somebody asks here."""
