"""The OpenAPI documents of the API: /openapi/v2 (JSON and protobuf) and /openapi/v3 (a document a group-version).

Built when first asked for, from the definitions of the package kubernetes-validate and the table of resources; written
piece by piece as bytes, so that no document ever exists as a tree. `service.OpenApi` is the entry.
"""
