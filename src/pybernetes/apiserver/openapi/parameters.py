"""The parameters of requests: where they stand, their type, what they do."""

from __future__ import annotations

PARAMETERS: dict[str, tuple[str, str, str]] = {
    "name": ("path", "string", "name of the object"),
    "namespace": ("path", "string", "namespace of the object"),
    "path_rest": ("path", "string", "the rest of the path, handed on to what is behind the proxy"),
    "pretty": (
        "query",
        "string",
        "Indent the JSON of the answer; browsers and command-line HTTP clients get it unasked.",
    ),
    "allowWatchBookmarks": (
        "query",
        "boolean",
        "Send BOOKMARK events now and then, which tell how far the watch has come.",
    ),
    "continue": ("query", "string", "The token from the previous page of a list: go on from there."),
    "fieldSelector": ("query", "string", "Only objects whose fields have these values."),
    "labelSelector": ("query", "string", "Only objects whose labels match."),
    "limit": (
        "query",
        "integer",
        "At most this many objects; what remains is had with the continue token of the answer.",
    ),
    "resourceVersion": ("query", "string", "The version to read at or to watch from."),
    "resourceVersionMatch": ("query", "string", "How resourceVersion counts: Exact or NotOlderThan."),
    "sendInitialEvents": ("query", "boolean", "Begin the watch with an ADDED event for every object that exists."),
    "timeoutSeconds": ("query", "integer", "End the request after this time, whatever has happened."),
    "watch": ("query", "boolean", "Send changes as they happen instead of a list."),
    "dryRun": ("query", "string", "All: go through everything but do not store the change."),
    "fieldManager": ("query", "string", "Who makes the change, for metadata.managedFields."),
    "fieldValidation": (
        "query",
        "string",
        "Unknown and doubled fields: Strict refuses, Warn warns, Ignore drops them.",
    ),
    "force": ("query", "boolean", "Take over the fields that other managers own; for apply requests only."),
    "gracePeriodSeconds": ("query", "integer", "Seconds that the object has before it is gone; 0: at once."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": (
        "query",
        "boolean",
        "Delete the object although it cannot be read from the store; finalizers and preconditions do not count then.",
    ),
    "orphanDependents": ("query", "boolean", "Deprecated, see propagationPolicy: keep the objects that this one owns."),
    "propagationPolicy": ("query", "string", "What becomes of owned objects: Orphan, Background or Foreground."),
    "container": ("query", "string", "Which container of the Pod."),
    "command": ("query", "string", "The command to run; repeated for each of its arguments."),
    "stdin": ("query", "boolean", "Connect standard input."),
    "stdout": ("query", "boolean", "Connect standard output."),
    "stderr": ("query", "boolean", "Connect standard error."),
    "tty": ("query", "boolean", "Give the process a terminal."),
    "ports": ("query", "integer", "The ports to forward; needed with WebSockets."),
    "path": ("query", "string", "The path to ask for behind the proxy."),
    "follow": ("query", "boolean", "Go on with what is logged from now on."),
    "insecureSkipTLSVerifyBackend": ("query", "boolean", "Do not check the kubelet's certificate."),
    "limitBytes": ("query", "integer", "At most this many bytes."),
    "previous": ("query", "boolean", "The log of the container's previous run."),
    "sinceSeconds": ("query", "integer", "Only what was logged in the last seconds."),
    "stream": ("query", "string", "All, Stdout or Stderr."),
    "tailLines": ("query", "integer", "Only this many lines from the end."),
    "timestamps": ("query", "boolean", "Each line with the time when it was logged."),
}
"""By name: (where, type, description). `path_rest` is called `path` on the wire."""

WIRE_NAMES = {"path_rest": "path"}
INLINE = {"dryRun", "fieldValidation", "name", "path_rest"}
"""Parameters that v2 repeats at each operation; old clients look for dryRun there and do not follow references."""
