"""`IsInCIDR`: addresses and networks as Go reads them."""

from __future__ import annotations

import ipaddress

from sloengine.ottl.functions.getters import STRING, checked, list_of
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _is_in_cidr(target: str, networks: list[str]) -> bool:
    address = _address(target)
    return any(
        address is not None and address.version == network.version and address in network
        for network in map(_network, networks)
    )


def _address(text: str) -> Address | None:
    """Return an address, IPv4 inside IPv6 as IPv4; `None` where it is none or has a zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


def _network(text: str) -> Network:
    address, slash, bits = text.partition("/")
    if slash and bits.isascii() and bits.isdigit() and len(bits) <= 8 and "%" not in address:
        try:
            network = ipaddress.ip_network(f"{address}/{int(bits)}", strict=False)
        except ValueError:
            pass
        else:
            return _unmapped(network)
    raise EvaluationError(f'"{text}" is no network; write it as in 10.0.0.0/8')


def _unmapped(network: Network) -> Network:
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))


FUNCTIONS = (
    Function(
        "IsInCIDR",
        (Parameter("target", STRING), Parameter("networks", list_of(checked(STRING, _network)))),
        _is_in_cidr,
        "Whether an IP address lies in one of the networks of a written list; false for text that "
        "is no address, an error for nil.",
    ),
)
