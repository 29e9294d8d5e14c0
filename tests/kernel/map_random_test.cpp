// Random sequences of operations on maps, by host and programs, on skep's maps and on the kernel's:
// each answer, to the errno and the byte, must be the same, and so the contents at the end. The
// programs run on the interpreter and in the kernel; they take their operation's key, value and
// flags from the packet and write what they find into it. Values with a lock are read and changed
// under it; operations on maps of maps are the outer map's for the host, those of what is inside
// for programs; perf events are read after each step.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "kernel/backend.h"
#include "kernel/syscall.h"
#include "tests/support/btf_builder.h"
#include "tests/support/image.h"
#include "tests/support/map_specs.h"
#include "vm/vm.h"

namespace skep {
namespace {

constexpr u32 kSteps = 3000;
constexpr u32 kNestedSteps = 900;  // the kernel waits for programs each time that a map is replaced
constexpr u32 kKeyAt = 0, kValueAt = 8, kFlagsAt = 24, kFoundAt = 32, kMoreAt = 48,
              kPacketBytes = 64;
constexpr u32 kValueBytes = 16;  // of all maps here but those that hold numbers of the kernel's
constexpr u32 kInnerMaps = 3;    // and one of another shape
constexpr u64 kRingBytes = 64 * 4096;

// r6: the context; r7: the packet; the key at r10 - 8, the value at r10 - 24, the inner key at
// r10 - 32.
constexpr const char* kBegin = R"(
    r0 = 0
    r6 = r1
    r7 = *(u32 *)(r1 + 0)
    r8 = *(u32 *)(r1 + 4)
    r2 = r7
    r2 += 64
    if r2 > r8 goto out
    r2 = *(u64 *)(r7 + 0)
    *(u64 *)(r10 - 8) = r2
    r2 = *(u64 *)(r7 + 8)
    *(u64 *)(r10 - 24) = r2
    r2 = *(u64 *)(r7 + 16)
    *(u64 *)(r10 - 16) = r2
    r2 = *(u64 *)(r7 + 48)
    *(u64 *)(r10 - 32) = r2
    r1 = map[m]
)";
constexpr const char* kEnd = "out:\n    exit\n";

// What the programs of a kind of map do.
struct Calls {
  const char* before;  // after kBegin, of all three
  const char *look, *put, *take;
};

constexpr const char* kShowWords = R"(
    r1 = *(u64 *)(r0 + 0)
    *(u64 *)(r7 + 32) = r1
    r1 = *(u64 *)(r0 + 8)
    *(u64 *)(r7 + 40) = r1
    r0 = 1
)";
constexpr const char* kShowValue = R"(
    r1 = *(u64 *)(r10 - 24)
    *(u64 *)(r7 + 32) = r1
    r1 = *(u64 *)(r10 - 16)
    *(u64 *)(r7 + 40) = r1
)";
constexpr const char* kUpdate = R"(
    r3 = r10
    r3 += -24
    r4 = *(u64 *)(r7 + 24)
    call map_update_elem
)";
constexpr const char* kPush = "    r3 = *(u64 *)(r7 + 24)\n    call map_push_elem\n";
constexpr const char* kFind = "    call map_lookup_elem\n    if r0 == 0 goto out\n";

constexpr Calls kKeyed{"    r2 = r10\n    r2 += -8\n", kFind, kUpdate,
                       "    call map_delete_elem\n"};
// Under the lock the first word grows by one.
constexpr const char* kUnderLock = R"(
    r6 = r0
    r1 = r0
    r1 += 8
    call spin_lock
    r8 = *(u64 *)(r6 + 0)
    r8 += 1
    *(u64 *)(r6 + 0) = r8
    r9 = *(u32 *)(r6 + 12)
    r1 = r6
    r1 += 8
    call spin_unlock
    *(u64 *)(r7 + 32) = r8
    *(u64 *)(r7 + 40) = r9
    r0 = 1
)";
constexpr const char* kInside = R"(
    r2 = r10
    r2 += -8
    call map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    r2 = r10
    r2 += -32
)";
constexpr Calls kNested{kInside, kFind, kUpdate, "    call map_delete_elem\n"};
constexpr Calls kKeyless{"    r2 = r10\n    r2 += -24\n", "    call map_peek_elem\n", kPush,
                         "    call map_pop_elem\n"};
