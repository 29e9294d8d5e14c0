#!/usr/bin/env python3
"""Writes mixed.pcap: traffic of every class that the firewall of this folder tells apart.

The same bytes each time, so that the file can be committed and results compared. Addresses are
those set apart for documentation (RFC 5737, RFC 3849). Only the standard library is used.

    ./make_capture.py [FILE]
"""
import random
import socket
import struct
import sys

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
HOP, ROUTING, FRAGMENT, ESP, AH, DESTINATION = 0, 43, 44, 50, 51, 60
SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01

SERVER4, SERVER6 = "192.0.2.80", "2001:db8::80"
GOOD4 = ["192.0.2.1", "192.0.2.77", "198.51.99.5", "203.0.112.9", "198.51.100.200"]
BAD4 = ["198.51.100.7", "198.51.100.99", "203.0.113.66"]
GOOD6 = ["2001:db8:1::1", "2001:db8:2::beef", "2001:db8:bad:1::5"]
BAD6 = ["2001:db8:bad::1", "2001:db8:bad:ff::2", "2001:db8:66::66"]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ethernet(kind, payload, tags=()):
    """A frame; `tags` are (protocol, VLAN number), outermost first."""
    head = bytes.fromhex("020000000002" "020000000001")
    for protocol, vlan in tags:
        head += struct.pack("!HH", protocol, vlan)
    return head + struct.pack("!H", kind) + payload


def ipv4(source, protocol, payload, options=b"", fragment=0, ident=1, bad_sum=False, total=None):
    length = 20 + len(options)
    if total is None:
        total = length + len(payload)

    def head(check):
        return struct.pack("!BBHHHBBH4s4s", 0x40 | length // 4, 0, total, ident, fragment, 64,
                           protocol, check, address(source), address(SERVER4)) + options

    check = checksum(head(0))
    return head(check ^ 0x5555 if bad_sum else check) + payload


def ipv6(source, protocol, payload, extensions=(), length=None):
    """`extensions` are (number, body without the next-header byte), outermost first."""
    chain = b""
    numbers = [number for number, _ in extensions] + [protocol]
    for (_, body), following in zip(extensions, numbers[1:]):
        chain += bytes([following]) + body
    if length is None:
        length = len(chain) + len(payload)
    return struct.pack("!IHBB16s16s", 0x60000000, length, numbers[0], 64, address(source),
                       address(SERVER6)) + chain + payload


def options6(units=0):
    """Hop-by-hop or destination options of 8 + 8 * units bytes: one PadN."""
    room = 8 + 8 * units - 4
    return bytes([units, 1, room]) + bytes(room)


def fragment6(offset, more, ident):
    return struct.pack("!BHI", 0, offset << 3 | more, ident)


def tcp(port, flags=SYN, data=b"", source=40000):
    return struct.pack("!HHIIBBHHH", source, port, 1000, 2000, 0x50, flags, 65535, 0, 0) + data


def udp(port, data=b"", source=53000):
    return struct.pack("!HHHH", source, port, 8 + len(data), 0) + data


def echo(number, kind=8):
    body = struct.pack("!BBHHH", kind, 0, 0, 7, number) + b"a heartbeat"
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def sound(rng):
    """Traffic that nobody could mind, and traffic from or to where the rules say no."""
    for client in GOOD4 + BAD4:
        for flags, data in ((SYN, b""), (ACK, b""), (ACK | PSH, b"GET / HTTP/1.1\r\n\r\n"), (FIN | ACK, b"")):
            yield ethernet(0x0800, ipv4(client, TCP, tcp(rng.choice([80, 443]), flags, data)))
        yield ethernet(0x0800, ipv4(client, UDP, udp(53, rng.randbytes(rng.randrange(12, 60)))))
        yield ethernet(0x0800, ipv4(client, ICMP, echo(rng.randrange(100))))
        yield ethernet(0x0800, ipv4(client, 47, b"\0\0\x08\0" + bytes(20)))
    for client in GOOD6 + BAD6:
        for flags in (SYN, ACK, FIN | ACK):
            yield ethernet(0x86DD, ipv6(client, TCP, tcp(443, flags)))
        yield ethernet(0x86DD, ipv6(client, UDP, udp(53, rng.randbytes(rng.randrange(12, 60)))))
        yield ethernet(0x86DD, ipv6(client, ICMP6, echo(1, 128)))
        yield ethernet(0x86DD, ipv6(client, 59, b""))
    for port in (23, 22, 445):
        yield ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(port)))
        yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(port)))
    for port in (1900, 123):
        yield ethernet(0x0800, ipv4(GOOD4[1], UDP, udp(port, b"M-SEARCH")))
        yield ethernet(0x86DD, ipv6(GOOD6[1], UDP, udp(port, b"M-SEARCH")))


def tagged():
    one, two = [(0x8100, 100)], [(0x88A8, 5), (0x8100, 100)]
    three = two + [(0x8100, 7)]
    for tags in (one, two, [(0x8100, 5), (0x8100, 6)], three):
        for client in (GOOD4[1], BAD4[0]):
            yield ethernet(0x0800, ipv4(client, TCP, tcp(443)), tags)
            yield ethernet(0x0800, ipv4(client, UDP, udp(53, b"query")), tags)
        for client in (GOOD6[0], BAD6[1]):
            yield ethernet(0x86DD, ipv6(client, TCP, tcp(443)), tags)
        yield ethernet(0x0806, bytes(28), tags)
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(23)), one)


