// The maps that generated programs use, and images of their insns.

#include <algorithm>
#include <string_view>

#include "isa/btf.h"
#include "tests/support/btf_builder.h"
#include "tests/support/generator.h"
#include "tests/support/map_specs.h"

namespace skep::test {
namespace {

constexpr u32 kValueSize = kGeneratorValueSize;

// What the read-only map holds: a text to compare with, and formats from 8, 16 and 32 on.
constexpr char kTexts[48] = "skep\0\0\0\0%d %u\0\0\0%lx/%llu %i\0\0\0\0\0%c%%%5lld\0\0\0\0\0\0";

// Types of the values with a lock.
struct ValueTypes {
  u32 key, value;
};
ValueTypes add_value_types(BtfBuilder& builder) {
  const u32 word = builder.integer("int", 4, BtfBuilder::kSigned);
  const u32 two = builder.integer("long long", 8, BtfBuilder::kSigned);
  const u32 lock = builder.structure("bpf_spin_lock", 4, {{"val", word, 0}});
  const u32 value = builder.structure(
      "value", kValueSize,
      {{"first", two, 0}, {"lock", lock, 8 * kLockAt}, {"second", two, 128}, {"third", two, 192}});
  return {word, value};
}

MapSpec with_lock(MapSpec spec) {
  BtfBuilder scratch;  // ids are the same in each image's BTF, where these types come first
  const ValueTypes types = add_value_types(scratch);
  spec.btf_key = types.key;
  spec.btf_value = types.value;
  spec.fields = {{FieldKind::SpinLock, kLockAt, 4}};
  return spec;
}

MapSpec with_inside(MapSpec spec, const MapSpec& inner, std::vector<MapSlot> slots) {
  spec.inner = std::make_shared<const MapSpec>(inner);
  spec.slots = std::move(slots);
  return spec;
}

bool refers_to_map(Op op) {
  return op == Op::LoadMap || op == Op::LoadMapIdx || op == Op::LoadValue || op == Op::LoadValueIdx;
}

// What is in the maps before a run.
constexpr GeneratorElement kElements[] = {
    {kDevices, 0, 1},  // the loopback device
    {kDeviceHash, 0, 1},
    {kCpus, 0, 192},  // a queue of so many
};

// Types for the values, and for the functions: each is `static long f(long, long, long, long,
// long)`.
std::shared_ptr<const Btf> functions_btf(std::span<Subprogram> functions) {
  BtfBuilder builder;
  add_value_types(builder);
  const u32 integer = builder.integer("long", 8, BtfBuilder::kSigned);
  const u32 prototype = builder.raw("", BtfKind::FuncProto, 0, integer);
  for (Subprogram& function : functions) {
    function.btf_type = builder.raw(function.name, BtfKind::Func, 0, prototype);
  }
  auto btf = Btf::parse(builder.bytes());
  return btf ? std::make_shared<const Btf>(std::move(*btf)) : nullptr;
}

}  // namespace

std::vector<MapSpec> generator_maps() {
  using enum MapType;
  std::vector<MapSpec> maps = {
      map_spec(array, 4, kValueSize, 4, 0, "a"),
      map_spec(hash, 4, kValueSize, 3, 0, "h"),
      map_spec(percpu_array, 4, kValueSize, 4, 0, "c"),
      map_spec(lpm_trie, 8, kValueSize, 5, map_flags::kNoPrealloc, "l"),
      map_spec(ringbuf, 0, 0, 4096, 0, "r"),
      map_spec(prog_array, 4, 4, 3, 0, "p"),
      map_spec(array, 4, sizeof(kTexts), 1, map_flags::kRdonlyProg, "t"),
      map_spec(array, 4, kValueSize, 1, 0, "g"),
      map_spec(percpu_hash, 4, kValueSize, 3, 0, "d"),
      map_spec(lru_hash, 4, kValueSize, 1024, 0, "lru"),
      map_spec(lru_percpu_hash, 4, kValueSize, 1024, 0, "lru_percpu"),
      map_spec(queue, 0, kValueSize, 3, 0, "queue"),
      map_spec(stack, 0, kValueSize, 3, 0, "stack"),
      map_spec(bloom_filter, 0, kValueSize, 1024, 0, "bloom"),
      with_lock(map_spec(array, 4, kValueSize, 1, 0, "locked")),
      with_lock(map_spec(hash, 4, kValueSize, 3, 0, "locked_hash")),
      map_spec(array_of_maps, 4, 4, 3, 0, "arrays"),
      map_spec(hash_of_maps, 4, 4, 3, 0, "hashes"),
      map_spec(perf_event_array, 4, 4, 0, 0, "events"),
      map_spec(perf_event_array, 4, 4, 0, 0, "unread"),
      map_spec(stack_trace, 4, 16 * 8, 8, 0, "stacks"),
      map_spec(cgroup_array, 4, 4, 3, 0, "cgroups"),
      map_spec(devmap, 4, 4, 3, 0, "devices"),
      map_spec(devmap_hash, 4, 4, 3, 0, "device_hash"),
      map_spec(cpumap, 4, 4, 3, 0, "cpus"),
      map_spec(xskmap, 4, 4, 3, 0, "sockets"),
  };
  maps[kProgs].slots = {{0, "target", 0}, {2, "generated", 0}};
  maps[kText].initial.assign(std::begin(kTexts), std::end(kTexts));
  maps[kText].frozen = true;
  maps[kArrayOfMaps] =
      with_inside(maps[kArrayOfMaps], maps[kArray], {{0, "", kArray}, {2, "", kArray}});
  maps[kHashOfMaps] = with_inside(maps[kHashOfMaps], maps[kHash], {{0, "", kHash}, {2, "", kHash}});
  return maps;
}

std::span<const GeneratorElement> generator_elements() {
  return kElements;
}

std::vector<std::shared_ptr<const Image>> with_maps_in_use(
    std::span<const std::shared_ptr<const Image>> images) {
  std::vector<MapSpec> maps = *images.front()->maps;
  std::vector<bool> used(maps.size());
  for (const auto& image : images) {
    for (const Decoded& insn : image->program.decoded()) {
      const u32 index = insn.map_index();
      if (!refers_to_map(insn.op) || index >= maps.size()) continue;
      used[index] = true;
      for (const MapSlot& slot : maps[index].slots) {
        if (slot.program.empty()) used[slot.map] = true;
      }
    }
  }
  for (u32 i = 0; i < maps.size(); ++i) {
    if (!used[i]) maps[i] = map_spec(MapType::array, 4, 4, 1, 0, maps[i].name.c_str());
  }
  const auto shared = std::make_shared<const std::vector<MapSpec>>(std::move(maps));
  std::vector<std::shared_ptr<const Image>> out;
  for (const auto& image : images) {
    auto copy = std::make_shared<Image>(*image);
    copy->maps = shared;
    out.push_back(std::move(copy));
  }
  return out;
}

std::vector<u8> generator_user_bytes() {
  constexpr std::string_view kText = "user memory: text with an end";
  std::vector<u8> bytes(4096);
  std::ranges::copy(kText, bytes.begin());
  std::fill_n(bytes.begin() + kText.size() + 1, 40, u8(0xa5));
  return bytes;
}

std::shared_ptr<const Image> with_function_types(const Image& image) {
  const Program& program = image.program;
  std::vector<Subprogram> functions(program.subprograms().begin(), program.subprograms().end());
  auto typed = std::make_shared<Image>(image);
  typed->btf = functions_btf(functions);
  auto again = Program::make({program.insns().begin(), program.insns().end()}, std::move(functions),
                             program.source());
  if (!again) return nullptr;
  typed->program = std::move(*again);
  return typed;
}

std::shared_ptr<const Image> image_of_insns(std::vector<Insn> insns, ProgramType type,
                                            std::string name) {
  auto program = Program::make(std::move(insns));
  if (!program) return nullptr;
  Image image;
  image.name = std::move(name);
  image.section = "generated";
  image.type = type;
  image.license = "GPL";
  image.sleepable = type == ProgramType::syscall;
  image.externs = {{.name = "schedule", .btf_type = 0, .function = true}};
  std::vector<MapSpec> maps = generator_maps();
  if (image.sleepable) maps[kProgs].slots.clear();  // the kernel has no such tail calls
  image.maps = std::make_shared<const std::vector<MapSpec>>(std::move(maps));
  image.program = std::move(*program);
  return with_function_types(image);
}

}  // namespace skep::test
