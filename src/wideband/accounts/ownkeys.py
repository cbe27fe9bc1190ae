"""Provider keys that accounts bring along: which there are of an account's, and when each is used."""

import msgspec


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """An account's own key at a provider; its secret is only here `sealed`.

    It is asked with before the exchange's own key, or after it where it is a `fallback`. `always` keeps the exchange's
    key at that provider out of the account's requests. Of several at one provider the oldest comes first.
    """

    id: str
    account_id: str
    provider: str
    label: str
    sealed: bytes
    created_ns: int
    name: str | None = None
    disabled: bool = False
    fallback: bool = False
    always: bool = False
    updated_ns: int | None = None

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return f"OwnKey({self.id!r}, {self.provider!r}, {self.label!r})"
