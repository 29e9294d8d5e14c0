// Runs programs on one engine and collects what can be compared.

#include "tests/support/agree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "helpers/contexts/access.h"
#include "kernel/map.h"

namespace skep::test {
namespace {

constexpr u64 kEthernetHeader = 14;
constexpr u32 kMuchRoom = 1 << 15;

constexpr u64 kEventRing = 64 * 4096;  // as large as ours (helpers/maps/perf_event_array.cpp)

// How the contents of a map are compared.
enum class Contents {
  Elements,  // each that can be listed and read
  Keys,      // the values are numbers that the kernel gives
  TakenOut,  // by what comes out, in that order
  Records,
  Nothing,
};
Contents contents_of(MapType type) {
  switch (type) {
    case MapType::array_of_maps:
    case MapType::hash_of_maps: return Contents::Keys;  // the inner maps are compared themselves
    case MapType::queue:
    case MapType::stack: return Contents::TakenOut;
    case MapType::ringbuf:
    case MapType::perf_event_array: return Contents::Records;
    case MapType::prog_array:                              // ids
    case MapType::stack_trace: return Contents::Nothing;   // the keys are hashes of addresses
    case MapType::bloom_filter: return Contents::Nothing;  // can't be listed
    default: return Contents::Elements;
  }
}

bool has_packet(ProgramType type) {
  const Context context = find_program_type(type)->context;
  return context == Context::XdpMd || context == Context::SkBuff;
}

bool begins_with_link_header(ProgramType type) {
  return (where::xdp | where::Tc).has(type);
}

// Owns what a Frame refers to.
struct Given {
  Frame frame;
  std::optional<PacketBuffer> buffer;
  std::vector<u8> memory;
};

Status lay_out_packet(const RunInput& input, Given& given) {
  Frame& frame = given.frame;
  std::vector<u8> bytes = input.bytes;
  if (bytes.size() < kEthernetHeader) bytes.resize(kEthernetHeader);
  const bool link_header = begins_with_link_header(frame.type);
  const u32 type = bytes[12] << 8 | bytes[13];  // small ones are lengths: 802.2
  const bool raw = bytes.size() >= 16 && bytes[14] == 0xff && bytes[15] == 0xff;
  const u16 by_length = raw ? 0x0001 : 0x0004;  // 802.3, 802.2
  const u16 protocol = __builtin_bswap16(static_cast<u16>(type < 0x0600 ? by_length : type));
  if (!link_header) {  // all that the kernel is told of it
    std::fill_n(bytes.begin(), 12, u8(0));
    std::memcpy(&bytes[12], &protocol, sizeof protocol);
  }
  // The kernel makes room in an skb as programs ask for it: more than any of them gets.
  given.buffer =
      TRY(frame.type == ProgramType::xdp ? PacketBuffer::make(bytes, frame.type)
                                         : PacketBuffer::make(bytes, kMuchRoom, kMuchRoom));
  frame.packet = given.buffer->packet();
  if (frame.type == ProgramType::xdp) return {};
  SkbFrame& skb = frame.skb;
  if (!link_header) skb.pkt_type = 0;  // for this host: the addresses are zeros
  skb.mac_header = static_cast<u32>(frame.packet.data - frame.packet.room);
  skb.network_header = skb.mac_header + kEthernetHeader;
  skb.protocol = protocol;
  if (!link_header) {
    frame.packet.data += kEthernetHeader;
    frame.packet.meta = frame.packet.data;
  }
  return {};
}

Status lay_out(const RunInput& input, ProgramType type, Given& given) {
  given.frame.type = type;
  if (has_packet(type)) {
    TRY(lay_out_packet(input, given));
  } else {
    given.memory = input.bytes;
    given.frame.memory = given.memory.data();
    given.frame.size = given.memory.size();
  }
  for (const auto& [field, value] : input.fields) TRY(set_field(given.frame, field, value));
  return {};
}

Status put(const RunInput& input, const Instance& instance) {
  for (const auto& [name, key, value] : input.elements) {
    Map* map = instance.map(name);
    const int error = map == nullptr ? kENOENT : map->write(key.data(), value.data(), 0);
    if (error != 0) return fail<Code::bad_frame>("map " + name, fmt::format("errno {}", -error));
  }
  return {};
}

// Opens the rings of perf event arrays, or closes them: ours are open, the kernel's are not.
Status open_rings(const RunInput& input, std::span<Map* const> maps, bool in_kernel) {
  for (Map* map : maps) {
    if (map->spec().type != MapType::perf_event_array) continue;
    const bool unread = std::ranges::find(input.unread, map->spec().name) != input.unread.end();
    if (in_kernel && !unread) TRY(static_cast<KernelMap*>(map)->open_events(kEventRing));
    if (in_kernel || !unread) continue;
    for (u32 i = 0; i < map->spec().max_entries; ++i) map->erase(reinterpret_cast<u8*>(&i));
  }
  return {};
}

void collect_elements(Map& map, bool values, Outcome& outcome) {
  auto& elements = outcome.maps[map.spec().name];
  std::vector<u8> key(map.spec().key_size), next(map.spec().key_size), value(map.host_value_size());
  bool first = true;
  while (map.next_key(first ? nullptr : key.data(), next.data()) == 0) {
    key = next;
    first = false;
    if (map.read(key.data(), value.data()) != 0) continue;
    elements[key] = values ? value : std::vector<u8>();
  }
}

void collect(Map& map, Outcome& outcome) {
  const Contents contents = contents_of(map.spec().type);
  switch (contents) {
    case Contents::Elements:
    case Contents::Keys: return collect_elements(map, contents == Contents::Elements, outcome);
    case Contents::TakenOut: {
      auto& elements = outcome.maps[map.spec().name];
      std::vector<u8> value(map.host_value_size());
      while (map.read_and_erase(nullptr, value.data()) == 0)
        elements[{static_cast<u8>(elements.size())}] = value;
      return;
    }
    case Contents::Records:
      map.consume([&](std::span<const u8> record) {
        outcome.records.emplace_back(record.begin(), record.end());
      });
      return;
    case Contents::Nothing: return;
  }
}

std::string hex(std::span<const u8> bytes) {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::string first_difference(std::span<const u8> a, std::span<const u8> b) {
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  const auto some = [&](std::span<const u8> bytes) {
    return hex(bytes.subspan(at, std::min<std::size_t>(bytes.size() - at, 8)));
  };
  return fmt::format("of {} / {} bytes, from byte {} on {} / {}", a.size(), b.size(), at, some(a),
                     some(b));
}

}  // namespace

std::string Outcome::difference(const Outcome& a, const Outcome& b) {
  if (a.ran != b.ran) return fmt::format("one ended: '{}' / '{}'", a.trouble, b.trouble);
  if (!a.ran) return "";
  if (a.r0 != b.r0) return fmt::format("r0 = {:#x} / {:#x}", a.r0, b.r0);
  if (a.packet != b.packet) return "packet " + first_difference(a.packet, b.packet);
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
        return fmt::format("{}[{}] {}", name, hex(key), first_difference(value, found->second));
    }
    if (elements.size() != other->second.size())
      return fmt::format("map {} has {} / {} elements", name, elements.size(),
                         other->second.size());
  }
  return "";
}

