// A run on a packet of 64 zeros, for tests that care for the program and not for what it reads.
#pragma once

#include <gtest/gtest.h>

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "vm/backend.h"

namespace skep::test {

// `out`, if given, is the packet after the run, and `room` keeps its bytes.
inline RunResult run_on_zeros(Loaded& program, ProgramType type, u32 repeat = 1,
                              PacketBuffer* room = nullptr, Packet* out = nullptr) {
  const u8 bytes[64] = {};
  auto buffer = PacketBuffer::make(bytes, type);
  EXPECT_TRUE(buffer);
  Frame frame{.type = type, .packet = buffer->packet()};
  Env env = Env::deterministic(1);
  const RunResult result = program.run(frame, {.env = &env, .repeat = repeat});
  if (out != nullptr) *out = frame.packet;
  if (room != nullptr) *room = std::move(*buffer);
  return result;
}

}  // namespace skep::test
