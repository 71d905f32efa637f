"""
The one request of a refresh, unless the last one failed a short time ago: then its error is raised again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, client_credential, profiles
from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from offlineimap_m365.accounts.client_credential import Proof
    from offlineimap_m365.tokens.token_cache import Cache


def send(cache: Cache, *, impatient: bool) -> bytes:
    """
    Redeem the refresh token in *cache*, or the credential of an app-only account; return the cache that replaces it.

    *impatient*: a remembered failure does not count. Raises SignInNeeded, Temporary or Misconfigured, with *of_client*
    set, since the store is not the reason.
    """
    account = cache.account
    refresh_token = cache.refresh_token
    if refresh_token is None and not account.is_app_only:
        raise profiles.lost(account)
    try:
        proof = client_credential.read(account.credential, account.name)
        # A failure counts for the same refresh token and secret only: a renewed one is tried at once.
        tried = (refresh_token or account.client_id) + (proof.fingerprint if proof else "")
        remembered = None if impatient else account_state.last_failure(account.folder, tried)
        if remembered:
            raise remembered
        return _exchange(cache, proof, tried)
    except errors.M365Error as error:
        error.of_client = True
        raise


def _exchange(cache: Cache, proof: Proof | None, tried: str) -> bytes:
    from offlineimap_m365.provider import msal_client  # noqa: PLC0415 - MSAL takes 200 ms to import
    from offlineimap_m365.provider.provider import Provider  # noqa: PLC0415 - it imports knowledge

    account = cache.account
    try:
        if account.is_app_only and proof is not None:
            data = msal_client.obtain(Provider.of(account), account.name, proof)
        else:
            data = msal_client.refresh(account, cache.data or b"", proof)
    except errors.M365Error as error:
        account_state.remember(account.folder, error, tried)
        raise
    account_state.note_certificate(account.folder, proof.ends if proof else None)
    return data
