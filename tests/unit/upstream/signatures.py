"""Signature Version 4 as Amazon's documents have it, written down once more: to check what botocore is given."""

import hashlib
import hmac


def signature_of(secret: str, when: str, region: str, *, path: str, host: str, body: bytes) -> str:
    """Return the signature of a JSON POST to Bedrock."""
    canonical = "\n".join(
        [
            "POST",
            path,
            "",
            "content-type:application/json",
            f"host:{host}",
            f"x-amz-date:{when}",
            "",
            "content-type;host;x-amz-date",
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{when[:8]}/{region}/bedrock/aws4_request"
    told = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, told.encode(), "sha256").hex()
