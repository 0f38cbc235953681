"""Which addresses belong to the public Internet."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_UNICAST: Final = IPv6Network("2000::/3")  # RFC 4291 §2.4: all that is routed
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
# RFC 6890 §2.2.2; Python calls most of it global before 3.11.10. Some clouds have metadata there.
_PROTOCOLS: Final = IPv4Network("192.0.0.0/24")
_AZURE: Final = IPv4Address("168.63.129.16")  # answers from inside each virtual machine's network
_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291 §2.5.5.1


def is_public(address: str) -> bool:
    """Say whether an address belongs to the public Internet, and whatever it wraps does too.

    Args:
        address: IPv4, or IPv6 with or without a zone.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public_v4(parsed)
    wrapped = _wrapped(parsed)
    if wrapped:
        return all(map(_is_public_v4, wrapped))
    return parsed.is_global and parsed in _UNICAST


def _is_public_v4(address: IPv4Address) -> bool:
    is_special = address.is_multicast or address in _PROTOCOLS or address == _AZURE
    return address.is_global and not is_special


def _wrapped(address: IPv6Address) -> Sequence[IPv4Address]:
    """Return the IPv4 addresses that packets to an IPv6 address end up at."""
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64 or address in _COMPATIBLE:
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    if address.sixtofour:  # RFC 3056
        return [address.sixtofour]
    return address.teredo or []  # RFC 4380: the relay and the client
