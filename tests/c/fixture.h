// What the tests of the C interface share: a vm with helpers and a program type of the host's, and
// the programs of host.bpf.c on it.
#pragma once

#include <gtest/gtest.h>

#include <skep.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace skep::test {

inline std::vector<unsigned char> object_bytes() {
  std::ifstream file(SKEP_OBJECT_DIR "/host.bpf.o", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class Handle>
std::string text_of(size_t (*copy)(const Handle*, char*, size_t), const Handle* handle) {
  std::string text(copy(handle, nullptr, 0), 0);
  copy(handle, text.data(), text.size() + 1);
  return text;
}

struct Request {
  uint16_t kind = 258;
  uint64_t cost = 10;
  uint32_t user = 1000;
};

inline uint64_t sum(void*, skep_call*, const uint64_t args[5]) {
  uint64_t total = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(args[0]);
  for (uint64_t i = 0; i < args[1]; ++i) total += bytes[i];
  return total;
}
inline uint64_t refuse(void* user, skep_call* call, const uint64_t[5]) {
  skep_call_fail(call, static_cast<const char*>(user));
  return 1;
}
inline uint64_t twice(void*, skep_call* call, const uint64_t args[5]) {
  uint64_t r0 = 0;
  for (uint64_t i = 1; i <= 2; ++i) {
    const uint64_t with[5] = {i, args[1], 0, 0, 0};
    if (skep_call_invoke(call, args[0], with, &r0) != SKEP_OK) return 0;
  }
  ++*static_cast<int*>(skep_call_user(call));
  return r0;
}
// The host can't give a value's address, so this one gives none.
inline uint64_t peek(void*, skep_call* call, const uint64_t args[5]) {
  const uint64_t value = 90 + skep_call_cpu(call);
  skep_map* map = skep_call_map(call, args[0]);
  skep_map_update(map, reinterpret_cast<const void*>(args[1]), 4, &value, sizeof value, 0);
  return 0;
}

class CInterface : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override { end(); }

  void start(skep_vm_options with) {
    end();
    with.sz = sizeof with;
    with.log_user = this;
    with.log = [](void* self, int level, const char* text) {
      static_cast<CInterface*>(self)->logged.push_back(std::to_string(level) + text);
    };
    ASSERT_EQ(skep_vm_new(&with, &vm), SKEP_OK);
    add_rows();
  }
  void end() {
    skep_object_close(object);
    skep_frame_free(frame);
    skep_env_free(env);
    skep_vm_free(vm);
    vm = nullptr;
    object = nullptr;
    frame = nullptr;
    env = nullptr;
  }

  void add(skep_helper helper) {
    helper.sz = sizeof helper;
    ASSERT_EQ(skep_vm_add_helper(vm, &helper), SKEP_OK) << text_of(skep_vm_message, vm);
  }
  void add_rows() {
    skep_helper helper{};
    helper.id = 0x10000;
    helper.name = "host_sum";
    helper.args[0].kind = SKEP_ARG_MEM;
    helper.args[1].kind = SKEP_ARG_SIZE;
    helper.call = sum;
    add(helper);
    helper = {};
    helper.id = 0x10001;
    helper.name = "host_refuse";
    helper.args[0].kind = SKEP_ARG_CONTEXT;
    helper.call = refuse;
    helper.user = const_cast<char*>("not today");
    add(helper);
    helper = {};
    helper.id = 0x10002;
    helper.name = "host_twice";
    helper.flags = SKEP_HELPER_MAY_CALL;
    helper.args[0].kind = SKEP_ARG_FUNCTION;
    helper.args[1].kind = SKEP_ARG_STACK_OR_NULL;
    helper.call = twice;
    add(helper);
    helper = {};
    helper.id = 0x10003;
    helper.name = "host_peek";
    helper.returns = SKEP_RETURNS_MAP_VALUE_OR_NULL;
    helper.args[0].kind = SKEP_ARG_MAP;
    helper.args[1].kind = SKEP_ARG_MAP_KEY;
    helper.call = peek;
    add(helper);

    const skep_field fields[] = {
        {"kind", 0, 4, 0, SKEP_FIELD_SCALAR, SKEP_WIDTH_WHOLE, 0, offsetof(Request, kind), 2},
        {"user", 4, 4, 0, SKEP_FIELD_SCALAR, SKEP_WIDTH_WHOLE, 0, offsetof(Request, user), 0},
        {"cost", 8, 8, 0, SKEP_FIELD_SCALAR, SKEP_WIDTH_WHOLE, 1, offsetof(Request, cost), 0}};
    skep_program_type type{};
    type.sz = sizeof type;
    type.name = "hook";
    type.context = SKEP_CONTEXT_FIELDS;
    type.size = 16;
    type.fields = fields;
    type.field_count = 3;
    ASSERT_EQ(skep_vm_add_program_type(vm, &type), SKEP_OK) << text_of(skep_vm_message, vm);
  }

  void load(uint32_t mode = SKEP_MODE_CHECKED) {
    const auto bytes = object_bytes();
    ASSERT_EQ(skep_object_open(vm, bytes.data(), bytes.size(), nullptr, &object), SKEP_OK)
        << text_of(skep_vm_message, vm);
    const skep_load_options with = {sizeof with, mode};
    ASSERT_EQ(skep_object_load(object, &with), SKEP_OK) << text_of(skep_object_message, object);
  }
  void frame_for(const char* type) {
    skep_frame_free(frame);
    frame = nullptr;
    ASSERT_EQ(skep_frame_new(vm, type, &frame), SKEP_OK) << text_of(skep_vm_message, vm);
  }
  // With one packet of these bytes, for types that have packets.
  skep_result run(const char* program, std::vector<unsigned char> packet = {7, 1, 2}) {
    skep_program* found = skep_object_find_program(object, program);
    EXPECT_NE(found, nullptr) << program;
    frame_for(skep_program_type_name(found));
    if (!packet.empty()) {
      EXPECT_EQ(skep_frame_set_packet(frame, packet.data(), packet.size()), SKEP_OK);
    }
    return run_again(found);
  }
  skep_result run_again(skep_program* program) {
    skep_result result{};
    result.sz = sizeof result;
    EXPECT_EQ(skep_program_run(program, frame, &options, &result), result.code);
    return result;
  }
  uint64_t count_of(skep_map* map, uint32_t key) {
    uint64_t value = 0;
    EXPECT_EQ(skep_map_lookup(map, &key, sizeof key, &value, sizeof value, 0), 0);
    return value;
  }

  skep_vm* vm = nullptr;
  skep_object* object = nullptr;
  skep_frame* frame = nullptr;
  skep_env* env = nullptr;
  skep_run_options options{sizeof options, nullptr, 0, 0, 0, 0};
  std::vector<std::string> logged;
};

}  // namespace skep::test
