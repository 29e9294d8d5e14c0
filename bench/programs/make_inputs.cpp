// Writes what the programs of this folder are run on: for each row of programs.def its input,
// NAME.data, and what its maps hold first, NAME.maps.json; and bench.json, the list that `skep
// bench` reads. Inputs come from a small generator, so that they are the same everywhere. Tested by
// tests/tools/bench_test.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "isa/types.h"

namespace skep {
namespace {

struct Row {
  const char* name;
  const char* group;
  u32 size;
  void (*fill)(std::span<u8> memory);
  std::string (*maps)(std::span<const u8> memory);  // null: none
  u64 expected;
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

// ---- inputs -----------------------------------------------------------------------------------
void Random(std::span<u8> memory) {
  fill_random(memory);
}

// The second half repeats the first.
void Halves(std::span<u8> memory) {
  fill_random(memory);
  repeat_half(memory);
}

// The same with letters and a zero at the end of each half.
void Text(std::span<u8> memory) {
  fill_random(memory);
  make_text(memory);
  repeat_half(memory);
}

// Eight packets in slots of 128 bytes.
void Packets(std::span<u8> memory) {
  fill_random(memory);
  make_packets(memory);
}

// An address, and 32 masked rules of which the last matches.
void Rules(std::span<u8> memory) {
  fill_random(memory);
  make_rules(memory);
}

// One packet: Ethernet, a VLAN tag if there is room for it, IPv4, TCP to port 443.
void Flow(std::span<u8> packet) {
  fill_random(packet);
  constexpr u8 kHead[] = {0x08, 0,  0x45, 0, 0, 60,  0x12, 0x34, 0x40, 0,    64,   6,    0,
                          0,    10, 1,    2, 3, 192, 0,    2,    80,   0x9c, 0x40, 0x01, 0xbb};
  std::ranges::copy(kHead, packet.begin() + 12);
  packet[47] = 0x10;
}

void Tagged(std::span<u8> packet) {
  Flow(packet);
  std::copy_backward(packet.begin() + 12, packet.end() - 4, packet.end());
  constexpr u8 kTag[] = {0x81, 0, 0, 7};
  std::ranges::copy(kTag, packet.begin() + 12);
}

// ---- first contents of maps -------------------------------------------------------------------
template <class T>
T word(std::span<const u8> memory, std::size_t at) {
  T value;
  std::memcpy(&value, memory.data() + at, sizeof value);
  return value;
}

// A map of `count` elements; `element(i)` gives "key", "value".
std::string list(const char* name, u32 count,
                 const std::function<std::pair<std::string, u64>(u32)>& element) {
  std::string text = fmt::format("\"{}\":[", name);
  for (u32 i = 0; i < count; ++i) {
    const auto [key, value] = element(i);
    text += fmt::format("{}{{\"key\":{},\"value\":{}}}", i == 0 ? "" : ",", key, value);
  }
  return text + "]";
}

std::string Array256(std::span<const u8>) {
  return list("marray_table", 256, [](u32 i) { return std::pair(fmt::to_string(i), i * 7 + 1); });
}

// The words that the program looks up, but for each fourth; and as many others.
std::string Words(std::span<const u8> memory) {
  return list("mhash_table", 128, [&](u32 i) {
    const bool there = i < 64 && i % 4 != 3;
    const u32 key = there ? word<u32>(memory, i * 4) : 0x1000 + i;
    return std::pair(fmt::to_string(key), u64{i} + 1);
  });
}

std::string Flows(std::span<const u8> memory) {
  return list("mflow_table", 32, [&](u32 i) {
    const std::size_t at = i * 16;
    return std::pair(
        fmt::format("{{\"source\":{},\"destination\":{},\"ports\":[{},{}],\"protocol\":{}}}",
                    word<u32>(memory, at), word<u32>(memory, at + 4), word<u16>(memory, at + 8),
                    word<u16>(memory, at + 10), word<u32>(memory, at + 12)),
        u64{i} + 1);
  });
}

std::string Elements(std::span<const u8> memory) {
  return list("uhash_table", 16,
              [&](u32 i) { return std::pair(fmt::to_string(word<u32>(memory, i * 8)), u64{i}); });
}

// Two prefixes of each address that is looked up, of different lengths.
std::string routes(const char* name, std::span<const u8> memory, u32 addresses) {
  return list(name, addresses * 2, [&](u32 i) {
    const std::size_t at = (i / 2) * 4;
    const u32 length = i % 2 == 0 ? 8 + i % 16 : 24 + i % 9;
    return std::pair(fmt::format("\"{}.{}.{}.{}/{}\"", memory[at], memory[at + 1], memory[at + 2],
                                 memory[at + 3], length),
                     u64{i} + 1);
  });
}
std::string Routes(std::span<const u8> memory) {
  return routes("lpm_routes", memory, 32);
}
std::string OtherRoutes(std::span<const u8> memory) {
  return routes("ulpm_routes", memory.subspan(64), 16);
}

std::string Services(std::span<const u8> packet) {
  const std::string services = list("balance_services", 4, [&](u32 i) {
    return std::pair(fmt::format("{{\"address\":{},\"port\":{},\"protocol\":6}}",
                                 word<u32>(packet, 30) + i, word<u16>(packet, 36)),
                     u64{i});
  });
  const auto number = [](u32 factor) {
    return [=](u32 i) { return std::pair(fmt::to_string(i), u64{i * factor % 32}); };
  };
  return services + "," + list("balance_ring", 256, number(13)) + "," +
         list("balance_servers", 32,
              [](u32 i) { return std::pair(fmt::to_string(i), u64{0x0a010000} + i); });
}

using Maps = std::string (*)(std::span<const u8>);
constexpr Maps None = nullptr;

constexpr Row kRows[] = {
#define PROGRAM(name, group, size, input, maps, expected) \
  {#name, group, size, input, maps, expected},
#include "bench/programs/programs.def"
};

void write(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) {
    std::fprintf(stderr, "make_inputs: can't write %s\n", path.c_str());
    std::exit(1);
  }
}

// Writes a program's files; gives its entry of the list.
std::string write_program(const std::string& folder, const Row& row) {
  std::vector<u64> words((row.size + 7) / 8);  // aligned, as programs see it
  const std::span memory(reinterpret_cast<u8*>(words.data()), row.size);
  row.fill(memory);
  write(folder + row.name + ".data", {reinterpret_cast<const char*>(memory.data()), row.size});
  std::string entry = fmt::format(
      R"(  {{"name": "{0}", "group": "{1}", "object": "{0}.bpf.o", "program": "{0}", "data": "{0}.data", "r0": {2})",
      row.name, row.group, row.expected);
  if (row.maps != nullptr) {
    write(folder + row.name + ".maps.json", "{" + row.maps(memory) + "}\n");
    entry += fmt::format(R"(, "maps": "{}.maps.json")", row.name);
  }
  return entry + "}";
}

}  // namespace
}  // namespace skep

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_inputs FOLDER\n", stderr);
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  std::string entries;
  for (const skep::Row& row : skep::kRows)
    entries += (entries.empty() ? "" : ",\n") + skep::write_program(folder, row);
  skep::write(folder + "bench.json", "{\"programs\": [\n" + entries + "\n]}\n");
}
