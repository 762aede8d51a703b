"""Who a request is from: client certificates, ServiceAccount tokens, static and bootstrap tokens."""