constexpr const char* kSend = R"(
    r2 = r1
    r1 = r6
    r3 = *(u64 *)(r7 + 24)
    r4 = r10
    r4 += -24
    r5 = *(u64 *)(r7 + 48)
    r5 &= 15
    call perf_event_output
)";

bool is_nested(const MapSpec& spec) {
  return spec.inner != nullptr;
}
bool is_locked(const MapSpec& spec) {
  return !spec.fields.empty();
}

// Look, put, take out.
std::array<std::string, 3> programs_for(const MapSpec& spec) {
  const auto join = [](const Calls& calls, const char* look, const char* take) {
    const std::string before = calls.before;
    return std::array{before + calls.look + look, before + calls.put, before + calls.take + take};
  };
  if (spec.type == MapType::perf_event_array) return {kSend, kSend, kSend};
  if (is_nested(spec)) return join(kNested, kShowWords, "");
  if (is_locked(spec)) return join(kKeyed, kUnderLock, "");
  if (spec.key_size != 0) return join(kKeyed, kShowWords, "");
  auto programs = join(kKeyless, kShowValue, kShowValue);
  if (spec.type == MapType::bloom_filter) programs[2] = programs[0];  // nothing is taken out
  return programs;
}
constexpr const char* kPrograms[] = {"look", "put", "take"};

// The type of values with a lock, in an object's BTF.
struct LockedType {
  u32 key = 0, value = 0;
  std::shared_ptr<const Btf> btf;
};
LockedType locked_type() {
  test::BtfBuilder builder;
  LockedType type;
  type.key = builder.integer("int", 4, test::BtfBuilder::kSigned);
  const u32 two = builder.integer("long long", 8, test::BtfBuilder::kSigned);
  const u32 lock = builder.structure("bpf_spin_lock", 4, {{"val", type.key, 0}});
  type.value = builder.structure("value", kValueBytes,
                                 {{"first", two, 0}, {"lock", lock, 64}, {"last", type.key, 96}});
  type.btf = builder.share();
  return type;
}

// The map, and what is put into it if it takes maps.
std::vector<MapSpec> maps_for(const MapSpec& spec) {
  std::vector<MapSpec> maps = {spec};
  if (!is_nested(spec)) return maps;
  for (u32 i = 0; i < kInnerMaps; ++i) {
    maps.push_back(*spec.inner);
    maps.back().name = fmt::format("inner{}", i);
  }
  maps.push_back(map_spec(MapType::array, 4, kValueBytes, 5, 0, "other"));
  return maps;
}

std::vector<std::shared_ptr<const Image>> images_for(const MapSpec& spec) {
  std::vector<std::shared_ptr<const Image>> images;
  const auto programs = programs_for(spec);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const std::string text = kBegin + programs[i] + kEnd;
    auto image = std::make_shared<Image>(*test::image_of(text, ProgramType::xdp, maps_for(spec)));
    image->name = kPrograms[i];
    image->license = "GPL";
    if (is_locked(spec)) image->btf = locked_type().btf;
    images.push_back(std::move(image));
  }
  return images;
}

struct Step {
  enum What : u32 { Look, Put, TakeOut, Read, Write, Erase, Take, Next } what;
  u8 key[8] = {};
  u64 value = 0;
  u64 flags = 0;
  u64 more = 0;  // the inner key, or how much is sent
};
constexpr const char* kNames[] = {"look",  "put",   "take out", "read",
                                  "write", "erase", "take",     "next"};

