// Random sequences of operations on maps, by host and programs, on skep's maps and on the kernel's:
// each answer, to the errno and the byte, must be the same, and so the contents at the end. The
// programs run on the interpreter and in the kernel; they take their operation's key, value and
// flags from the packet and write what they find into it.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "kernel/backend.h"
#include "kernel/syscall.h"
#include "tests/support/image.h"
#include "tests/support/map_specs.h"
#include "vm/vm.h"

namespace skep {
namespace {

constexpr u32 kSteps = 3000;
constexpr u32 kKeyAt = 0, kValueAt = 8, kFlagsAt = 24, kFoundAt = 32, kPacketBytes = 64;
constexpr u32 kValueBytes = 16;  // of all maps here

// r7: the packet; the key at r10 - 8, the value at r10 - 24.
constexpr const char* kBegin = R"(
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
    r1 = map[m]
)";
constexpr const char* kEnd = "out:\n    exit\n";

struct Call {
  const char* name;
  const char* text;
};
constexpr const char* kPassKey = "    r2 = r10\n    r2 += -8\n";
constexpr Call kKeyed[] = {
    {"lookup",
     "    call map_lookup_elem\n    if r0 == 0 goto out\n    r1 = *(u64 *)(r0 + 0)\n"
     "    *(u64 *)(r7 + 32) = r1\n    r1 = *(u64 *)(r0 + 8)\n    *(u64 *)(r7 + 40) = r1\n"
     "    r0 = 1\n"},
    {"update",
     "    r3 = r10\n    r3 += -24\n    r4 = *(u64 *)(r7 + 24)\n    call map_update_elem\n"},
    {"remove", "    call map_delete_elem\n"},
};
constexpr const char* kPassValue = "    r2 = r10\n    r2 += -24\n";
constexpr const char* kShowValue =
    "    r1 = *(u64 *)(r10 - 24)\n    *(u64 *)(r7 + 32) = r1\n    r1 = *(u64 *)(r10 - 16)\n"
    "    *(u64 *)(r7 + 40) = r1\n";
constexpr Call kKeyless[] = {
    {"push", "    r3 = *(u64 *)(r7 + 24)\n    call map_push_elem\n"},
    {"pop", "    call map_pop_elem\n"},
    {"peek", "    call map_peek_elem\n"},
};

bool is_keyless(const MapSpec& spec) {
  return spec.key_size == 0;
}

std::vector<std::shared_ptr<const Image>> images_for(const MapSpec& spec) {
  std::vector<std::shared_ptr<const Image>> images;
  const bool keyless = is_keyless(spec);
  for (const Call& call : keyless ? kKeyless : kKeyed) {
    const bool shows = keyless && std::string_view(call.name) != "push";
    const std::string text =
        fmt::format("    r0 = 0\n{}{}{}{}{}", kBegin, keyless ? kPassValue : kPassKey, call.text,
                    shows ? kShowValue : "", kEnd);
    auto image = std::make_shared<Image>(*test::image_of(text, ProgramType::xdp, {spec}));
    image->name = call.name;
    image->license = "GPL";
    images.push_back(std::move(image));
  }
  return images;
}

struct Step {
  enum What : u32 { Lookup, Update, Remove, Read, Write, Erase, Take, Next } what;
  u8 key[8] = {};
  u64 value = 0;
  u64 flags = 0;
};
constexpr const char* kNames[] = {"lookup", "update", "remove", "read",
                                  "write",  "erase",  "take",   "next"};
constexpr const char* kPrograms[][3] = {{"lookup", "update", "remove"}, {"peek", "push", "pop"}};

// Engines with their maps and programs.
struct World {
  Vm vm;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Instance> instance;
  Env env = Env::deterministic(1);

  World(u32 cpus, std::unique_ptr<Backend> with) : vm({.cpus = cpus}), backend(std::move(with)) {}
  Map& map() const { return *instance->maps()[0]; }

  // The answer as bytes: an error or a result, and what was found.
  std::vector<u8> answer(const Step& step) {
    const bool keyless = is_keyless(map().spec());
    if (step.what <= Step::Remove) return run(kPrograms[keyless][step.what], step);
    const u8* key = keyless ? nullptr : step.key;
    std::vector<u8> value(map().host_value_size());
    int error = 0;
    switch (step.what) {
      case Step::Read: error = map().read(key, value.data(), step.flags); break;
      case Step::Take: error = map().read_and_erase(key, value.data(), step.flags); break;
      case Step::Erase: error = map().erase(key); break;
      case Step::Write:
        for (u64 at = 0; at < value.size(); at += 8) {
          const u64 word = step.value + at;
          std::memcpy(&value[at], &word, 8);
        }
        error = map().write(key, value.data(), step.flags);
        value.clear();
        break;
      default: {
        u8 next[8] = {};
        error = map().next_key(nullptr, next);  // which one comes first is the map's affair
        value.clear();
      }
    }
    return with_result(error, error == 0 ? value : std::vector<u8>());
  }

  // All there is, by key.
  std::map<std::vector<u8>, std::vector<u8>> contents() {
    std::map<std::vector<u8>, std::vector<u8>> all;
    std::vector<u8> key(map().spec().key_size), next(key.size()), value(map().host_value_size());
    int error = map().next_key(nullptr, next.data());
    for (; error == 0; error = map().next_key(key.data(), next.data())) {
      key = next;
      EXPECT_EQ(map().read(key.data(), value.data()), 0);
      all[key] = value;
    }
    return all;
  }

 private:
  static std::vector<u8> with_result(i32 result, std::vector<u8> bytes) {
    bytes.insert(bytes.begin(), reinterpret_cast<const u8*>(&result),
                 reinterpret_cast<const u8*>(&result) + sizeof result);
    return bytes;
  }

  std::vector<u8> run(const char* program, const Step& step) {
    u8 packet[kPacketBytes] = {};
    std::memcpy(packet + kKeyAt, step.key, sizeof step.key);
    std::memcpy(packet + kValueAt, &step.value, sizeof step.value);
    std::memcpy(packet + kFlagsAt, &step.flags, sizeof step.flags);
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

Step random_step(const Case& of, Random& random) {
  constexpr u64 kFlags[] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 8, 1ull << 32};
  Step step{static_cast<Step::What>(random.below(8))};
  const bool writes = step.what == Step::Write || step.what == Step::Update;
  step.value = random.below(1 << 20);
  if (writes || random.below(10) == 0) step.flags = kFlags[random.below(std::size(kFlags))];
  const u32 number = random.below(of.keys);
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
  Random random(GetParam().keys);
  for (u32 i = 0; i < kSteps; ++i) {
    const Step step = random_step(GetParam(), random);
    ASSERT_EQ(ours.answer(step), kernel.answer(step))
        << fmt::format("step {}: {} key {:02x} value {} flags {:#x}", i, kNames[step.what],
                       fmt::join(step.key, " "), step.value, step.flags);
  }
  if (!is_keyless(GetParam().spec)) {
    EXPECT_EQ(ours.contents(), kernel.contents());
  }
  RecordProperty("operations", static_cast<int>(kSteps));
}

std::vector<Case> cases() {
  using enum MapType;
  using namespace map_flags;
  const auto of = [](MapType type, u32 key_size, u32 entries, u32 flags = 0) {
    return map_spec(type, key_size, kValueBytes, entries, flags);
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
  };
}

INSTANTIATE_TEST_SUITE_P(Types, RandomMaps, testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
