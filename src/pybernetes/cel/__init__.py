"""CEL as a v1.36 API server evaluates it: types, functions, costs and messages.

`parsing` makes a tree of a text (the grammar and its syntax errors are the library's), `macros` expands what the
library does not know, `checking` gives every node its type, `estimates` says what it can cost at most, `planning`
turns it into a program that counts what it does cost. `environment` is the door; whoever has expressions to evaluate
(rules of custom resources, policies, selectors of devices, authentication) goes through it with variables of its own.
"""