// Engines with their maps and programs.
struct World {
  Vm vm;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Instance> instance;
  Env env = Env::deterministic(1);

  World(u32 cpus, std::unique_ptr<Backend> with) : vm({.cpus = cpus}), backend(std::move(with)) {}
  Map& map() const { return *instance->maps()[0]; }
  bool in_kernel() const { return backend->name() == "kernel"; }

  // The answer as bytes: an error or a result, and what was found.
  std::vector<u8> answer(const Step& step) {
    std::vector<u8> bytes =
        step.what <= Step::TakeOut ? run(kPrograms[step.what], step) : ask_host(step);
    if (map().spec().type != MapType::perf_event_array) return bytes;
    map().consume([&](std::span<const u8> record) {
      bytes.insert(bytes.end(), record.begin(), record.end());
    });
    return bytes;
  }

  // All there is, by key.
  using Elements = std::map<std::vector<u8>, std::vector<u8>>;
  Elements contents(Map& of) {
    Elements all;
    std::vector<u8> key(of.spec().key_size), next(key.size()), value(of.host_value_size());
    int error = of.next_key(nullptr, next.data());
    for (; error == 0; error = of.next_key(key.data(), next.data())) {
      key = next;
      const int unread = of.read(key.data(), value.data());
      EXPECT_TRUE(unread == 0 || is_nested(of.spec())) << unread;
      if (unread == 0) all[key] = shown(of, value);
    }
    return all;
  }
  std::vector<Elements> contents() {
    std::vector<Elements> all;
    for (Map* of : instance->maps()) all.push_back(contents(*of));
    return all;
  }

 private:
  static std::vector<u8> with_result(i32 result, std::vector<u8> bytes) {
    bytes.insert(bytes.begin(), reinterpret_cast<const u8*>(&result),
                 reinterpret_cast<const u8*>(&result) + sizeof result);
    return bytes;
  }

  std::vector<u8> ask_host(const Step& step) {
    const u8* key = map().spec().key_size == 0 ? nullptr : step.key;
    std::vector<u8> value = host_value(step);
    int error = 0;
    switch (step.what) {
      case Step::Read: error = map().read(key, value.data(), step.flags); break;
      case Step::Take: error = map().read_and_erase(key, value.data(), step.flags); break;
      case Step::Erase: error = map().erase(key); break;
      case Step::Write: error = map().write(key, value.data(), step.flags); break;
      default: {
        u8 next[8] = {};
        error = map().next_key(nullptr, next);  // which one comes first is the map's affair
      }
    }
    const bool shows = error == 0 && (step.what == Step::Read || step.what == Step::Take);
    return with_result(error, shows ? shown(map(), value) : std::vector<u8>());
  }

  // What the host writes, or asks a bloom filter for.
  std::vector<u8> host_value(const Step& step) const {
    std::vector<u8> value(map().host_value_size());
    if (is_nested(map().spec()) || value.size() < 8) {
      const u32 number = number_of(step.value);
      std::memcpy(value.data(), &number, sizeof number);
      return value;
    }
    const bool bloom = map().spec().type == MapType::bloom_filter;
    for (u64 at = 0; at < (bloom ? 8 : value.size()); at += 8) {
      const u64 word = step.value + at;
      std::memcpy(&value[at], &word, 8);
    }
    return value;
  }

  // How the host writes the map of that index: by descriptor to the kernel, by id to us. Nobody's
  // if there is none.
  u32 number_of(u64 index) const {
    constexpr u32 kNobody = 9999;
    if (!is_nested(map().spec()) || index + 1 >= instance->maps().size()) return kNobody;
    Map* inner = instance->maps()[index + 1];
    return in_kernel() ? static_cast<u32>(static_cast<KernelMap*>(inner)->fd()) : inner->table_id();
  }

