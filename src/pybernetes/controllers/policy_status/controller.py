"""Checks the expressions of ValidatingAdmissionPolicies against the types that they match, once a generation.

Types come from the API server's own OpenAPI documents, custom resources among them.
Source: pkg/controller/validatingadmissionpolicystatus/controller.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.admissionregistration.v1 import TypeChecking, ValidatingAdmissionPolicy
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.fresh import fresh
from pybernetes.client.discovery import resources_in
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller

if TYPE_CHECKING:
    from pybernetes.controllers.policy_status import plan


class PolicyStatusController(Controller):
    name = "validatingadmissionpolicy-status-controller"
    queue_name = "validatingadmissionpolicy-status"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        policies = self.informer(ValidatingAdmissionPolicy)
        self._policies = policies.lister
        policies.add_handler(on_add=self.enqueue, on_update=lambda old, new: self.enqueue(new))

    async def reconcile(self, key: str) -> None:
        found = self._policies.by_key(key)
        if found is None or (found.metadata.generation or 0) <= (found.status.observedGeneration or 0):
            return
        # Imported with the first policy: it brings CEL.
        from pybernetes.controllers.policy_status import plan

        policy = fresh(found)
        typed = await self._typed(policy)
        policy.status.observedGeneration = policy.metadata.generation
        policy.status.typeChecking = TypeChecking(expressionWarnings=plan.warnings(policy.spec, typed))
        try:
            await self.client.update_status(policy)
        except errors.NotFound:
            return

    async def _typed(self, policy: ValidatingAdmissionPolicy) -> list[plan.Typed]:
        """Every kind that the policy names and that is described."""
        from pybernetes.cel import types
        from pybernetes.controllers.policy_status import plan
        from pybernetes.controllers.policy_status.schemas import Declarations

        documents: dict[tuple[str, str], Declarations] = {}

        async def document(group: str, version: str) -> Declarations:
            if (group, version) not in documents:
                documents[group, version] = Declarations(await self._document(group, version))
            return documents[group, version]

        params, structs = types.DYN, dict[str, Mapping[str, types.Type]]()
        if policy.spec.paramKind is not None:
            group, _, version = (policy.spec.paramKind.apiVersion or "").rpartition("/")
            described = await document(group, version)
            params = described.kind(group, version, policy.spec.paramKind.kind or "") or types.DYN
            structs.update(described.structs)
        found = []
        for kind in plan.limited([await self._kinds(rule) for rule in plan.named(policy.spec)]):
            described = await document(kind.group, kind.version)
            declared = described.kind(*kind)
            if declared is not None:
                found.append(plan.Typed(kind, declared, {**structs, **described.structs}, params))
        return found

    async def _kinds(self, rule: plan.Named) -> list[plan.Kind]:
        from pybernetes.controllers.policy_status import plan

        found = []
        for group in rule.groups:
            for version in rule.versions:
                served = {each.plural: each.kind for each in await resources_in(self.client, group, version)}
                found += [plan.Kind(group, version, served[name]) for name in rule.resources if name in served]
        return found

    async def _document(self, group: str, version: str) -> dict[str, Any]:
        place = f"apis/{group}/{version}" if group else f"api/{version}"
        try:
            answer = await self.client.raw("GET", f"/openapi/v3/{place}", headers={"accept": "application/json"})
        except errors.NotFound:
            return {}
        return msgspec.json.decode(answer.body, type=dict[str, Any])
