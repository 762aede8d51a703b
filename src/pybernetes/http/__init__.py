"""HTTP/1.1 as every component speaks it: messages, server, client, TLS, WebSocket, SPDY, upgrades.

Nothing here knows Kubernetes objects. `messages` is the seam: a server turns sockets into
`Request` and writes a `Response`; the local transport of the client calls the same handler
with no socket between.
"""
