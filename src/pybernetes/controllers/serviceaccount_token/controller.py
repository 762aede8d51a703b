"""Fills token Secrets, deletes those whose account is gone, and takes deleted ones off their account.

A key is a Secret's; what was deleted is remembered until it has been dealt with.
"""

from __future__ import annotations

import base64
from pathlib import Path

from pybernetes.api.core.v1 import Secret, ServiceAccount
from pybernetes.apimachinery import errors, token_secrets
from pybernetes.apimachinery.fresh import fresh
from pybernetes.apimachinery.jws import SigningKey, read_keys
from pybernetes.client.objects import key_of, split_key
from pybernetes.controllers.runtime.context import ControllerContext
from pybernetes.controllers.runtime.controller import Controller
from pybernetes.controllers.serviceaccount_token import plan


class ServiceAccountTokenController(Controller):
    """Acts as the manager itself: no controller's account may read and write all Secrets."""

    name = "serviceaccount-token-controller"
    queue_name = "serviceaccount_tokens_service"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._key: SigningKey | None = None
        self._gone: dict[str, Secret] = {}
        if not self.config.service_account_private_key_file:
            return
        accounts = self.informer(ServiceAccount)
        secrets = self.informers.informer(Secret, field_selector=f"type={token_secrets.SECRET_TYPE}")
        self.wait_for(secrets)
        self._accounts, self._secrets = accounts.lister, secrets.lister
        secrets.add_handler(self.enqueue, lambda old, new: self.enqueue(new), self._secret_deleted)
        accounts.add_handler(on_delete=self._account_deleted)

    def _secret_deleted(self, secret: Secret) -> None:
        self._gone[key_of(secret)] = secret
        self.enqueue(secret)

    def _account_deleted(self, account: ServiceAccount) -> None:
        for secret in self._secrets.list(account.metadata.namespace or ""):
            if plan.is_of(secret, account):
                self.enqueue(secret)

    async def reconcile(self, key: str) -> None:
        secret = self._secrets.by_key(key)
        if secret is None:
            if (gone := self._gone.get(key)) is not None:
                await self._unlink(gone)
                self._gone.pop(key, None)
            return
        self._gone.pop(key, None)
        if not secret.metadata.annotations.get(token_secrets.ACCOUNT_NAME):
            return
        account = await self._account_of(secret)
        try:
            if account is None:
                namespace, name = split_key(key)
                await self.client.delete(Secret, name, namespace, uid=secret.metadata.uid or "")
            else:
                await self._fill(secret, account)
        except (errors.NotFound, errors.Conflict):
            return  # It is gone, or changed and comes again.

    async def _account_of(self, secret: Secret) -> ServiceAccount | None:
        """As the apiserver knows it: a Secret may be seen before its account."""
        namespace, name = secret.metadata.namespace or "", secret.metadata.annotations[token_secrets.ACCOUNT_NAME]
        account = self._accounts.get(namespace, name)
        if account is None or not plan.is_of(secret, account):
            try:
                account = await self.client.get(ServiceAccount, name, namespace)
            except errors.NotFound:
                return None
        return account if plan.is_of(secret, account) else None

    async def _fill(self, secret: Secret, account: ServiceAccount) -> None:
        data = plan.lacking(secret, self.config.root_ca_pem)
        if not data:
            return
        changed = fresh(secret)
        if plan.TOKEN in data:
            data[plan.TOKEN] = base64.b64encode(
                self._signing_key().sign(plan.claims(account, secret)).encode()
            ).decode()
        changed.data.update(data)
        changed.metadata.annotations[token_secrets.ACCOUNT_NAME] = account.metadata.name or ""
        changed.metadata.annotations[token_secrets.ACCOUNT_UID] = account.metadata.uid or ""
        await self.client.update(changed)

    async def _unlink(self, secret: Secret) -> None:
        name = secret.metadata.annotations.get(token_secrets.ACCOUNT_NAME)
        if not name:
            return
        try:
            account = await self.client.get(ServiceAccount, name, secret.metadata.namespace or "")
            changed = plan.without(account, secret.metadata.name or "") if plan.is_of(secret, account) else None
            if changed is not None:
                await self.client.update(changed)
        except errors.NotFound:
            return

    def _signing_key(self) -> SigningKey:
        """Made when the first token is. Raises OSError or ValueError."""
        if self._key is None:
            key, _ = read_keys(Path(self.config.service_account_private_key_file).read_bytes())
            if key is None:
                raise ValueError(f"{self.config.service_account_private_key_file} holds no private key")
            self._key = key
        return self._key
