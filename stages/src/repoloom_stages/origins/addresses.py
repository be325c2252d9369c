"""Which network addresses a public host may have. Stages that follow a user's URL ask here before they connect."""

import ipaddress
import socket

from repoloom_stages.errors import ConnectionDenied, SourceUnavailable

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def public_addresses(host: str, port: int) -> tuple[str, ...]:
    """The host's addresses. Raises ConnectionDenied unless all are on the public internet, SourceUnavailable if there
    is none.

    The system's resolver reads numbers too (`2130706433`, `0x7f.1`), so every way to write an address ends up here.
    Connect to what is returned, not to the name: it may mean something else a moment later.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceUnavailable(f"cannot look up the host {host!r}: {error}") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address):
            raise ConnectionDenied(
                f"the host {host!r} is at {address}, which is no public address; a connection in the settings that "
                "lists the host may set privateAddresses: Allowed"
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address, and the IPv4 address that may hide in it, belong to the public internet."""
    return all(one.is_global and not one.is_multicast for one in _meanings(ipaddress.ip_address(address)))


def _meanings(address: IpAddress) -> list[IpAddress]:
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:  # Python before 3.11.10 calls every such address private.
        return [address.ipv4_mapped]
    embedded = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in embedded if one)]
