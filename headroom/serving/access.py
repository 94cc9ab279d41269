"""Who may come in: tokens, and what each may do."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from headroom.serving.asked import Asked
from headroom.serving.problems import Refusal

READS: Final = ("get", "list", "watch")
ANONYMOUS: Final = "system:anonymous"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is known."""

    name: str
    writes: bool = True


@dataclass(frozen=True, slots=True)
class Door:
    """The tokens that open it; without any, whoever reaches the address may do everything."""

    tokens: Mapping[str, User]

    def user(self, authorization: str) -> User:
        """Return who sends an Authorization header; 401 for a token that is not known."""
        if not self.tokens:
            return User("admin")
        scheme, _, token = authorization.partition(" ")
        if not authorization:
            return User(ANONYMOUS, writes=False)
        for known, user in self.tokens.items():
            if scheme.lower() == "bearer" and hmac.compare_digest(known.encode(), token.strip().encode()):
                return user
        raise Refusal(401, "Unauthorized")

    def check(self, user: User, asked: Asked) -> None:
        """403 if somebody may not do what is asked."""
        if user.writes or (user.name != ANONYMOUS and asked.verb in READS):
            return
        resource = asked.resource
        named = f'{resource.qualified} "{asked.name}"' if asked.name else resource.qualified
        where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        full = f"{resource.plural}/{asked.subresource}" if asked.subresource else resource.plural
        raise Refusal(
            403,
            f'{named} is forbidden: User "{user.name}" cannot {asked.verb} resource "{full}" in API group '
            f'"{resource.group}" {where}',
            details=asked.details,
        )
