"""Probes: the host's network and services, and families of sockets that no network namespace holds back.

Nothing is sent beyond this machine: a route is asked for by connecting a datagram socket, which sends no packet.
"""

from __future__ import annotations

import ctypes
import os
import socket

from tests.security.hostile.frame import Refused, World, probe
from tests.security.hostile.system_calls import HIGH_BIT, NEWNET, NEWUSER, call, closing, unshare

AREA = "network"
SOCKETS = "sockets"
UNREACHABLE = "ENETUNREACH ECONNREFUSED EADDRNOTAVAIL"

_PACKET, _ALG, _VSOCK, _XDP, _BLUETOOTH, _CAN, _TIPC = 17, 38, 40, 44, 31, 29, 30
_FAMILY_REFUSED = "EAFNOSUPPORT"
_PROTOCOL_REFUSED = "EPROTONOSUPPORT"
_NO_WAY = "nothing ECONNRESET"
# Both the type and the protocol are refused, and either may be found first.
_RAW_REFUSED = "EPERM EPROTONOSUPPORT"


def _connected(family: int, address: object) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(address)  # type: ignore[arg-type]  # one of the forms of addresses
    return f"connected to {address}"


def _asked(world: World, request: str) -> str:
    """Send a request to the browser's proxy as its only line but for the host."""
    host = request.split()[1].removeprefix("http://").partition("/")[0]
    with socket.create_connection(("127.0.0.1", world.proxy_port), 2) as connection:
        connection.sendall(f"{request}\r\nHost: {host}\r\n\r\n".encode())
        answer = connection.recv(4096).split(b"\r\n")[0]
    if b" 200 " not in answer:
        raise Refused
    return f"the proxy answered {answer!r}"


def _made(family: int, kind: int, protocol: int = 0) -> str:
    with closing(call("socket", family, kind, protocol)):
        return f"has a socket {family}, {kind}, {protocol}"


