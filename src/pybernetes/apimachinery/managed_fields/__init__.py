"""Server-side apply and field ownership, as pure functions on JSON trees.

`apply` merges an applied configuration into a live object; `update` records who changed what in a create, update or
patch. Both keep metadata.managedFields. A schema comes from `apimachinery.schema`: of a built-in kind, of a custom
resource, or DEDUCED where there is none.

Source: apimachinery/pkg/util/managedfields/internal, structured-merge-diff/merge/update.go, KEP-555.
Differs: without a `convert`, sets recorded in another apiVersion of the same kind are compared by path; an applied
quantity that is written differently but means the same ("0.5", "500m") is no change and no conflict.
"""

from __future__ import annotations

from pybernetes.apimachinery.managed_fields.manager import apply, empty_object, first_fields, gvk_text, named, update

__all__ = ["apply", "empty_object", "first_fields", "gvk_text", "named", "update"]
