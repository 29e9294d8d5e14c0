// Captures in and out, through libpcap: pcap with microseconds or nanoseconds, and pcapng as far as
// libpcap reads it; Ethernet and raw IP. Failures are of type Failure (tools/output.h).
// Tested by tests/tools/cli_test.cpp.
#pragma once

#include <memory>

#include "tools/io.h"

namespace skep {

struct CapturedPacket {
  u64 nanoseconds = 0;  // since 1970
  u32 length = 0;       // on the wire; `bytes` may be fewer
  Buffer bytes;
};

struct Capture {
  bool raw_ip = false;  // packets begin with an IP header, not with Ethernet
  std::vector<CapturedPacket> packets;
};

Capture read_capture(const std::string& path);

class CaptureWriter {
 public:
  CaptureWriter(const std::string& path, bool raw_ip);
  void write(u64 nanoseconds, std::span<const u8> bytes);
  void close();  // fails if anything could not be written

 private:
  struct Handles;
  struct Free {
    void operator()(Handles* handles) const;
  };
  std::string path_;
  std::unique_ptr<Handles, Free> handles_;
};

// The same packet with an Ethernet header of zero addresses before it, as programs expect one.
Buffer with_ethernet(std::span<const u8> ip_packet);

}  // namespace skep
