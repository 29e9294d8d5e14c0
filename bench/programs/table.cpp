// The rows of programs.def, as the benchmarks and their test read them.

#include "bench/programs/table.h"

#include <algorithm>
#include <cstring>

#define PROGRAM(name, ...) extern "C" skep::u64 native_##name(skep::u8* memory, skep::u64 length);
#include "bench/programs/programs.def"

namespace skep {
namespace {

constexpr BenchProgram kPrograms[] = {
#define PROGRAM(name, group, size, input, expected) \
  {#name, group, size, BenchInput::input, expected, native_##name},
#include "bench/programs/programs.def"
};

// Marsaglia's xorshift64.
void fill_random(std::span<u8> memory) {
  u64 state = 0x9e3779b97f4a7c15;
  for (u8& byte : memory) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<u8>(state >> 32);
  }
}

void repeat_half(std::span<u8> memory) {
  const std::size_t half = memory.size() / 2;
  std::copy_n(memory.begin(), half, memory.begin() + static_cast<std::ptrdiff_t>(half));
}

// Packets that take different ways: plain and VLAN, options, UDP, ARP, other protocols, ports.
void make_packets(std::span<u8> memory) {
  struct Kind {
    bool vlan;
    u16 ether_type;
    u8 header;  // version and length of IPv4
    u8 protocol;
    u16 port;
  };
  constexpr Kind kKinds[] = {
      {false, 0x0800, 0x45, 6, 443}, {true, 0x0800, 0x45, 6, 80},   {false, 0x0800, 0x45, 17, 53},
      {true, 0x0800, 0x48, 6, 22},   {false, 0x0800, 0x46, 17, 67}, {true, 0x0800, 0x45, 1, 0},
      {false, 0x0806, 0x45, 6, 0},   {true, 0x0800, 0x45, 6, 8080},
  };
  for (std::size_t i = 0; i < std::size(kKinds); ++i) {
    const Kind& kind = kKinds[i];
    const std::span<u8> packet = memory.subspan(i * 128, 128);
    const auto put16 = [&](std::size_t at, u16 value) {
      packet[at] = static_cast<u8>(value >> 8);
      packet[at + 1] = static_cast<u8>(value);
    };
    const std::size_t ip = kind.vlan ? 18 : 14;
    if (kind.vlan) put16(12, 0x8100);
    put16(ip - 2, kind.ether_type);
    packet[ip] = kind.header;
    put16(ip + 6, 0);
    packet[ip + 9] = kind.protocol;
    const std::size_t transport = ip + (kind.header & 15u) * 4;
    put16(transport + 2, kind.port);
    packet[transport + 13] = 0x10;
  }
}

// Rules of {address, mask, first port, last port, verdict}: one in four matches the address, but
// only the last one the port.
void make_rules(std::span<u8> memory) {
  u32 address = 0;
  std::memcpy(&address, memory.data(), sizeof address);
  constexpr u32 kRules = 32;
  for (u32 i = 0; i < kRules; ++i) {
    const bool last = i == kRules - 1;
    const u32 mask = 0xffffffffu << i % 24;
    const u32 other = last || i % 4 == 3 ? 0 : 0x80000000u;
    const u32 words[2] = {(address & mask) ^ other, mask};
    const u16 ports[2] = {static_cast<u16>(last ? 0 : 1), static_cast<u16>(last ? 0xffff : 0)};
    u8* rule = memory.data() + 8 + i * 16;
    std::memcpy(rule, words, sizeof words);
    std::memcpy(rule + 8, ports, sizeof ports);
  }
}

void make_text(std::span<u8> memory) {
  for (u8& byte : memory) byte = static_cast<u8>('a' + byte % 26);
  memory[memory.size() / 2 - 1] = 0;
}

}  // namespace

std::span<const BenchProgram> bench_programs() {
  return kPrograms;
}

void fill(const BenchProgram& program, std::span<u8> memory) {
  fill_random(memory);
  switch (program.input) {
    case BenchInput::Random: break;
    case BenchInput::Halves: repeat_half(memory); break;
    case BenchInput::Text:
      make_text(memory);
      repeat_half(memory);
      break;
    case BenchInput::Packets: make_packets(memory); break;
    case BenchInput::Rules: make_rules(memory); break;
  }
}

}  // namespace skep
