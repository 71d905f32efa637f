"""The OpenID configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, jsonify, request

from .refusals import Refusal
from .tokens import issuer

if TYPE_CHECKING:
    from .gate import Gate


def configuration(gate: Gate, tenant: str) -> Response:
    """Return the document of *tenant*: endpoints at its cloud's host, below its id even if asked for by a domain."""
    found = gate.provider.resolve_tenant(tenant)
    if found is None:
        # Azure/azure-cli#22145: this document's refusal has a name of its own.
        return gate.refuse(Refusal(90002, error="invalid_tenant", tenant=tenant))
    region = gate.provider.regions.get(found)
    host = region.host if region else request.host
    base = f"https://{host}/{found}"
    document: dict[str, object] = {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "issuer": issuer(found, host),
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        # OpenID Connect Discovery §3.
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
    }
    if gate.provider.extras:
        # What only Microsoft's document holds.
        document["tenant_region_scope"] = region.scope if region else None
        document["cloud_instance_name"] = region.instance if region else "microsoftonline.com"
        if region and region.sub_scope:
            document["tenant_region_sub_scope"] = region.sub_scope
    return jsonify(document)
