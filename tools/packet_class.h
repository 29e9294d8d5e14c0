// What sort of packet it is, for reports: "IPv4 TCP", "IPv6 extensions", "VLAN IPv4", "truncated".
// Judged by the headers alone, and by what is most particular: what is broken first, then tags,
// fragments, options, and the transport last. Tested by tests/tools/packet_class_test.cpp.
#pragma once

#include <span>
#include <string>

#include "isa/types.h"

namespace skep {

// Of an Ethernet frame.
std::string packet_class(std::span<const u8> frame);

}  // namespace skep
