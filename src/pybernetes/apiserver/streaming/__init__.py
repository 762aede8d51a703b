"""Requests that become streams: exec, attach, portforward and log of Pods; proxy of Pods, Services, Nodes.

`connect.Connector` answers them all. `location` decides where a request goes (pure), `translate`
speaks WebSocket v5 to the client and SPDY to the kubelet, `tunnel` unwraps SPDY from a WebSocket.
"""
