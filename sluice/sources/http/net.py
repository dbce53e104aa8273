"""The network below an API read: one deadline on every byte, and no private address unless the contract says so.

Both are kept at the socket, so that nothing above can forget them. With a time-out per read alone, httpx waited
39.8 s at `timeout=2` for a body that came a byte at a time; and a host name that is checked before it is resolved
again by the client may resolve to another address the second time.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from sluice.errors import Broken, Transient

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Deadline:
    """The time that is left for a whole split: all its requests, waits and retries."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, never negative."""
        return max(0.0, self._end - time.monotonic())

    def clip(self, timeout: float | None) -> float:
        """`timeout`, or what is left; raises when nothing is."""
        left = self.left()
        if left <= 0:
            what = f"the deadline of {self.seconds:g}s for the split has passed"
            raise Transient("source.unreachable", what, "", "raise `deadline`, or cut the split smaller")
        return left if timeout is None else min(left, timeout)


def is_private(address: str) -> bool:
    """Loopback, private, link-local, reserved, multicast; also when wrapped into IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_private(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_private(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return not ip.is_global or ip.is_multicast


class Network(httpcore.NetworkBackend):
    """Connects to the very address it has checked."""

    def __init__(self, deadline: Deadline, private_hosts: bool) -> None:
        self._deadline, self._private_hosts = deadline, private_hosts
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses(host, port):
            try:
                stream = self._plain.connect_tcp(
                    address, port, self._deadline.clip(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:  # the name's next address may answer
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        private = [a for a in addresses if is_private(a)]
        if private and not self._private_hosts:
            what = f"{host} is at the private address {private[0]}"
            raise Broken("source.moved", what, host, "set `private_hosts: true` if the source is on our own network")
        return addresses


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait is cut at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.clip(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.clip(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.clip(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
