"""A proxy's address and the user name and password for it, which Chromium takes by different ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from bykilt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Proxy:
    """`address` holds no user name or password."""

    address: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User name and password; None where there are none."""
        return (self.user, self.password) if self.user else None


def parse_proxy(text: str | None) -> Proxy | None:
    """Return the proxy of an address such as `http://user:password@host:8080`; None for none.

    Raises:
        InvalidInput: It is no address, or a proxy of that kind cannot ask for a password. Neither text is shown.
    """
    if text is None:
        return None
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        user, password = parts.username, parts.password
    except ValueError:
        # The text itself may hold a password.
        raise InvalidInput("proxy: this is no address", hint="use http://user:password@host:port") from None
    if user is None:
        return Proxy(text)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https"):
        raise InvalidInput(
            f"proxy {parts.scheme}://…@{host}: Chromium gives no password to a proxy of this kind",
            hint="use an http proxy, or one on this machine that adds the password",
        )
    return Proxy(urlunsplit((parts.scheme, host, "", "", "")), unquote(user), unquote(password or ""))