Outcome run_on(Backend& backend, std::span<const std::shared_ptr<const Image>> images,
               const RunInput& input, RunOptions options) {
  Outcome outcome;
  const auto trouble = [&](const Error& error) {
    outcome.trouble = error.text;
    outcome.refused = true;
    return outcome;
  };
  Vm vm({.cpus = std::max(possible_cpus(), options.cpu + 1)});
  auto instance = vm.load(images, backend);
  if (!instance) return trouble(instance.error());
  for (const InstanceProgram& program : (*instance)->programs()) {
    if (program.error) return trouble(*program.error);
  }
  Given given;
  if (auto ok = lay_out(input, images[input.program]->type, given); !ok) return trouble(ok.error());
  if (auto ok = put(input, **instance); !ok) return trouble(ok.error());
  const bool in_kernel = backend.name() == "kernel";
  if (auto ok = open_rings(input, (*instance)->maps(), in_kernel); !ok) return trouble(ok.error());
  Env env = Env::deterministic(1);
  env.cpus = possible_cpus();
  if (options.env == nullptr) options.env = &env;
  const RunResult result = (*instance)->programs()[input.program].loaded->run(given.frame, options);
  outcome.ran = result.ok();
  outcome.trouble = result.message;
  outcome.whole_r0 = result.r0;
  outcome.insns = result.insns;
  outcome.fault = result.fault;
  outcome.r0 = static_cast<u32>(result.r0);  // all that a test run gives
  outcome.packet = std::move(given.memory);
  if (given.buffer) outcome.packet.assign(given.frame.packet.data, given.frame.packet.end);
  for (Map* map : (*instance)->maps()) collect(*map, outcome);
  return outcome;
}

u32 stay_on_one_cpu() {
  const u32 cpu = static_cast<u32>(std::max(sched_getcpu(), 0));
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  return sched_setaffinity(0, sizeof only, &only) == 0 ? cpu : 0;
}

}  // namespace skep::test