  // What was read; for the id of a map, which one of ours it is.
  std::vector<u8> shown(const Map& of, const std::vector<u8>& value) const {
    if (!is_nested(of.spec())) return value;
    u32 id = 0;
    std::memcpy(&id, value.data(), sizeof id);
    const auto maps = instance->maps();
    for (u8 i = 1; i < maps.size(); ++i) {
      if (id == (in_kernel() ? static_cast<KernelMap*>(maps[i])->id() : maps[i]->table_id()))
        return {i};
    }
    return {};
  }

  std::vector<u8> run(const char* program, const Step& step) {
    u8 packet[kPacketBytes] = {};
    std::memcpy(packet + kKeyAt, step.key, sizeof step.key);
    std::memcpy(packet + kValueAt, &step.value, sizeof step.value);
    std::memcpy(packet + kFlagsAt, &step.flags, sizeof step.flags);
    std::memcpy(packet + kMoreAt, &step.more, sizeof step.more);
    auto buffer = PacketBuffer::make(packet, ProgramType::xdp);
    Frame frame{.type = ProgramType::xdp, .packet = buffer->packet()};
    const RunResult result = instance->find(program)->run(frame, {.env = &env});
    EXPECT_TRUE(result.ok()) << result.message;
    const u8* found = frame.packet.data + kFoundAt;
    return with_result(static_cast<i32>(result.r0), {found, found + kValueBytes});
  }
};

struct Case {
  const char* name;
  MapSpec spec;
  u32 keys;  // keys are below, most of them
};

class Random {
 public:
  explicit Random(u64 seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 + 1) {}
  u32 below(u32 bound) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<u32>(state_ >> 33) % bound;
  }

 private:
  u64 state_;
};

u64 random_flags(const MapSpec& spec, bool writes, Random& random) {
  constexpr u64 kFlags[] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 8, 1ull << 32};
  constexpr u64 kLocked[] = {0, 4, 4, 4, 5, 6, 1, 2, 7, 12};
  constexpr u64 kThisCpu = 0xffff'ffff;
  constexpr u64 kEvents[] = {kThisCpu, kThisCpu, 0, 1, 2, 1000, 1ull << 52 | kThisCpu};
  if (spec.type == MapType::perf_event_array) {
    const u64 appended = random.below(3) == 0 ? random.below(80) : 0;
    return kEvents[random.below(std::size(kEvents))] | appended << 32;
  }
  if (is_locked(spec)) return kLocked[random.below(std::size(kLocked))];
  return writes || random.below(10) == 0 ? kFlags[random.below(std::size(kFlags))] : 0;
}

Step random_step(const Case& of, Random& random) {
  Step step{static_cast<Step::What>(random.below(8))};
  const bool writes = step.what == Step::Write || step.what == Step::Put;
  const bool events = of.spec.type == MapType::perf_event_array;
  step.value = random.below(1 << 20);
  if (of.spec.type == MapType::bloom_filter) step.value %= 64;
  if (is_nested(of.spec)) step.value %= kInnerMaps + 2;
  step.more = random.below(12);
  step.flags = random_flags(of.spec, writes, random);
  u32 number = random.below(of.keys);
  if (events && step.what == Step::Erase) ++number;  // the programs' own ring stays
  if (of.spec.type == MapType::lpm_trie) {
    const u32 length = random.below(34);
    std::memcpy(step.key, &length, 4);
    step.key[4] = static_cast<u8>(number);
    step.key[7] = static_cast<u8>(random.below(2));
  } else {
    std::memcpy(step.key, &number, 4);
  }
  return step;
}

class RandomMaps : public testing::TestWithParam<Case> {};

