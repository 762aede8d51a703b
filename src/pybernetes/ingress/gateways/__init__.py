"""The Gateway API: Gateways, their routes and what these may refer to, as part of the proxy's table."""
