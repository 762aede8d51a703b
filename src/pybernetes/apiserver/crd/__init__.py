"""Custom resources: what a CustomResourceDefinition means and how its objects are read, checked and served.

`installer.CustomResources` follows the definitions and puts a storage for each version into the registry. Nothing
below is
imported before the first definition exists; schemas are compiled when their version is first written.
"""
