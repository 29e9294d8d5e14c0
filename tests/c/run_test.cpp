// Runs through the C interface: packets, contexts, helpers of the host, faults, threads.
#include "tests/c/fixture.h"

#include <thread>

namespace skep::test {
namespace {

TEST_F(CInterface, RunsPacketsAndKeepsCounts) {
  load();
  for (int i = 0; i < 3; ++i) {
    const skep_result result = run("packets");
    EXPECT_EQ(result.code, SKEP_OK) << result.message;
    EXPECT_EQ(result.r0, 2u);
    EXPECT_GT(result.insns, 10u);
    EXPECT_STREQ(result.message, "");
  }
  EXPECT_EQ(count_of(skep_object_find_map(object, "counts"), 3), 3u);
  const void* bytes = nullptr;
  size_t size = 0;
  EXPECT_EQ(skep_frame_packet(frame, &bytes, &size), SKEP_OK);
  EXPECT_EQ(std::string(static_cast<const char*>(bytes), size), "\x07\x01\x02");
  std::vector<size_t> sizes;
  const auto note = [](void* user, const void*, size_t bytes_of) {
    static_cast<std::vector<size_t>*>(user)->push_back(bytes_of);
  };
  EXPECT_EQ(skep_map_consume(skep_object_find_map(object, "events"), note, &sizes), 3u);
  EXPECT_EQ(sizes, (std::vector<size_t>{4, 4, 4}));
  EXPECT_EQ(run("packets", {}).code, SKEP_E_USAGE) << "no packet";
}

TEST_F(CInterface, PerCpuValuesAreThoseOfTheRunsCpu) {
  skep_vm_options of{};
  of.cpus = 3;
  start(of);
  load();
  options.on_cpu = 1;
  options.cpu = 2;
  EXPECT_EQ(run("packets").code, SKEP_OK);
  skep_map* map = skep_object_find_map(object, "per_cpu");
  skep_map_info info{};
  info.sz = sizeof info;
  EXPECT_EQ(skep_map_get_info(map, &info), SKEP_OK);
  ASSERT_EQ(info.host_value_size, 24u);
  uint64_t values[3] = {};
  const uint32_t key = 0;
  EXPECT_EQ(skep_map_lookup(map, &key, sizeof key, values, sizeof values, 0), 0);
  EXPECT_EQ(values[0], 0u);
  EXPECT_EQ(values[2], 1u);
  options.cpu = 3;
  EXPECT_EQ(run("packets").code, SKEP_E_USAGE);
}

TEST_F(CInterface, HostsHelpersAndTypesRun) {
  load();
  for (const uint32_t mode : {SKEP_MODE_CHECKED, SKEP_MODE_TRUSTED}) {
    skep_object_close(object);
    object = nullptr;
    load(mode);
    Request request;
    frame_for("hook");
    skep_program* program = skep_object_find_program(object, "on_request");
    EXPECT_EQ(run_again(program).code, SKEP_E_USAGE) << "no structure yet";
    EXPECT_EQ(skep_frame_set_field(frame, "kind", 1), SKEP_E_USAGE);
    EXPECT_EQ(skep_frame_set_memory(frame, &request, sizeof request), SKEP_OK);
    const skep_result result = run_again(program);
    EXPECT_EQ(result.r0, 1003u) << result.message;
    EXPECT_EQ(request.cost, 15u);
    EXPECT_EQ(skep_frame_set_field(frame, "kind", 65536), SKEP_E_USAGE);
    EXPECT_EQ(skep_frame_set_field(frame, "kind", 65535), SKEP_OK);
    EXPECT_EQ(request.kind, 65535);
    uint64_t cost = 0;
    EXPECT_EQ(skep_frame_get_field(frame, "cost", &cost), SKEP_OK);
    EXPECT_EQ(cost, 15u);
    request.kind = 0;
    int calls = 0;
    skep_frame_set_user(frame, &calls);
    EXPECT_EQ(run_again(skep_object_find_program(object, "called_back")).code, SKEP_OK);
    EXPECT_EQ(calls, 1);
    EXPECT_GE(count_of(skep_object_find_map(object, "counts"), 1), 90u);
  }
  char text[4096];
  const skep_program* program = skep_object_find_program(object, "on_request");
  EXPECT_GT(skep_program_disassemble(program, text, sizeof text), 10u);
  EXPECT_NE(std::string(text).find("call bpf_host_sum#65536"), std::string::npos) << text;
}

TEST_F(CInterface, FaultsSayWhereAndWhy) {
  load();
  Request request;
  frame_for("hook");
  skep_frame_set_memory(frame, &request, sizeof request);
  skep_result result = run_again(skep_object_find_program(object, "refused"));
  EXPECT_EQ(result.code, SKEP_E_FAULT);
  EXPECT_STREQ(result.fault_name, "host_fault");
  EXPECT_NE(std::string(result.message).find("host_refuse (65537) ended the run: not today"),
            std::string::npos)
      << result.message;
  EXPECT_EQ(
      std::string(result.source_text).find("return host_refuse(request)") == std::string::npos,
      false)
      << result.source_text;
  EXPECT_NE(std::string(result.source_file).find("host.bpf.c"), std::string::npos);
  EXPECT_GT(result.source_line, 10u);
  EXPECT_EQ(text_of(skep_frame_message, frame), result.message);

  result = run("outside");
  EXPECT_EQ(result.code, SKEP_E_FAULT);
  EXPECT_STREQ(result.fault_name, "bad_access");
  EXPECT_EQ(result.fault_size, 4u);
  EXPECT_NE(result.fault_address, 0u);
  options.budget = 1000;
  result = run("forever");
  EXPECT_STREQ(result.fault_name, "budget_spent");
  EXPECT_LE(result.insns, 1000u);
  result = run("packets");
  EXPECT_EQ(result.code, SKEP_OK) << "the budget is for each run";
}

TEST_F(CInterface, ProgramsStayWhileASlotNamesThem) {
  load();
  skep_map* next = skep_object_find_map(object, "next");
  EXPECT_EQ(run("jump").r0, 0u);
  EXPECT_EQ(skep_map_set_program(next, 1, skep_object_find_program(object, "landed")), 0);
  EXPECT_EQ(run("jump").r0, 3u);
  const auto bytes = object_bytes();
  skep_object* other = nullptr;
  ASSERT_EQ(skep_object_open(vm, bytes.data(), bytes.size(), nullptr, &other), SKEP_OK);
  EXPECT_EQ(skep_object_reuse_map(other, "next", next), SKEP_OK);
  EXPECT_EQ(skep_object_load(other, nullptr), SKEP_OK);
  skep_object_close(object);
  object = other;
  EXPECT_EQ(run("jump").r0, 3u) << "the program of the closed object";
  EXPECT_EQ(skep_map_set_program(next, 1, nullptr), 0);
  EXPECT_EQ(run("jump").r0, 0u);
  EXPECT_EQ(skep_map_set_program(next, 9, skep_object_find_program(object, "landed")), -E2BIG);
  EXPECT_EQ(skep_map_set_program(next, 0, skep_object_find_program(object, "landed")), 0)
      << "to the end";
}

TEST_F(CInterface, TheWorldIsTheHosts) {
  load();
  std::vector<std::string> lines;
  skep_env_options of{};
  of.sz = sizeof of;
  of.deterministic = 1;
  of.user = &lines;
  of.print = [](void* user, const char* line, size_t length) {
    static_cast<std::vector<std::string>*>(user)->emplace_back(line, length);
  };
  ASSERT_EQ(skep_env_new(vm, &of, &env), SKEP_OK);
  options.env = env;
  skep_program* program = skep_object_find_program(object, "packets");
  frame_for("xdp");
  EXPECT_EQ(skep_frame_set_field(frame, "ingress_ifindex", 4), SKEP_OK);
  const unsigned char packet[] = {9};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(skep_frame_set_packet(frame, packet, sizeof packet), SKEP_OK) << "fields stay";
    EXPECT_EQ(run_again(program).code, SKEP_OK);
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"byte 9 on 4", "byte 9 on 4"}));

  const uint64_t secret = 77;
  uint64_t args[1] = {0xffff888000001000};
  frame_for("raw_tracepoint");
  EXPECT_EQ(skep_frame_set_memory(frame, args, sizeof args), SKEP_OK);
  skep_program* switched = skep_object_find_program(object, "switched");
  EXPECT_EQ(run_again(switched).r0, 1u) << "not mapped";
  EXPECT_EQ(skep_env_map_memory(env, args[0], &secret, sizeof secret, 1), SKEP_OK);
  EXPECT_EQ(run_again(switched).r0, 1u) << "mapped for users only";
  EXPECT_EQ(skep_env_map_memory(env, args[0], &secret, sizeof secret, 0), SKEP_OK);
  EXPECT_EQ(run_again(switched).r0, 77u);
  EXPECT_EQ(skep_env_map_memory(env, ~0ull, &secret, sizeof secret, 0), SKEP_E_USAGE);

  frame_for("kprobe");
  EXPECT_EQ(skep_frame_set_argument(frame, 1, 1234), SKEP_OK);
