"""The OpenID configuration and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from .people import CONSUMERS
from .refusals import Refusal

if TYPE_CHECKING:
    from .gate import Gate
    from .regions import Region


def discovery(gate: Gate) -> Blueprint:
    """Return the two pages."""
    blueprint = Blueprint("discovery", __name__)
    provider = gate.provider

    @blueprint.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def configuration(tenant: str) -> Response:
        found = provider.resolve_tenant(tenant)
        if found is None:
            # Azure/azure-cli#22145: this document's refusal has a name of its own.
            return gate.refuse(Refusal(90002, error="invalid_tenant", tenant=tenant))
        region = provider.regions.get(found)
        document = endpoints(found, region.host if region else request.host) | capabilities()
        return jsonify(document | (microsoft(region) if provider.extras else {}))

    @blueprint.get("/<tenant>/discovery/v2.0/keys")
    def keys(tenant: str) -> Response:
        return jsonify({"keys": [provider.key.jwk(issuer(provider.resolve_tenant(tenant) or tenant))]})

    return blueprint


def issuer(tenant: str, host: str | None = None) -> str:
    """Return the issuer; that of the aliases holds a placeholder, literally (Microsoft: "OpenID Connect")."""
    named = {"common": "{tenantid}", "organizations": "{tenantid}", "consumers": CONSUMERS}.get(tenant, tenant)
    return f"https://{host or request.host}/{named}/v2.0"


def endpoints(tenant: str, host: str) -> dict[str, object]:
    """Return the endpoints at the cloud's *host*, below the tenant's id even if asked for by a domain."""
    base = f"https://{host}/{tenant}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "issuer": issuer(tenant, host),
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
    }


def capabilities() -> dict[str, object]:
    """Return the capabilities (OpenID Connect Discovery §3)."""
    return {
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "email"],
    }


def microsoft(region: Region | None) -> dict[str, object]:
    """Return what only Microsoft's document holds."""
    found: dict[str, object] = {
        "request_uri_parameter_supported": False,
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "tenant_region_scope": region.scope if region else None,
        "cloud_instance_name": region.instance if region else "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }
    return found | ({"tenant_region_sub_scope": region.sub_scope} if region and region.sub_scope else {})
