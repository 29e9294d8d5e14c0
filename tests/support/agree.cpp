// Runs programs on one engine and collects what can be compared.

#include "tests/support/agree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace skep::test {
namespace {

bool keyed(MapType type) {
  return type != MapType::ringbuf && type != MapType::prog_array;
}

bool per_cpu(MapType type) {
  return type == MapType::percpu_array || type == MapType::percpu_hash;
}

// One value of a per-CPU map: that of the CPU that ran. The others are as they were made.
std::vector<u8> value_of_cpu(std::vector<u8> values, u32 value_size) {
  const std::size_t stride = (value_size + 7) / 8 * 8;
  std::vector<u8> out(value_size, 0);
  for (std::size_t at = 0; at + value_size <= values.size(); at += stride) {
    for (u32 i = 0; i < value_size; ++i) out[i] = static_cast<u8>(out[i] | values[at + i]);
  }
  return out;
}

void collect(Map& map, Outcome& outcome) {
  if (map.spec().type == MapType::ringbuf) {
    map.consume([&](std::span<const u8> record) {
      outcome.records.emplace_back(record.begin(), record.end());
    });
    return;
  }
  if (!keyed(map.spec().type)) return;
  auto& elements = outcome.maps[map.spec().name];
  std::vector<u8> key(map.spec().key_size), next(map.spec().key_size), value(map.host_value_size());
  bool first = true;
  while (map.next_key(first ? nullptr : key.data(), next.data()) == 0) {
    key = next;
    first = false;
    if (map.read(key.data(), value.data()) != 0) continue;
    elements[key] = per_cpu(map.spec().type) ? value_of_cpu(value, map.spec().value_size) : value;
  }
}

std::string hex(std::span<const u8> bytes) {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

}  // namespace

std::string Outcome::difference(const Outcome& a, const Outcome& b) {
  if (a.ran != b.ran) return fmt::format("one ended: '{}' / '{}'", a.trouble, b.trouble);
  if (!a.ran) return "";
  if (a.r0 != b.r0) return fmt::format("r0 = {:#x} / {:#x}", a.r0, b.r0);
  if (a.packet != b.packet) return fmt::format("packet {} / {}", hex(a.packet), hex(b.packet));
  if (a.records != b.records)
    return fmt::format("{} / {} records, or their bytes", a.records.size(), b.records.size());
  for (const auto& [name, elements] : a.maps) {
    const auto other = b.maps.find(name);
    if (other == b.maps.end()) return fmt::format("map {} is missing", name);
    for (const auto& [key, value] : elements) {
      const auto found = other->second.find(key);
      if (found == other->second.end())
        return fmt::format("{}[{}] = {} / none", name, hex(key), hex(value));
      if (found->second != value)
        return fmt::format("{}[{}] = {} / {}", name, hex(key), hex(value), hex(found->second));
    }
    if (elements.size() != other->second.size())
      return fmt::format("map {} has {} / {} elements", name, elements.size(),
                         other->second.size());
  }
  return "";
}

Outcome run_on(Backend& backend, std::span<const std::shared_ptr<const Image>> images,
               std::span<const u8> packet, RunOptions options) {
  Outcome outcome;
  Vm vm({.cpus = 1});
  auto instance = vm.load(images, backend);
  if (!instance) {
    outcome.trouble = instance.error().text;
    outcome.refused = true;
    return outcome;
  }
  for (const InstanceProgram& program : (*instance)->programs()) {
    if (!program.error) continue;
    outcome.trouble = program.error->text;
    outcome.refused = true;
    return outcome;
  }
  Frame frame;
  frame.type = images.front()->type;
  auto buffer = PacketBuffer::make(packet, frame.type);
  if (!buffer) {
    outcome.trouble = buffer.error().text;
    return outcome;
  }
  frame.packet = buffer->packet();
  Env env = Env::deterministic(1);
  if (options.env == nullptr) options.env = &env;
  const RunResult result = (*instance)->programs().front().loaded->run(frame, options);
  outcome.ran = result.ok();
  outcome.trouble = result.message;
  outcome.r0 = static_cast<u32>(result.r0);  // all that a test run gives
  outcome.packet.assign(frame.packet.data, frame.packet.end);
  for (Map* map : (*instance)->maps()) collect(*map, outcome);
  return outcome;
}

}  // namespace skep::test
