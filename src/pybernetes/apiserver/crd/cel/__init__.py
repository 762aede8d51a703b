"""x-kubernetes-validations: CEL by cel-expr-python (the C++ implementation), with Kubernetes's own functions.

`environment` has the functions, `types` what `self` is to the compiler and to the evaluation, `rules` evaluates,
`checking`
and `cost` say at creation of a definition what is wrong with its rules. Imported with the first rule.
"""
