"""Structs of the group-version authentication/v1. Written by codegen/generate.py; do not edit."""

from __future__ import annotations

from msgspec import Struct, field

from pybernetes.api import _zero as zero
from pybernetes.api._scalars import Int64, Time, ZeroBool, ZeroStr
from pybernetes.api.meta import v1 as meta_v1

class BoundObjectReference(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: ZeroStr | None = None
    kind: ZeroStr | None = None
    name: ZeroStr | None = None
    uid: ZeroStr | None = None


class SelfSubjectReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    kind: str = field(default_factory=lambda: "SelfSubjectReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    status: SelfSubjectReviewStatus = field(default_factory=lambda: SelfSubjectReviewStatus())


class SelfSubjectReviewStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    userInfo: UserInfo = field(default_factory=lambda: UserInfo())


class TokenRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    kind: str = field(default_factory=lambda: "TokenRequest")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: TokenRequestSpec = field(default_factory=lambda: TokenRequestSpec())
    status: TokenRequestStatus = field(default_factory=lambda: TokenRequestStatus())


class TokenRequestSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    audiences: list[str] = []
    boundObjectRef: BoundObjectReference | None = field(default_factory=zero.null)
    expirationSeconds: Int64 | None = field(default_factory=zero.null)


class TokenRequestStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    expirationTimestamp: Time | None = field(default_factory=zero.null)
    token: str = field(default_factory=zero.string)


class TokenReview(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    apiVersion: str = field(default_factory=lambda: "authentication.k8s.io/v1")
    kind: str = field(default_factory=lambda: "TokenReview")
    metadata: meta_v1.ObjectMeta = field(default_factory=lambda: meta_v1.ObjectMeta())
    spec: TokenReviewSpec = field(default_factory=lambda: TokenReviewSpec())
    status: TokenReviewStatus = field(default_factory=lambda: TokenReviewStatus())


class TokenReviewSpec(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    audiences: list[str] = []
    token: str = ""


class TokenReviewStatus(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    audiences: list[str] = []
    authenticated: ZeroBool | None = None
    error: ZeroStr | None = None
    user: UserInfo = field(default_factory=lambda: UserInfo())


class UserInfo(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    extra: dict[str, list[str]] = {}
    groups: list[str] = []
    uid: ZeroStr | None = None
    username: ZeroStr | None = None
