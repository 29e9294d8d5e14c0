// The benchmark programs in each mode of the interpreter: the result that programs.def says, and as
// many insns in one mode as in the other. With less memory than they need they do nothing.
#include <gtest/gtest.h>

#include <set>

#include "tools/bench/input.h"

namespace skep {
namespace {

using bench::Entry;

template <Mode mode>
std::unique_ptr<Backend> make(const EngineOptions&) {
  return make_interpreter({.mode = mode});
}
constexpr Engine kModes[] = {
    {"checked", "", true, true, make<Mode::Checked>},
    {"trusted", "", true, true, make<Mode::Trusted>},
    {"proved", "", true, true, make<Mode::Proved>},
};

std::vector<Entry> entries() {
  bench::Arguments arguments;
  arguments.program.path = SKEP_BINARY_DIR "/bpf/programs";
  return bench::read_entries(arguments);
}

RunResult run(const Entry& entry, const Engine& engine, std::size_t size) {
  const auto session = bench::open_session(entry, engine);
  bench::Memory memory(std::span(entry.data).first(size));
  Frame frame;
  frame.type = entry.image->type;
  PacketBuffer packet;
  if (has_packet(frame.type)) {
    packet = must(PacketBuffer::make(memory.reset(), frame.type));
    frame.packet = packet.packet();
  } else {
    const auto bytes = memory.reset();
    frame.memory = bytes.data();
    frame.size = bytes.size();
  }
  return session->loaded->run(frame, {.env = &session->env});
}

TEST(Programs, GiveTheirResultInEveryMode) {
  for (const Entry& entry : entries()) {
    std::set<u64> insns;
    for (const Engine& engine : kModes) {
      const RunResult result = run(entry, engine, entry.data.size());
      EXPECT_TRUE(result.ok()) << entry.name << ", " << engine.name << ": " << result.message;
      EXPECT_EQ(result.r0, entry.r0) << entry.name << ", " << engine.name;
      insns.insert(result.insns);
    }
    EXPECT_EQ(insns.size(), 1u) << entry.name << ": modes count differently";
  }
}

TEST(Programs, DoNothingWithShortMemory) {
  u32 tried = 0;
  for (const Entry& entry : entries()) {
    if (entry.image->type != ProgramType::raw || entry.data.empty()) continue;
    const RunResult result = run(entry, kModes[0], entry.data.size() - 1);
    EXPECT_TRUE(result.ok()) << entry.name << ": " << result.message;
    EXPECT_EQ(result.r0, 0u) << entry.name;
    ++tried;
  }
  EXPECT_GE(tried, 28u);
}

}  // namespace
}  // namespace skep