def other(rng):
    arp = bytes.fromhex("0001080006040001" "020000000001c0000201" "000000000000c0000250")
    for _ in range(4):
        yield ethernet(0x0806, arp + bytes(18))
    yield ethernet(0x88CC, bytes.fromhex("0207040200000000010403020101060200780000"))
    yield ethernet(0x0026, b"\x42\x42\x03" + bytes(35))  # IEEE 802.3, a spanning tree hello
    yield ethernet(0x8847, b"\0\x01\x01\x40" + ipv4(GOOD4[0], TCP, tcp(80)))
    yield ethernet(0x9000, rng.randbytes(46))


def options4():
    record_route = b"\x07\x0b\x04" + bytes(8) + b"\0"
    router_alert = b"\x94\x04\0\0"
    full = b"\x01" * 40
    for options in (router_alert, record_route, full):
        for client in (GOOD4[2], BAD4[2]):
            yield ethernet(0x0800, ipv4(client, TCP, tcp(443), options))
        yield ethernet(0x0800, ipv4(GOOD4[0], UDP, udp(1900, b"M-SEARCH"), options))


def fragments4():
    data = udp(4000, bytes(range(200)))
    for number, client in enumerate((GOOD4[0], BAD4[1])):
        for first in range(0, len(data), 96):
            more = 0x2000 if first + 96 < len(data) else 0
            yield ethernet(0x0800, ipv4(client, UDP, data[first:first + 96],
                                        fragment=more | first // 8, ident=100 + number))
    head = tcp(443)
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, head[:8], fragment=0x2000, ident=7))    # tiny
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, head[8:], fragment=1, ident=7))         # over the flags
    yield ethernet(0x0800, ipv4(GOOD4[0], UDP, b"\0\1", fragment=0x2000, ident=8))


def extended6():
    segments = bytes([2, 0, 0]) + bytes(4) + address("2001:db8::7")
    auth = bytes([4, 0, 0]) + struct.pack("!II", 0x100, 1) + bytes(12)
    chains = [
        [(HOP, options6())],
        [(DESTINATION, options6(2))],
        [(ROUTING, segments)],
        [(AH, auth)],
        [(HOP, options6()), (DESTINATION, options6()), (ROUTING, segments), (AH, auth), (DESTINATION, options6(1))],
    ]
    for chain in chains:
        for client in (GOOD6[0], BAD6[0]):
            yield ethernet(0x86DD, ipv6(client, TCP, tcp(443), chain))
        yield ethernet(0x86DD, ipv6(GOOD6[1], UDP, udp(1900, b"M-SEARCH"), chain))
    yield ethernet(0x86DD, ipv6(GOOD6[0], ESP, struct.pack("!II", 9, 1) + bytes(40)))
    data = udp(4000, bytes(range(200)))
    for number, client in enumerate((GOOD6[1], BAD6[2])):
        for first in range(0, len(data), 96):
            more = int(first + 96 < len(data))
            yield ethernet(0x86DD, ipv6(client, UDP, data[first:first + 96],
                                        [(FRAGMENT, fragment6(first // 8, more, 50 + number))]))
    yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443)[:8], [(FRAGMENT, fragment6(0, 1, 9))]))
    yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443)[8:], [(FRAGMENT, fragment6(1, 0, 9))]))
    yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443), [(DESTINATION, options6())] * 8))
    yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443), [(DESTINATION, options6()), (HOP, options6())]))
    yield ethernet(0x86DD, ipv6(GOOD6[0], ESP, b"", [(DESTINATION, bytes([200]) + bytes(6))]))


def broken(rng):
    whole4 = ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(443)))
    whole6 = ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443), [(HOP, options6())]))
    for length in (1, 6, 13, 14, 15, 33, 34, 40, 53):
        yield whole4[:length]
    for length in (14, 20, 53, 54, 58, 62, 81):
        yield whole6[:length]
    yield ethernet(0x0800, b"", [(0x8100, 1)])[:16]
    yield ethernet(0x0800, b"", [(0x88A8, 1), (0x8100, 2)])[:20]
    packet = ipv4(GOOD4[0], TCP, tcp(443))
    for first in (0x44, 0x40, 0x65, 0x05, 0x4F):  # header too short, none, wrong version twice, too long
        yield ethernet(0x0800, bytes([first]) + packet[1:])
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(443), total=12))
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(443), total=1400))
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, tcp(443), bad_sum=True))
    yield ethernet(0x0800, ipv4(BAD4[0], UDP, udp(53), bad_sum=True))
    yield ethernet(0x0800, ipv4(GOOD4[0], TCP, b"\x9c\x40"))
    yield ethernet(0x0800, ipv4(GOOD4[0], UDP, b"\x9c\x40\0\x35"))
    yield ethernet(0x0800, ipv4(GOOD4[0], ICMP, b"\x08"))
    yield ethernet(0x86DD, ipv6(GOOD6[0], TCP, tcp(443), length=1280))
    yield ethernet(0x86DD, b"\x40" + ipv6(GOOD6[0], TCP, tcp(443))[1:])
    yield ethernet(0x86DD, ipv6(GOOD6[0], UDP, b"\0\0\0"))
    for _ in range(6):
        yield ethernet(rng.choice([0x0800, 0x86DD, 0x8100]), rng.randbytes(rng.randrange(0, 90)))


def main():
    rng = random.Random(1982)
    groups = [sound(rng), tagged(), other(rng), options4(), fragments4(), extended6(), broken(rng)]
    frames = [frame for group in groups for frame in group]
    rng.shuffle(frames)
    path = sys.argv[1] if len(sys.argv) > 1 else "mixed.pcap"
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # Ethernet, microseconds
        microseconds = 1_700_000_000_000_000
        for frame in frames:
            microseconds += rng.randrange(3, 900)
            file.write(struct.pack("<IIII", *divmod(microseconds, 1_000_000), len(frame), len(frame)) + frame)
    print(f"{path}: {len(frames)} packets")


if __name__ == "__main__":
    main()
