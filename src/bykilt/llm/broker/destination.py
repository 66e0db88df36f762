"""Where a provider is asked, and whether an address that somebody wrote is there. Pure.

An address has one spelling here: whatever two programs could read in two ways is refused rather than understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bykilt.errors import InvalidInput
from bykilt.llm.errors import BrokerRefused
from bykilt.llm.providers import Provider
from bykilt.network.host_names import canonical_host, with_port

CHAT_PATH = "/chat/completions"
METHODS = ("GET", "POST")
_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2048
# No escapes, no backslash, no query, no parameters: none of them is needed to ask for a completion.
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Destination:
    """A scheme, a host in its canonical form, a port, and what every path begins with (no slash at its end)."""

    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def of(cls, provider: Provider) -> Destination:
        """Return where a provider is asked.

        Raises:
            InvalidInput: Its address cannot be used; or it would be asked without TLS, which `allow_private` allows.
        """
        hint = "write it as https://host/v1, without a user, a query or a fragment"
        try:
            found = _parse(provider.url.rstrip("/"))
        except InvalidInput as error:
            raise InvalidInput(f"the url of the provider {provider.name!r}: {error.message}", hint=hint) from error
        if found.scheme == "http" and not provider.allow_private:
            raise InvalidInput(
                f"the provider {provider.name!r} would be asked without TLS, and its key could be read on the way",
                hint="write https://, or allow_private = true for a server on this machine or network",
            )
        return found

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port left out where it is the scheme's own."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port, as a `Host` header has them."""
        if self.port == _PORTS[self.scheme]:
            return f"[{self.host}]" if ":" in self.host else self.host
        return with_port(self.host, self.port)

    @property
    def chat_path(self) -> str:
        """The path that completions are asked at."""
        return self.prefix + CHAT_PATH

    def check(self, method: str, url: str) -> str:
        """Return the path that a request asks for.

        Raises:
            BrokerRefused: It leads elsewhere, could be read as leading elsewhere, or wants to do something else.
        """
        if method not in METHODS:
            raise BrokerRefused(f"a request may be {' or '.join(METHODS)}, and this one is {method[:20]!r}")
        try:
            asked = _parse(url)
        except InvalidInput as error:
            raise BrokerRefused(f"an address that cannot be used: {error.message}") from error
        for name in ("scheme", "host", "port"):
            if getattr(asked, name) != getattr(self, name):
                raise BrokerRefused(f"{asked.origin} is not the provider, which is {self.origin}")
        if asked.prefix != self.prefix and not asked.prefix.startswith(self.prefix + "/"):
            raise BrokerRefused(f"the path {asked.prefix[:100]!r} is not below {self.prefix + '/'!r}")
        return asked.prefix


def _parse(url: str) -> Destination:
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\%?#;"):
        raise InvalidInput(f"{url[:100]!r} has a sign that it may not have")
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    path = slash + path
    if not separator or scheme not in _PORTS:
        raise InvalidInput(f"{url[:100]!r} is neither http:// nor https://")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise InvalidInput(f"{authority[:100]!r} is no host, with a port perhaps")
    host = canonical_host(found["host"])
    if found["host"] != (f"[{host}]" if ":" in host else host):
        raise InvalidInput(f"the host is to be written {host!r}")
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    if not 0 < port < 1 << 16 or str(port) != (found["port"] or str(port)):
        raise InvalidInput(f"{found['port']} is no port")
    segments = path.split("/")
    if not _PATH.fullmatch(path) or "." in segments or ".." in segments:
        raise InvalidInput(f"the path {path[:100]!r} is not in its one spelling")
    return Destination(scheme, host, port, path)
