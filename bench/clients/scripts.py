"""What wrk sends: Lua by name. Scripts about many objects take the 500 ConfigMaps c0 to c499 in turn."""

from __future__ import annotations

_TURNS = """
function init(args) count = 0; %s end
function request()
  count = count + 1
  local name = 'c' .. (count %% 500)
  return wrk.format("%s", wrk.path .. '/' .. name .. '%s', nil, %s)
end
"""


def _in_turn(method: str, content_type: str, body: str, query: str = "") -> str:
    """A script that sends `body` (Lua, with `name` and `count`) to one object after the other."""
    return _TURNS % (f'wrk.headers["Content-Type"] = "{content_type}"', method, query, body)


_OBJECT = (
    """'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '"},"data":{"k":"' .. count .. '"}}'"""
)
_CHANGE = """'{"data":{"k":"' .. count .. '"}}'"""

SCRIPTS = {
    "create": """
local start, made = os.time(), 0
function setup(thread) made = made + 1; thread:set("id", made) end
function init(args) count = 0 end
function request()
  count = count + 1
  local name = 'b' .. start .. '-' .. id .. '-' .. count
  return wrk.format("POST", nil, nil,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '"},"data":{"k":"v"}}')
end
""",
    "create and delete": """
local start = os.time()
function init(args) count = 0 end
function request()
  count = count + 1
  local name = 'd' .. start .. '-' .. math.floor((count + 1) / 2)
  if count % 2 == 0 then return wrk.format("DELETE", wrk.path .. '/' .. name) end
  return wrk.format("POST", nil, nil, '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '"}}')
end
""",
    "update one": """
function init(args) count = 0; version = nil end
function request()
  count = count + 1
  local meta = '"name":"contended"' .. (version and ',"resourceVersion":"' .. version .. '"' or '')
  return wrk.format("PUT", nil, nil,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{' .. meta .. '},"data":{"k":"' .. count .. '"}}')
end
function response(status, headers, body)
  if status == 200 then version = body:match('"resourceVersion":"(%d+)"') else version = nil end
end
""",
    "update": _in_turn("PUT", "application/json", _OBJECT),
    "merge patch": _in_turn("PATCH", "application/merge-patch+json", _CHANGE),
    "strategic patch": _in_turn("PATCH", "application/strategic-merge-patch+json", _CHANGE),
    "apply": _in_turn("PATCH", "application/apply-patch+yaml", _OBJECT, "?fieldManager=bench&force=true"),
}
