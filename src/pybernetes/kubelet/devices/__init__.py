"""Device plugins: who offers devices on this node, which containers hold them."""
