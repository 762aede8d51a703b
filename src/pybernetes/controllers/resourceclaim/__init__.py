"""ResourceClaims of Pods: made from templates, reserved, released when nobody uses them."""
