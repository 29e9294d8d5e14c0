// Walks Ethernet, VLAN tags, IPv4, IPv6 and its extension headers (RFC 791, RFC 8200).
// See packet_class.h.
#include "tools/packet_class.h"

#include <fmt/format.h>

#include <optional>

namespace skep {
namespace {

// Bytes not yet walked over.
class Reader {
 public:
  explicit Reader(std::span<const u8> bytes) : bytes_(bytes) {}

  bool has(std::size_t count) const { return bytes_.size() >= count; }
  std::size_t size() const { return bytes_.size(); }
  u8 byte(std::size_t at) const { return bytes_[at]; }
  u16 half(std::size_t at) const { return static_cast<u16>(bytes_[at] << 8 | bytes_[at + 1]); }
  void skip(std::size_t count) { bytes_ = bytes_.subspan(count); }

 private:
  std::span<const u8> bytes_;
};

// What the walk found; each as far as it came.
struct Findings {
  const char* broken = nullptr;
  int tags = 0;
  u16 protocol = 0;  // of Ethernet
  bool fragment = false;
  bool extended = false;
  u8 transport = 0;
};

constexpr u16 kIpv4 = 0x0800, kIpv6 = 0x86dd, kVlan = 0x8100, kServiceVlan = 0x88a8;

// Header bytes that a transport must have, by protocol number.
std::size_t least_header(u8 transport) {
  switch (transport) {
    case 6: return 20;
    case 17: return 8;
    case 1:
    case 58: return 4;
    default: return 0;
  }
}

void walk_ipv4(Reader& reader, Findings& found) {
  if (!reader.has(20)) {
    found.broken = "truncated";
    return;
  }
  const std::size_t header = (reader.byte(0) & 15u) * 4;
  const std::size_t total = reader.half(2);
  if (reader.byte(0) >> 4 != 4 || header < 20 || total < header) {
    found.broken = "malformed";
    return;
  }
  if (!reader.has(total)) {
    found.broken = "truncated";
    return;
  }
  u32 sum = 0;
  for (std::size_t i = 0; i < header; i += 2) sum += reader.half(i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  if (sum != 0xffff) found.broken = "malformed";
  found.extended = header > 20;
  found.fragment = (reader.half(6) & 0x3fff) != 0;
  found.transport = reader.byte(9);
  reader.skip(header);
}

// Bytes of the extension header that `reader` stands at; none if `next` is not one.
std::optional<std::size_t> extension_length(const Reader& reader, u8 next) {
  switch (next) {
    case 0:   // hop-by-hop options
    case 43:  // routing
    case 60:  // destination options
      return (reader.byte(1) + 1u) * 8;
    case 44:  // fragment
      return 8;
    case 51:  // authentication
      return (reader.byte(1) + 2u) * 4;
    default: return std::nullopt;
  }
}

bool is_extension(u8 next) {
  return next == 0 || next == 43 || next == 44 || next == 51 || next == 60;
}

void walk_ipv6(Reader& reader, Findings& found) {
  if (!reader.has(40) || (reader.byte(0) >> 4 == 6 && !reader.has(40u + reader.half(4)))) {
    found.broken = "truncated";
    return;
  }
  if (reader.byte(0) >> 4 != 6) {
    found.broken = "malformed";
    return;
  }
  u8 next = reader.byte(6);
  reader.skip(40);
  for (bool first = true; is_extension(next); first = false) {
    if (next == 0 && !first) found.broken = "malformed";
    const bool whole = reader.has(8);
    const std::size_t length = whole ? *extension_length(reader, next) : 0;
    if (!whole || !reader.has(length)) {
      found.broken = "truncated";
      return;
    }
    found.extended = true;
    const bool fragment = next == 44;
    const u16 place = reader.half(2);
    next = reader.byte(0);
    reader.skip(length);
    if (fragment && (place & 0xfff9) != 0) {  // an atomic fragment (RFC 6946) is none
      found.fragment = true;
      break;
    }
  }
  found.transport = next;
}

Findings walk(std::span<const u8> frame) {
  Reader reader(frame);
  Findings found;
  if (!reader.has(14)) {
    found.broken = "truncated";
    return found;
  }
  found.protocol = reader.half(12);
  reader.skip(14);
  while (found.protocol == kVlan || found.protocol == kServiceVlan) {
    if (!reader.has(4)) {
      found.broken = "truncated";
      return found;
    }
    found.protocol = reader.half(2);
    ++found.tags;
    reader.skip(4);
  }
  if (found.protocol == kIpv4) walk_ipv4(reader, found);
  if (found.protocol == kIpv6) walk_ipv6(reader, found);
  const bool has_transport = found.broken == nullptr && !found.fragment;
  if (has_transport && !reader.has(least_header(found.transport))) found.broken = "truncated";
  return found;
}

std::string transport_name(u8 transport) {
  switch (transport) {
    case 1: return "ICMP";
    case 6: return "TCP";
    case 17: return "UDP";
    case 50: return "ESP";
    case 58: return "ICMPv6";
    default: return "other";
  }
}

std::string network_name(const Findings& found) {
  switch (found.protocol) {
    case kIpv4: return "IPv4";
    case kIpv6: return "IPv6";
    case 0x0806: return "ARP";
    default: return "other";
  }
}

}  // namespace

std::string packet_class(std::span<const u8> frame) {
  const Findings found = walk(frame);
  if (found.broken != nullptr) return found.broken;
  const std::string network = network_name(found);
  if (found.tags != 0)
    return fmt::format("{} {}",
                       found.tags == 1   ? "VLAN"
                       : found.tags == 2 ? "QinQ"
                                         : "VLAN x3+",
                       network);
  if (found.protocol != kIpv4 && found.protocol != kIpv6) return network;
  if (found.fragment) return network + " fragment";
  if (found.extended) return network + (found.protocol == kIpv4 ? " options" : " extensions");
  return network + " " + transport_name(found.transport);
}

}  // namespace skep