def _routed(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect((address, 80))
        return f"has a way to {address}, from {datagrams.getsockname()}"


def _with_network_rights() -> None:
    """Take all capabilities over a network of one's own, which the sandbox allows to Chromium."""
    unshare(NEWUSER | NEWNET)


@probe(AREA, UNREACHABLE)
def reach_a_server_on_the_host(world: World) -> str:
    """Connect to a port on the host's loopback."""
    return _connected(socket.AF_INET, ("127.0.0.1", world.tcp_port))


@probe(AREA, UNREACHABLE)
def reach_a_server_on_the_host_by_version_6(world: World) -> str:
    """Connect to a port on the host's loopback at ::1."""
    return _connected(socket.AF_INET6, ("::1", world.tcp6_port))


@probe(AREA, UNREACHABLE)
def reach_a_server_on_the_host_by_any_address(world: World) -> str:
    """Connect to 0.0.0.0, which is this host."""
    return _connected(socket.AF_INET, ("0.0.0.0", world.tcp_port))


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_the_host(world: World) -> str:
    """Ask the proxy for a tunnel to a port on the host's loopback."""
    return _asked(world, f"CONNECT 127.0.0.1:{world.tcp_port} HTTP/1.1")


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_the_host_by_name(world: World) -> str:
    """The same, by the name that every machine gives itself."""
    return _asked(world, f"CONNECT localhost:{world.tcp_port} HTTP/1.1")


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_the_host_by_number(world: World) -> str:
    """The same, with the address in one number, as some resolvers understand it."""
    return _asked(world, f"CONNECT 2130706433:{world.tcp_port} HTTP/1.1")


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_a_page_of_the_host(world: World) -> str:
    """Ask the proxy for a page, without a tunnel."""
    return _asked(world, f"GET http://127.0.0.1:{world.tcp_port}/ HTTP/1.1")


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_the_metadata(world: World) -> str:
    """Ask the proxy for the address at which a cloud tells a machine its keys."""
    return _asked(world, "GET http://169.254.169.254/latest/ HTTP/1.1")


@probe("proxy", _NO_WAY)
def ask_the_way_out_for_another_host(world: World) -> str:
    """Ask the proxy for a host that nobody allowed."""
    return _asked(world, "CONNECT other.test:443 HTTP/1.1")


@probe(AREA, "ECONNREFUSED")
def reach_an_abstract_socket_of_the_host(world: World) -> str:
    """Connect to a local socket that has no file."""
    return _connected(socket.AF_UNIX, "\0" + world.abstract_socket)


@probe(AREA, "ENOENT EACCES ECONNREFUSED")
def reach_a_socket_file_of_the_host(world: World) -> str:
    """Connect to a local socket that everybody on the host may use."""
    return _connected(socket.AF_UNIX, world.path_socket)


@probe(AREA, "ENOENT EACCES ECONNREFUSED")
def reach_the_container_service(world: World) -> str:
    """Connect to Docker, which is root."""
    return _connected(socket.AF_UNIX, "/var/run/docker.sock")


@probe(AREA, "ENOENT EACCES ECONNREFUSED")
def reach_the_system_bus(world: World) -> str:
    """Connect to the system's D-Bus."""
    return _connected(socket.AF_UNIX, "/run/dbus/system_bus_socket")


@probe(AREA, "nothing ENOENT EACCES ECONNREFUSED")
def reach_the_session_bus(world: World) -> str:
    """Connect to the D-Bus that the environment names."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if not address.startswith("unix:path="):
        raise Refused
    return _connected(socket.AF_UNIX, address.partition("=")[2])


@probe(AREA, "nothing")
def see_the_sockets_of_the_host(world: World) -> str:
    """Look for the host's local sockets in /proc/net/unix."""
    with open("/proc/net/unix") as file:
        if world.abstract_socket not in file.read():
            raise Refused
    return "sees them"


@probe(AREA, "nothing")
def see_the_ports_of_the_host(world: World) -> str:
    """Look for the host's listeners in /proc/net/tcp."""
    with open("/proc/net/tcp") as file:
        if f":{world.tcp_port:04X} " not in file.read():
            raise Refused
    return "sees them"


@probe(AREA, "nothing")
def find_an_interface(world: World) -> str:
    """Look for an interface beside loopback."""
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    if not found:
        raise Refused
    return f"found {found}"


@probe(AREA, UNREACHABLE)
def find_a_way_to_the_metadata_service(world: World) -> str:
    """Ask for a route to 169.254.169.254."""
    return _routed("169.254.169.254")


@probe(AREA, UNREACHABLE)
def find_a_way_to_the_world(world: World) -> str:
    """Ask for a route to a public address."""
    return _routed("192.0.2.1")


@probe(AREA, UNREACHABLE)
def find_a_way_to_private_networks(world: World) -> str:
    """Ask for a route to a private address."""
    return _routed("10.0.0.1")


@probe(AREA, UNREACHABLE)
def find_a_way_to_the_world_by_version_6(world: World) -> str:
    """Ask for a route to a public address of version 6."""
    return _routed("2001:db8::1")


@probe(SOCKETS, _FAMILY_REFUSED)
def speak_to_the_hypervisor(world: World) -> str:
    """A vsock, which knows no network namespace."""
    return _made(_VSOCK, socket.SOCK_STREAM)


@probe(SOCKETS, _FAMILY_REFUSED)
def speak_to_the_hypervisor_with_a_bit_too_many(world: World) -> str:
    """The same, with a bit set in the family that the kernel drops."""
    return _made(HIGH_BIT | _VSOCK, socket.SOCK_STREAM)


@probe(SOCKETS, _FAMILY_REFUSED)
def send_packets(world: World) -> str:
    """A packet socket in a network of its own."""
    _with_network_rights()
    return _made(_PACKET, socket.SOCK_RAW)


@probe(SOCKETS, "EPERM")
def send_packets_in_the_old_way(world: World) -> str:
    """The type of socket from before there was a family for packets."""
    _with_network_rights()
    return _made(socket.AF_INET, 10)


@probe(SOCKETS, _RAW_REFUSED)
def send_raw_messages(world: World) -> str:
    """A raw ICMP socket in a network of its own."""
    _with_network_rights()
    return _made(socket.AF_INET, socket.SOCK_RAW, 1)


@probe(SOCKETS, _RAW_REFUSED)
def send_raw_messages_with_a_bit_too_many(world: World) -> str:
    """The same, with a bit set in the type that the kernel drops."""
    _with_network_rights()
    return _made(socket.AF_INET, HIGH_BIT | socket.SOCK_RAW, 1)


@probe(SOCKETS, _RAW_REFUSED)
def send_raw_messages_by_version_6(world: World) -> str:
    """A raw socket of version 6."""
    _with_network_rights()
    return _made(socket.AF_INET6, socket.SOCK_RAW, 58)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def change_the_firewall(world: World) -> str:
    """A netlink socket to nf_tables in a network of its own."""
    _with_network_rights()
    return _made(socket.AF_NETLINK, socket.SOCK_RAW, 12)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def change_the_firewall_with_a_bit_too_many(world: World) -> str:
    """The same, with a bit set in the protocol that the kernel drops."""
    _with_network_rights()
    return _made(socket.AF_NETLINK, socket.SOCK_RAW, HIGH_BIT | 12)


@probe(SOCKETS, "ENOPROTOOPT")
def read_the_tables_of_the_firewall(world: World) -> str:
    """Ask for the older firewall's table by an option of an ordinary socket."""
    _with_network_rights()
    information = ctypes.create_string_buffer(b"filter", 84)  # `struct ipt_getinfo`, which begins with a name
    length = ctypes.c_uint32(84)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        call("getsockopt", connection.fileno(), socket.SOL_IP, 64, information, ctypes.byref(length))
    return "read the table"


@probe(SOCKETS, "ENOPROTOOPT")
def fill_the_tables_of_the_firewall(world: World) -> str:
    """Replace a table by an option of an ordinary socket, with the level and option made to overflow."""
    _with_network_rights()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        rules = ctypes.create_string_buffer(b"filter", 96)  # `struct ipt_replace`, without entries
        call("setsockopt", connection.fileno(), HIGH_BIT | socket.SOL_IP, HIGH_BIT | 64, rules, 96)
    return "may fill tables"


@probe(SOCKETS, _PROTOCOL_REFUSED)
def change_the_keys_of_tunnels(world: World) -> str:
    """A netlink socket to XFRM in a network of its own."""
    _with_network_rights()
    return _made(socket.AF_NETLINK, socket.SOCK_RAW, 6)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def write_into_the_audit_log(world: World) -> str:
    """A netlink socket to the kernel's audit."""
    return _made(socket.AF_NETLINK, socket.SOCK_RAW, 9)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def ask_the_kernel_in_general(world: World) -> str:
    """A generic netlink socket, behind which are dozens of interfaces."""
    return _made(socket.AF_NETLINK, socket.SOCK_RAW, 16)


@probe(SOCKETS, _FAMILY_REFUSED)
def let_the_kernel_encrypt(world: World) -> str:
    """A socket to the kernel's cryptography."""
    return _made(_ALG, socket.SOCK_SEQPACKET)


@probe(SOCKETS, _FAMILY_REFUSED)
def reach_into_the_driver(world: World) -> str:
    """An XDP socket in a network of its own."""
    _with_network_rights()
    return _made(_XDP, socket.SOCK_RAW)


@probe(SOCKETS, _FAMILY_REFUSED)
def use_bluetooth(world: World) -> str:
    """A Bluetooth socket."""
    return _made(_BLUETOOTH, socket.SOCK_RAW, 1)


@probe(SOCKETS, _FAMILY_REFUSED)
def use_the_bus_of_a_car(world: World) -> str:
    """A CAN socket."""
    return _made(_CAN, socket.SOCK_RAW, 1)


@probe(SOCKETS, _FAMILY_REFUSED)
def make_a_pair_of_a_rare_family(world: World) -> str:
    """A pair of TIPC sockets."""
    pair = (ctypes.c_int * 2)()
    call("socketpair", _TIPC, socket.SOCK_STREAM, 0, pair)
    return "has a pair"


@probe(SOCKETS, _PROTOCOL_REFUSED)
def use_a_rare_transport(world: World) -> str:
    """An SCTP socket."""
    return _made(socket.AF_INET, socket.SOCK_STREAM, 132)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def use_several_paths(world: World) -> str:
    """A multipath TCP socket."""
    return _made(socket.AF_INET, socket.SOCK_STREAM, 262)


@probe(SOCKETS, _PROTOCOL_REFUSED)
def ping(world: World) -> str:
    """A datagram socket for ICMP."""
    return _made(socket.AF_INET, socket.SOCK_DGRAM, 1)
