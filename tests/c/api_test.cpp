// The C interface as an embedder uses it: objects, maps, errors on handles, options of other
// versions, the host's memory. tests/outside/ builds C programs against it.
#include "tests/c/fixture.h"

#include <set>
#include <utility>

namespace skep::test {
namespace {

TEST_F(CInterface, SaysItsVersionAndCodes) {
  EXPECT_EQ(std::string(skep_version()), std::to_string(SKEP_VERSION_MAJOR) + "." +
                                             std::to_string(SKEP_VERSION_MINOR) + "." +
                                             std::to_string(SKEP_VERSION_PATCH));
  EXPECT_STREQ(skep_code_name(SKEP_OK), "ok");
  std::set<std::string> names;
  for (int code = SKEP_E_BUSY; code <= SKEP_E_REJECTED; ++code) names.insert(skep_code_name(code));
  EXPECT_EQ(names.size(), 7u);
  EXPECT_STREQ(skep_code_name(SKEP_E_BUSY), "busy");
  for (const int other : {1, -1, SKEP_E_BUSY - 1, INT32_MIN})
    EXPECT_STREQ(skep_code_name(other), "");
}

TEST_F(CInterface, ListsProgramsAndMaps) {
  load();
  const std::string expected[] = {"packets xdp xdp", "on_request hook/first hook",
                                  "refused hook/second hook", "called_back hook/third hook"};
  for (size_t i = 0; i < std::size(expected); ++i) {
    bool found = false;
    for (size_t at = 0; at < skep_object_program_count(object); ++at) {
      const skep_program* program = skep_object_program_at(object, at);
      found |= expected[i] == std::string(skep_program_name(program)) + " " +
                                  skep_program_section(program) + " " +
                                  skep_program_type_name(program);
      EXPECT_EQ(skep_program_status(program), SKEP_OK);
      EXPECT_GT(skep_program_insn_count(program), 0u);
    }
    EXPECT_TRUE(found) << expected[i];
  }
  EXPECT_EQ(skep_object_program_at(object, skep_object_program_count(object)), nullptr);
  EXPECT_STREQ(skep_program_attach_to(skep_object_find_program(object, "entered")), "do_something");
  std::set<std::string> maps;
  for (size_t i = 0; i < skep_object_map_count(object); ++i) {
    skep_map_info info{};
    info.sz = sizeof info;
    EXPECT_EQ(skep_object_map_info(object, i, &info), SKEP_OK);
    maps.insert(info.name);
    skep_map_info alive{};
    alive.sz = sizeof alive;
    EXPECT_EQ(skep_map_get_info(skep_object_map_at(object, i), &alive), SKEP_OK);
    EXPECT_STREQ(alive.name, info.name);
    EXPECT_EQ(alive.max_entries, info.max_entries);
  }
  for (const char* name : {"counts", "per_cpu", "events", "next"})
    EXPECT_EQ(maps.count(name), 1u) << name;
}

TEST_F(CInterface, MapsAnswerAsTheKernels) {
  load();
  skep_map* map = skep_object_find_map(object, "counts");
  uint32_t key = 1;
  uint64_t value = 5;
  EXPECT_EQ(skep_map_update(map, &key, 4, &value, 8, 0), 0);
  EXPECT_EQ(count_of(map, 1), 5u);
  EXPECT_EQ(skep_map_update(map, &key, 4, &value, 8, 1), -EEXIST);
  EXPECT_EQ(skep_map_delete(map, &key, 4), -EINVAL) << "of an array";
  EXPECT_EQ(skep_map_update(map, &key, 3, &value, 8, 0), -EINVAL);
  EXPECT_EQ(skep_map_update(map, &key, 4, &value, 7, 0), -EINVAL);
  EXPECT_EQ(skep_map_lookup(map, &key, 4, nullptr, 8, 0), -EINVAL);
  key = 4;
  EXPECT_EQ(skep_map_lookup(map, &key, 4, &value, 8, 0), -ENOENT);
  uint32_t next = 99;
  EXPECT_EQ(skep_map_next_key(map, nullptr, &next, 4), 0);
  EXPECT_EQ(next, 0u);
  key = 3;
  EXPECT_EQ(skep_map_next_key(map, &key, &next, 4), -ENOENT);

  skep_map_info info{};
  info.sz = sizeof info;
  info.name = "mine";
  info.type = 1;  // BPF_MAP_TYPE_HASH
  info.key_size = 4;
  info.value_size = 8;
  info.max_entries = 1;
  skep_map* made = nullptr;
  ASSERT_EQ(skep_vm_create_map(vm, &info, &made), SKEP_OK);
  EXPECT_EQ(skep_vm_find_map(vm, "mine"), made);
  EXPECT_EQ(skep_map_update(made, &key, 4, &value, 8, 0), 0);
  EXPECT_EQ(skep_map_update(made, &next, 4, &value, 8, 0), -E2BIG);
  EXPECT_EQ(skep_map_delete(made, &key, 4), 0);
  info.max_entries = 0;
  EXPECT_EQ(skep_vm_create_map(vm, &info, &made), SKEP_E_REJECTED);
  EXPECT_NE(text_of(skep_vm_message, vm).find("mine"), std::string::npos);
}

TEST_F(CInterface, MapsHoldValuesWithoutKeysAndMaps) {
  skep_map_info info{};
  info.sz = sizeof info;
  info.name = "queue";
  info.type = 22;  // BPF_MAP_TYPE_QUEUE
  info.value_size = 8;
  info.max_entries = 2;
  skep_map* queue = nullptr;
  ASSERT_EQ(skep_vm_create_map(vm, &info, &queue), SKEP_OK) << text_of(skep_vm_message, vm);
  uint64_t value = 5;
  EXPECT_EQ(skep_map_update(queue, nullptr, 0, &value, 8, 0), 0);
  value = 0;
  EXPECT_EQ(skep_map_lookup(queue, nullptr, 0, &value, 8, 0), 0);
  EXPECT_EQ(skep_map_lookup_and_delete(queue, nullptr, 0, &value, 8, 0), 0);
  EXPECT_EQ(value, 5u);
  EXPECT_EQ(skep_map_lookup_and_delete(queue, nullptr, 0, &value, 8, 0), -ENOENT);
  EXPECT_EQ(skep_map_lookup_and_delete(queue, nullptr, 0, &value, 7, 0), -EINVAL);
  EXPECT_EQ(skep_map_set_inner(queue, nullptr, 0, queue, 0), -EOPNOTSUPP);
  EXPECT_EQ(skep_vm_release_map(vm, queue), SKEP_OK);
  EXPECT_EQ(skep_vm_find_map(vm, "queue"), nullptr);

  load();
  skep_map* counts = skep_object_find_map(object, "counts");
  EXPECT_EQ(skep_vm_release_map(vm, counts), SKEP_OK);
  EXPECT_EQ(skep_vm_find_map(vm, "counts"), nullptr);
  EXPECT_EQ(count_of(counts, 0), 0u) << "the object has it still";
  EXPECT_EQ(skep_vm_release_map(vm, counts), SKEP_E_USAGE);
}

TEST_F(CInterface, ObjectsShareMapsByName) {
  load();
  const auto bytes = object_bytes();
  skep_object* other = nullptr;
  ASSERT_EQ(skep_object_open(vm, bytes.data(), bytes.size(), nullptr, &other), SKEP_OK);
  EXPECT_EQ(skep_object_find_map(other, "counts"), nullptr) << "not loaded yet";
  skep_map* counts = skep_object_find_map(object, "counts");
  EXPECT_EQ(skep_object_reuse_map(other, "nothing", counts), SKEP_E_USAGE);
  EXPECT_EQ(skep_object_reuse_map(other, "counts", nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_object_reuse_map(other, "counts", counts), SKEP_OK);
  EXPECT_EQ(skep_object_load(other, nullptr), SKEP_OK);
  EXPECT_EQ(skep_object_load(other, nullptr), SKEP_E_USAGE);
  EXPECT_NE(text_of(skep_object_message, other).find("already"), std::string::npos);
  EXPECT_EQ(skep_object_find_map(other, "counts"), counts);
  EXPECT_NE(skep_object_find_map(other, "next"), skep_object_find_map(object, "next"));
  EXPECT_EQ(run("packets").code, SKEP_OK);
  skep_object_close(object);
  object = other;
  EXPECT_EQ(run("packets").code, SKEP_OK);
  EXPECT_EQ(count_of(counts, 3), 2u);
}

TEST_F(CInterface, OptionsOfOtherVersionsAreUnderstood) {
  struct {
    skep_run_options known;
    uint64_t later;
  } newer{{sizeof newer, nullptr, 0, 0, 0, 0}, 0};
  load();
  frame_for("xdp");
  const unsigned char packet[] = {1};
  EXPECT_EQ(skep_frame_set_packet(frame, packet, 1), SKEP_OK);
  skep_program* program = skep_object_find_program(object, "landed");
  EXPECT_EQ(skep_program_run(program, frame, &newer.known, nullptr), SKEP_OK);
  newer.later = 1;
  EXPECT_EQ(skep_program_run(program, frame, &newer.known, nullptr), SKEP_E_USAGE);
  EXPECT_NE(text_of(skep_frame_message, frame).find("does not know"), std::string::npos);
  // An older caller: nothing behind its size is read or written.
  skep_run_options older{offsetof(skep_run_options, budget), nullptr, 1, 0, 1, 99};
  EXPECT_EQ(skep_program_run(program, frame, &older, nullptr), SKEP_OK);
  skep_result result{};
  std::memset(&result, 0x5a, sizeof result);
  result.sz = offsetof(skep_result, insns);
  EXPECT_EQ(skep_program_run(program, frame, nullptr, &result), SKEP_OK);
  EXPECT_EQ(result.r0, 3u);
  EXPECT_EQ(result.insns, 0x5a5a5a5a5a5a5a5a);
  older.sz = 0;
  EXPECT_EQ(skep_program_run(program, frame, &older, nullptr), SKEP_E_USAGE);
}

TEST_F(CInterface, ErrorsAreOnTheHandles) {
  skep_object* none = reinterpret_cast<skep_object*>(1);
  EXPECT_EQ(skep_object_open(vm, "nonsense", 8, nullptr, &none), SKEP_E_UNREADABLE);
  EXPECT_EQ(none, nullptr);
  const std::string message = text_of(skep_vm_message, vm);
  EXPECT_NE(message.find("not a BPF object file"), std::string::npos);
  EXPECT_EQ(logged.back(), "0" + message);
  char small[6];
  EXPECT_EQ(skep_vm_message(vm, small, sizeof small), message.size());
  EXPECT_STREQ(small, "not a");
  EXPECT_EQ(skep_frame_new(vm, "nothing", &frame), SKEP_E_UNSUPPORTED);
  EXPECT_EQ(skep_frame_new(vm, "sk_lookup", &frame), SKEP_E_UNSUPPORTED);
  load();
  frame_for("raw");
  EXPECT_EQ(skep_program_run(skep_object_find_program(object, "packets"), frame, nullptr, nullptr),
            SKEP_E_USAGE);
  EXPECT_NE(text_of(skep_frame_message, frame).find("a frame for raw programs"), std::string::npos);
  skep_helper helper{};
  helper.sz = sizeof helper;
  helper.id = 5;
  helper.name = "mine";
  EXPECT_EQ(skep_vm_add_helper(vm, &helper), SKEP_E_USAGE);
  EXPECT_NE(text_of(skep_vm_message, vm).find("no function"), std::string::npos);
  helper.call = sum;
  EXPECT_EQ(skep_vm_add_helper(vm, &helper), SKEP_E_USAGE);
  EXPECT_NE(text_of(skep_vm_message, vm).find("reserved"), std::string::npos);
  helper.id = 0x20000;
  helper.args[0].kind = 1000;
  EXPECT_EQ(skep_vm_add_helper(vm, &helper), SKEP_E_USAGE);
}

TEST(CInterfaceAlone, NullHandlesAreUsage) {
  EXPECT_EQ(skep_vm_new(nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_vm_add_helper(nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_vm_add_program_type(nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_object_open(nullptr, "", 0, nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_object_load(nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_object_program_count(nullptr), 0u);
  EXPECT_EQ(skep_object_find_program(nullptr, "x"), nullptr);
  EXPECT_EQ(skep_program_status(nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_program_run(nullptr, nullptr, nullptr, nullptr), SKEP_E_USAGE);
  EXPECT_STREQ(skep_program_name(nullptr), "");
  EXPECT_EQ(skep_map_lookup(nullptr, "", 0, nullptr, 0, 0), SKEP_E_USAGE);
  EXPECT_EQ(skep_map_consume(nullptr, nullptr, nullptr), 0u);
  EXPECT_EQ(skep_map_set_program(nullptr, 0, nullptr), SKEP_E_USAGE);
  EXPECT_EQ(skep_frame_set_packet(nullptr, "", 0), SKEP_E_USAGE);
  EXPECT_EQ(skep_env_map_memory(nullptr, 0, "", 0, 0), SKEP_E_USAGE);
  EXPECT_EQ(skep_call_map(nullptr, 0), nullptr);
  char text[4] = "xyz";
  EXPECT_EQ(skep_vm_message(nullptr, text, sizeof text), 0u);
  EXPECT_STREQ(text, "");
  skep_vm_free(nullptr);
  skep_object_close(nullptr);
  skep_frame_free(nullptr);
  skep_env_free(nullptr);
}

// Counts what is out, and gives nothing once `left` is used up.
struct Counter {
  std::atomic<long> bytes{0};
  std::atomic<long> calls{0};
  std::atomic<long> left{1000000};
};

skep_vm_options options_with(Counter& counter) {
  skep_vm_options options{};
  options.sz = sizeof options;
  options.cpus = 2;
  options.alloc_user = &counter;
  options.alloc = [](void* user, size_t size) -> void* {
    auto& of = *static_cast<Counter*>(user);
    if (of.left-- <= 0) return nullptr;
    ++of.calls;
    of.bytes += static_cast<long>(size);
    return std::calloc(1, size);
  };
  options.free = [](void* user, void* memory, size_t size) {
    static_cast<Counter*>(user)->bytes -= static_cast<long>(size);
    std::free(memory);
  };
  return options;
}

TEST(CInterfaceAlone, HandlesAndPacketsComeFromTheHostsMemory) {
  Counter counter;
  skep_vm_options options = options_with(counter);
  skep_vm* vm = nullptr;
  const auto give_back = std::exchange(options.free, nullptr);
  EXPECT_EQ(skep_vm_new(&options, &vm), SKEP_E_USAGE) << "both or neither";
  options.free = give_back;
  const auto bytes = object_bytes();
  const std::vector<unsigned char> packet(100000, 1);
  // With each number of allocations that can be had: all of it works, or an error, and nothing
  // leaks.
  for (long have = 0; have <= 5; ++have) {
    counter.left = have;
    skep_object* object = nullptr;
    skep_frame* frame = nullptr;
    skep_env* env = nullptr;
    const int made = skep_vm_new(&options, &vm);
    EXPECT_EQ(made == SKEP_OK, have >= 1);
    if (made != SKEP_OK) continue;
    EXPECT_EQ(skep_object_open(vm, bytes.data(), bytes.size(), nullptr, &object),
              have >= 2 ? SKEP_OK : SKEP_E_INTERNAL);
    EXPECT_EQ(skep_env_new(vm, nullptr, &env), have >= 3 ? SKEP_OK : SKEP_E_INTERNAL);
    EXPECT_EQ(skep_frame_new(vm, "xdp", &frame), have >= 4 ? SKEP_OK : SKEP_E_INTERNAL);
    EXPECT_EQ(skep_frame_set_packet(frame, packet.data(), packet.size()), have >= 5 ? SKEP_OK
                                                                          : have == 4
                                                                              ? SKEP_E_INTERNAL
                                                                              : SKEP_E_USAGE);
    skep_vm_free(vm);  // lives on with the others
    skep_object_close(object);
    skep_frame_free(frame);
    skep_env_free(env);
    EXPECT_EQ(counter.bytes, 0);
  }
  EXPECT_EQ(counter.calls, 15);
}

struct MapCase {
  const char* name;
  uint32_t type, key_size, value_size, entries, flags;
  long bytes;  // of the host's that it takes at least when it is made; 0: it grows
};
constexpr uint32_t kNoPrealloc = 1;
const MapCase kMapCases[] = {
    {"hash", 1, 4, 64, 1000, 0, 64'000},
    {"array", 2, 4, 64, 1000, 0, 64'000},
    {"prog_array", 3, 4, 4, 1000, 0, 8'000},
    {"perf_event_array", 4, 4, 4, 2, 0, 2 * 65'536},
    {"percpu_hash", 5, 4, 64, 1000, 0, 2 * 64'000},
    {"percpu_array", 6, 4, 64, 1000, 0, 2 * 64'000},
    {"stack_trace", 7, 4, 80, 1000, 0, 80'000},
    {"cgroup_array", 8, 4, 4, 1000, 0, 4'000},
    {"lru_hash", 9, 4, 64, 1000, 0, 64'000},
    {"lpm_trie", 11, 8, 64, 1000, kNoPrealloc, 0},
    {"devmap", 14, 4, 4, 1000, 0, 8'000},
    {"queue", 22, 0, 64, 1000, 0, 64'000},
    {"ringbuf", 27, 0, 0, 65'536, 0, 65'536},
    {"bloom_filter", 30, 0, 8, 1000, 0, 500},
    {"growing_hash", 1, 4, 64, 1000, kNoPrealloc, 0},
};

TEST(CInterfaceAlone, WhatMapsHoldComesFromTheHostsMemory) {
  for (const MapCase& of : kMapCases) {
    SCOPED_TRACE(of.name);
    Counter counter;
    const skep_vm_options options = options_with(counter);
    skep_vm* vm = nullptr;
    ASSERT_EQ(skep_vm_new(&options, &vm), SKEP_OK);
    skep_map_info info{sizeof info,   of.name,    of.type,  of.key_size,
                       of.value_size, of.entries, of.flags, 0};
    skep_map* map = nullptr;
    const long before = counter.bytes;
    if (of.bytes != 0) {
      counter.left = 0;
      EXPECT_EQ(skep_vm_create_map(vm, &info, &map), SKEP_E_INTERNAL);
      EXPECT_EQ(counter.bytes, before);
    }
    counter.left = 1000;
    EXPECT_EQ(skep_vm_create_map(vm, &info, &map), SKEP_OK) << text_of(skep_vm_message, vm);
    EXPECT_GE(counter.bytes - before, of.bytes);
    EXPECT_EQ(skep_vm_release_map(vm, map), SKEP_OK);
    EXPECT_EQ(counter.bytes, before);
    skep_vm_free(vm);
    EXPECT_EQ(counter.bytes, 0);
  }
}

TEST(CInterfaceAlone, MapsThatGrowFailWhereTheHostHasNoMemory) {
  Counter counter;
  const skep_vm_options options = options_with(counter);
  skep_vm* vm = nullptr;
  ASSERT_EQ(skep_vm_new(&options, &vm), SKEP_OK);
  const skep_map_info info{sizeof info, "growing", 1, 4, 64, 1'000'000, kNoPrealloc, 0};
  skep_map* map = nullptr;
  ASSERT_EQ(skep_vm_create_map(vm, &info, &map), SKEP_OK);
  counter.left = 3;
  const unsigned char value[64] = {};
  uint32_t key = 0;
  int error = 0;
  while (error == 0 && key < info.max_entries) {
    error = skep_map_update(map, &key, sizeof key, value, sizeof value, 0);
    key += error == 0;
  }
  EXPECT_EQ(error, -ENOMEM);
  EXPECT_GT(key, 100u);
  uint32_t first = 0;
  EXPECT_EQ(skep_map_delete(map, &first, sizeof first), 0);
  EXPECT_EQ(skep_map_update(map, &key, sizeof key, value, sizeof value, 0), 0) << "in its place";
  skep_vm_free(vm);
  EXPECT_EQ(counter.bytes, 0);
}

}  // namespace
}  // namespace skep::test
