"""x-kubernetes-validations: the rules of custom resources, which `pybernetes.cel` compiles and evaluates.

`types` says what a schema's values are to rules and `readers` makes those of objects, `rules` evaluates,
`checking` says at creation of a definition what is wrong with its rules. Imported with the first rule.
"""
