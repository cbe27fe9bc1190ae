"""Requests signed as Amazon wants them (Signature Version 4), with credentials from where its own tools find them."""

import re
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wideband.canon.faults import Faulted
from wideband.upstream.base import Call
from wideband.upstream.kept import Age, Kept, refused

INSTALL = "pip install 'wideband[bedrock]'"

# From here on a request waits for new credentials; a little earlier they are fetched beside it.
_OVER_S = 120

_REGION = re.compile(r"\.([a-z]{2,4}(?:-[a-z]+)+-\d+)\.")
# What is signed for, by how the host begins.
_SERVICES = {"bedrock-mantle.": "bedrock-mantle"}
_SERVICE = "bedrock"
_SIGNED = re.compile(r"content-type|x-amz-.*")
# Amazon's tools of today read the first, those of yesterday the second.
_SESSION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
_REMEDY = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK"


class _Signer(msgspec.Struct, frozen=True):
    """What botocore has for it; its credentials renew themselves when asked in a thread that may wait."""

    session: Any
    request: Any
    auth: Any
    credentials: Any
    frozen: Any
    region: str | None

    def __repr__(self) -> str:
        """Show no key."""
        return f"_Signer({self.region!r})"


class SigV4:
    """Signs calls; one for all providers, for the region is said by the host."""

    def __init__(self) -> None:
        self._signer = Kept(_fetch, _age)

    async def headers(self, call: Call, /) -> dict[str, str]:
        """Return what a call needs beside its own headers. Raises `Faulted` (provider_auth)."""
        return signed(call, await self._signer.get())


def signed(call: Call, signer: _Signer) -> dict[str, str]:
    """Return the headers that sign a call."""
    host = urlsplit(call.url).hostname or ""
    found = _REGION.search(host)
    region = found[1] if found else signer.region
    if region is None:
        raise _refused("the region is not known", "set AWS_REGION")
    service = next((name for begin, name in _SERVICES.items() if host.startswith(begin)), _SERVICE)
    given = {name: value for name, value in call.headers.items() if _SIGNED.fullmatch(name)}
    request = signer.request("POST", call.url, data=call.body, headers=dict(given))
    signer.auth(signer.frozen, service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items() if name not in given}


def _fetch(last: _Signer | None) -> _Signer:
    try:
        errors = import_module("botocore.exceptions")
        request, auth = import_module("botocore.awsrequest").AWSRequest, import_module("botocore.auth").SigV4Auth
        session = last.session if last else import_module("botocore.session").Session(session_vars=_SESSION)
    except ImportError:
        raise _refused("botocore is not installed", INSTALL) from None
    try:
        credentials = last.credentials if last else session.get_credentials()
        if credentials is None:
            raise _refused("there are none", _REMEDY)
        region = session.get_config_variable("region")
        return _Signer(session, request, auth, credentials, credentials.get_frozen_credentials(), region)
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise _refused(str(error), _REMEDY) from error


def _age(signer: _Signer) -> Age:
    """Say how long credentials will do; those that a person wrote down never end."""
    needed = getattr(signer.credentials, "refresh_needed", None)
    if needed is None or not needed():
        return "fresh"
    return "over" if needed(_OVER_S) else "stale"


def _refused(reason: str, remedy: str) -> Faulted:
    return refused("This server has no AWS credentials that can be used", reason, remedy)
