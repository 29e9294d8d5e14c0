// Two network namespaces and a pair of devices between them, without any tool: for tests that send
// real packets.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "isa/types.h"

namespace skep::test {

// The far end of the pair, in a namespace of its own.
class Wire {
 public:
  // Sends a frame; 0 or an errno.
  int send(std::span<const u8> frame) const;

 private:
  friend std::string on_a_wire(const std::function<void(const Wire&)>& body);
  int socket_ = -1;
};

inline constexpr const char* kNearDevice = "skepnear";

// Runs `body` in a thread in a network and a mount namespace of its own, which has a device
// kNearDevice, up, to which the wire leads. Nothing else sends on it. The skip reason if that is
// not allowed or not possible here, else "".
std::string on_a_wire(const std::function<void(const Wire&)>& body);

}  // namespace skep::test
