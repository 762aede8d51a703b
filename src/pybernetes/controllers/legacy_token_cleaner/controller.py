"""Looks once a day for generated tokens that were not used for --legacy-service-account-token-clean-up-period."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from pybernetes.api.core.v1 import ConfigMap, Pod, Secret, ServiceAccount
from pybernetes.apimachinery import errors, token_secrets
from pybernetes.apimachinery.pod_secrets import secrets_of
from pybernetes.client.objects import split_key
from pybernetes.controllers.legacy_token_cleaner import plan
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.serviceaccount_token.plan import is_of


class LegacyTokenCleanerController(Controller):
    name = "legacy-serviceaccount-token-cleaner-controller"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        secrets = self.informers.informer(Secret, field_selector=f"type={token_secrets.SECRET_TYPE}")
        self.wait_for(secrets)
        self._secrets = secrets.lister
        self._accounts, self._pods = self.informer(ServiceAccount).lister, self.informer(Pod).lister

    def background(self) -> list[Coroutine[Any, Any, None]]:
        return [self._daily()]

    async def _daily(self) -> None:
        while True:
            for secret in self._secrets.list():
                self.enqueue(secret)
            await asyncio.sleep(plan.DAY_S)

    async def reconcile(self, key: str) -> None:
        secret = self._secrets.by_key(key)
        if secret is None:
            return
        namespace, name = split_key(key)
        now, unused_s = self.clock.now(), self.config.legacy_token_clean_up_s
        account = self._accounts.get(namespace, secret.metadata.annotations.get(token_secrets.ACCOUNT_NAME, ""))
        if account is not None and not is_of(secret, account):
            account = None
        mounted = {used for pod in self._pods.list(namespace) for used in secrets_of(pod)}
        verdict = plan.verdict(secret, account, mounted, now, unused_s)
        if not verdict or not await self._tracked(now, unused_s):
            return
        try:
            if verdict == "invalidate":
                meta = {"uid": secret.metadata.uid, "labels": {token_secrets.INVALID_SINCE: token_secrets.day(now)}}
                await self.client.patch(Secret, name, namespace, {"metadata": meta})
            else:
                await self.client.delete(
                    Secret, name, namespace, resource_version=secret.metadata.resourceVersion or ""
                )
        except (errors.NotFound, errors.Conflict):
            return

    async def _tracked(self, now: float, unused_s: float) -> bool:
        try:
            found = await self.client.get(ConfigMap, token_secrets.TRACKING, "kube-system")
            return plan.tracked_long_enough(found.data.get(token_secrets.SINCE, ""), now, unused_s)
        except (errors.NotFound, ValueError):
            return False