#if defined(__aarch64__)
  const char* entered = "entered_arm64";
#else
  const char* entered = "entered";
#endif
  EXPECT_EQ(run_again(skep_object_find_program(object, entered)).r0, 1234u);
  EXPECT_EQ(skep_frame_set_argument(frame, 8, 1), SKEP_E_USAGE);
}

TEST_F(CInterface, ThreadsRunOneProgramAtOnce) {
  skep_vm_options of{};
  of.cpus = 4;
  start(of);
  load();
  skep_program* program = skep_object_find_program(object, "packets");
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      skep_frame* mine = nullptr;
      if (skep_frame_new(vm, "xdp", &mine) != SKEP_OK) ++failed;
      const unsigned char packet[] = {2};
      for (int round = 0; round < 200; ++round) {
        if (skep_frame_set_packet(mine, packet, sizeof packet) != SKEP_OK) ++failed;
        if (skep_program_run(program, mine, nullptr, nullptr) != SKEP_OK) ++failed;
      }
      skep_frame_free(mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(count_of(skep_object_find_map(object, "counts"), 2), 800u);
  uint64_t values[4] = {};
  const uint32_t key = 0;
  EXPECT_EQ(
      skep_map_lookup(skep_object_find_map(object, "per_cpu"), &key, 4, values, sizeof values, 0),
      0);
  EXPECT_EQ(values[0] + values[1] + values[2] + values[3], 800u) << "no two runs on one CPU";
}

TEST_F(CInterface, MoreRunsThanCpusAreBusy) {
  skep_vm_options of{};
  of.cpus = 1;
  start(of);
  struct Inner {
    skep_vm*& vm;
    skep_object*& object;
    int code = 0;
  } inner{vm, object};
  skep_helper helper{};
  helper.id = 0x30000;
  helper.name = "run_another";
  helper.user = &inner;
  helper.call = [](void* user, skep_call*, const uint64_t[5]) -> uint64_t {
    auto& self = *static_cast<Inner*>(user);
    skep_frame* other = nullptr;
    skep_frame_new(self.vm, "hook", &other);
    Request request;
    skep_frame_set_memory(other, &request, sizeof request);
    self.code = skep_program_run(skep_object_find_program(self.object, "on_request"), other,
                                 nullptr, nullptr);
    skep_frame_free(other);
    return 0;
  };
  // In the place of host_sum, in a vm of its own.
  helper.id = 0x10000;
  helper.name = "host_sum";
  helper.sz = sizeof helper;
  skep_vm_free(vm);
  vm = nullptr;
  of.sz = sizeof of;
  ASSERT_EQ(skep_vm_new(&of, &vm), SKEP_OK);
  ASSERT_EQ(skep_vm_add_helper(vm, &helper), SKEP_OK);
  skep_program_type type{};
  type.sz = sizeof type;
  type.name = "hook";
  type.context = SKEP_CONTEXT_FLAT;
  type.size = sizeof(Request);
  type.writable = 1;
  ASSERT_EQ(skep_vm_add_program_type(vm, &type), SKEP_OK);
  load();
  Request request;
  frame_for("hook");
  skep_frame_set_memory(frame, &request, sizeof request);
  EXPECT_EQ(run_again(skep_object_find_program(object, "on_request")).code, SKEP_OK);
  EXPECT_EQ(inner.code, SKEP_E_BUSY);
}

}  // namespace
}  // namespace skep::test
