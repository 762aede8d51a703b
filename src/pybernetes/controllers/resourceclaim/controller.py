"""Two kinds of keys: pod:NAMESPACE/NAME makes and reserves, claim:NAMESPACE/NAME releases and deletes."""

from __future__ import annotations

from pybernetes.api.core.v1 import Pod
from pybernetes.api.resource.v1 import ResourceClaim, ResourceClaimTemplate
from pybernetes.apimachinery import errors
from pybernetes.apimachinery.resource_claims import reserved
from pybernetes.client.objects import split_key
from pybernetes.controllers.resourceclaim import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.runtime.owners import controller_of

_MANAGER = "ResourceClaimController"


class ResourceClaimController(Controller):
    name = "resourceclaim-controller"
    queue_name = "resource_claim"
    workers = 10

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.recorder = context.recorder("resource_claim")
        pods, claims = self.informer(Pod), self.informer(ResourceClaim)
        templates = self.informer(ResourceClaimTemplate)
        pods.add_index("claim", _claims_of)
        pods.add_index("claim template", _templates_of)
        claims.add_index("owner", _owner_of)
        self._pods, self._claims, self._templates = pods.lister, claims.lister, templates.lister
        self._made: dict[str, ResourceClaim] = {}
        """Claims that were made and have not come back yet, by namespace/name."""
        pods.add_handler(self._pod_changed, lambda old, new: self._pod_changed(new), self._pod_changed)
        claims.add_handler(self._claim_changed, lambda old, new: self._claim_changed(new), self._claim_gone)
        templates.add_handler(self._template_changed, lambda old, new: self._template_changed(new))

    def _pod_changed(self, pod: Pod) -> None:
        if not pod.spec.resourceClaims and pod.status.extendedResourceClaimStatus is None:
            return
        namespace = pod.metadata.namespace or ""
        if plan.is_done(pod) or self._pods.get(namespace, pod.metadata.name or "") is None:
            for name in plan.claim_names(pod):
                self.queue.add(f"claim:{namespace}/{name}")
        else:
            self.queue.add(f"pod:{namespace}/{pod.metadata.name}")

    def _claim_changed(self, claim: ResourceClaim) -> None:
        key = f"{claim.metadata.namespace}/{claim.metadata.name}"
        self._made.pop(key, None)
        self.queue.add(f"claim:{key}")
        self._pods_of_claim(key)

    def _claim_gone(self, claim: ResourceClaim) -> None:
        key = f"{claim.metadata.namespace}/{claim.metadata.name}"
        self._made.pop(key, None)
        self._pods_of_claim(key)

    def _pods_of_claim(self, key: str) -> None:
        for pod in self._pods.by_index("claim", key):
            self._pod_changed(pod)

    def _template_changed(self, template: ResourceClaimTemplate) -> None:
        key = f"{template.metadata.namespace}/{template.metadata.name}"
        for pod in self._pods.by_index("claim template", key):
            self._pod_changed(pod)

    async def reconcile(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        namespace, name = split_key(rest)
        if kind == "pod":
            pod = self._pods.get(namespace, name)
            if pod is not None and not pod.metadata.deletionTimestamp:
                await self._provide(pod, namespace, name)
        elif (claim := self._claims.get(namespace, name)) is not None:
            await self._release(claim, namespace, name)

    def _claim(self, namespace: str, name: str) -> ResourceClaim | None:
        if not name:
            return None
        return self._claims.get(namespace, name) or self._made.get(f"{namespace}/{name}")

    async def _provide(self, pod: Pod, namespace: str, name: str) -> None:
        told: list[dict[str, str | None]] = []
        for wanted in plan.to_make(pod, lambda claim: self._claim(namespace, claim)):
            owned = [*self._claims.by_index("owner", pod.metadata.uid or ""), *self._made.values()]
            claim = plan.made(pod, wanted, owned)
            if claim is None:
                try:
                    template = self._templates.get(namespace, wanted.resourceClaimTemplateName or "")
                    if template is None:
                        raise errors.NotFound(f'resource claim template "{wanted.resourceClaimTemplateName}" not found')
                    claim = await self.client.create(plan.new_claim(pod, wanted, template))
                except errors.StatusError as error:
                    text = f"PodResourceClaim {wanted.name}: {error}"
                    self.recorder.event(pod, "Warning", "FailedResourceClaimCreation", text)
                    raise
                if self._claims.get(namespace, claim.metadata.name or "") is None:
                    self._made[f"{namespace}/{claim.metadata.name}"] = claim
            told.append({"name": wanted.name, "resourceClaimName": claim.metadata.name})
        if told:
            kept = {status.name: status.resourceClaimName for status in pod.status.resourceClaimStatuses}
            kept.update({str(entry["name"]): entry["resourceClaimName"] for entry in told})
            await self._tell(namespace, name, kept)
        for claim in plan.to_reserve(pod, lambda claim: self._claim(namespace, claim)):
            await self.client.update_status(reserved(claim, pod))

    async def _tell(self, namespace: str, name: str, claims: dict[str, str | None]) -> None:
        statuses = [{"name": key, "resourceClaimName": claim} for key, claim in claims.items()]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "status": {"resourceClaimStatuses": statuses},
        }
        try:
            await self.client.patch(
                Pod,
                name,
                namespace,
                body,
                patch_type="apply",
                subresource="status",
                field_manager=_MANAGER,
                force=True,
            )
        except errors.NotFound:
            return

    async def _release(self, claim: ResourceClaim, namespace: str, name: str) -> None:
        gone = [
            ref.uid
            for ref in claim.status.reservedFor
            if not ref.apiGroup and ref.resource == "pods" and await self._is_gone(namespace, ref.name, ref.uid)
        ]
        try:
            changed = plan.released(claim, gone)
            if changed is not None:
                claim = await self.client.update_status(changed)
            if (changed is not None or claim.metadata.deletionTimestamp) and (bare := plan.without_finalizer(claim)):
                await self.client.update(bare)
            if not claim.status.reservedFor and not claim.metadata.deletionTimestamp and self._is_useless(claim):
                await self.client.delete(ResourceClaim, name, namespace, uid=claim.metadata.uid or "")
        except errors.NotFound:
            return

    async def _is_gone(self, namespace: str, name: str, uid: str) -> bool:
        """A Pod that is not known here may be new: then the apiserver is asked."""
        pod = self._pods.get(namespace, name)
        if pod is None:
            try:
                pod = await self.client.get(Pod, name, namespace)
            except errors.NotFound:
                return True
        return pod.metadata.uid != uid or plan.is_done(pod)

    def _is_useless(self, claim: ResourceClaim) -> bool:
        """It was made for a Pod that will not run. That of a Pod that is gone is the garbage collector's."""
        owner = controller_of(claim)
        if owner is None or owner.kind != "Pod":
            return False
        pod = self._pods.get(claim.metadata.namespace or "", owner.name)
        return pod is not None and (pod.metadata.uid != owner.uid or plan.is_done(pod))


def _claims_of(pod: Pod) -> list[str]:
    return [f"{pod.metadata.namespace}/{name}" for name in plan.claim_names(pod)]


def _templates_of(pod: Pod) -> list[str]:
    names = {wanted.resourceClaimTemplateName for wanted in pod.spec.resourceClaims}
    return [f"{pod.metadata.namespace}/{name}" for name in names if name]


def _owner_of(claim: ResourceClaim) -> list[str]:
    owner = controller_of(claim)
    return [owner.uid] if owner is not None and owner.kind == "Pod" else []