TEST_P(RandomMaps, AnswerAsTheKernel) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  World kernel(possible_cpus(), make_kernel_backend());
  World ours(possible_cpus(), make_interpreter());
  const auto images = images_for(GetParam().spec);
  for (World* world : {&kernel, &ours}) {
    auto instance = world->vm.load(images, *world->backend);
    ASSERT_TRUE(instance) << instance.error().text;
    world->instance = std::move(*instance);
    for (const InstanceProgram& program : world->instance->programs()) {
      ASSERT_FALSE(program.error) << program.error->text;
    }
  }
  if (GetParam().spec.type == MapType::perf_event_array) {
    const auto opened = static_cast<KernelMap&>(kernel.map()).open_events(kRingBytes);
    if (!opened && opened.error().text.find("CAP_PERFMON") != std::string::npos)
      GTEST_SKIP() << "needs permission: " << opened.error().text;
    ASSERT_TRUE(opened) << opened.error().text;
  }
  Random random(GetParam().keys);
  const u32 steps = is_nested(GetParam().spec) ? kNestedSteps : kSteps;
  for (u32 i = 0; i < steps; ++i) {
    const Step step = random_step(GetParam(), random);
    ASSERT_EQ(ours.answer(step), kernel.answer(step))
        << fmt::format("step {}: {} key {:02x} value {} flags {:#x} more {}", i, kNames[step.what],
                       fmt::join(step.key, " "), step.value, step.flags, step.more);
  }
  const MapSpec& spec = GetParam().spec;
  if (spec.key_size != 0 && spec.type != MapType::perf_event_array) {
    EXPECT_EQ(ours.contents(), kernel.contents());
  }
  RecordProperty("operations", static_cast<int>(steps));
}

std::vector<Case> cases() {
  using enum MapType;
  using namespace map_flags;
  const auto of = [](MapType type, u32 key_size, u32 entries, u32 flags = 0) {
    return map_spec(type, key_size, kValueBytes, entries, flags);
  };
  const auto locked = [&](MapType type, u32 flags = 0) {
    MapSpec spec = of(type, 4, 8, flags);
    const LockedType types = locked_type();
    spec.btf_key = types.key;
    spec.btf_value = types.value;
    spec.fields = {{FieldKind::SpinLock, 8, 4}};
    return spec;
  };
  const auto nested = [&](MapType type, const MapSpec& inner) {
    MapSpec spec = map_spec(type, 4, 4, 4);
    spec.inner = std::make_shared<const MapSpec>(inner);
    return spec;
  };
  return {
      {"array", of(array, 4, 8), 10},
      {"percpu_array", of(percpu_array, 4, 8), 10},
      {"hash", of(hash, 4, 8), 12},
      {"hash_on_demand", of(hash, 4, 8, kNoPrealloc), 12},
      {"percpu_hash", of(percpu_hash, 4, 8), 12},
      {"percpu_hash_on_demand", of(percpu_hash, 4, 8, kNoPrealloc), 12},
      {"lru_hash", of(lru_hash, 4, 8192), 12},
      {"lru_hash_by_cpu", of(lru_hash, 4, 8192, kNoCommonLru), 12},
      {"lru_percpu_hash", of(lru_percpu_hash, 4, 8192), 12},
      {"lpm_trie", of(lpm_trie, 8, 40, kNoPrealloc), 4},
      {"queue", of(queue, 0, 5), 1},
      {"stack", of(stack, 0, 5), 1},
      // So many that none seems to be in that is not.
      {"bloom_filter", of(bloom_filter, 0, 1 << 16), 1},
      {"locked_array", locked(array), 10},
      {"locked_hash", locked(hash), 12},
      {"locked_hash_on_demand", locked(hash, kNoPrealloc), 12},
      {"array_of_hashes", nested(array_of_maps, of(hash, 4, 8)), 6},
      {"hash_of_arrays", nested(hash_of_maps, of(array, 4, 8)), 6},
      {"hash_of_hashes", nested(hash_of_maps, of(hash, 4, 8)), 6},
      {"perf_event_array", map_spec(perf_event_array, 4, 4, 0), 3},
  };
}

INSTANTIATE_TEST_SUITE_P(Types, RandomMaps, testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
