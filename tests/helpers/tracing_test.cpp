// What programs ask about the traced function, its task and the kernel's objects; and what they do
// to others, which the host is told.
#include "helpers/spec/image.h"
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Tracing : public test::BodyTest {
 protected:
  Tracing() {
    env.effect = [](void* user, const Effect& effect) {
      static_cast<Tracing*>(static_cast<test::BodyTest*>(user))->effects.push_back(effect);
    };
    enter(ProgramType::tracing, AttachType::trace_fexit);
  }
  void enter(ProgramType type, AttachType attach) {
    frame = {};
    frame.type = type;
    frame.memory = reinterpret_cast<u8*>(words);
    frame.size = sizeof words;
    frame.arguments = 2;
    frame.function = 0xffffffff81000000;
    frame.cookie = 0x1234;
    image.type = type;
    image.attach_type = static_cast<u32>(attach);
    run.image = &image;
    ASSERT_TRUE(prepare(frame, run));
  }

  u64 words[3] = {11, 22, static_cast<u64>(-5)};  // two arguments and the result
  Image image;
  std::vector<Effect> effects;
};

TEST_F(Tracing, ArgumentsAndResults) {
  u64 value = 7;
  const u64 to = lend_all(value), c = run.context;
  EXPECT_EQ(c, reinterpret_cast<u64>(words));
  EXPECT_EQ(call("get_func_arg_cnt", {c}), 2u);
  EXPECT_EQ(call_signed("get_func_arg", {c, 1, to}), 0);
  EXPECT_EQ(value, 22u);
  EXPECT_EQ(call_signed("get_func_arg", {c, 2, to}), kEINVAL);
  EXPECT_EQ(call_signed("get_func_ret", {c, to}), 0);
  EXPECT_EQ(static_cast<i64>(value), -5);
  EXPECT_EQ(call("get_func_ip", {c}), frame.function);
  EXPECT_EQ(call("get_attach_cookie", {c}), 0x1234u);
  enter(ProgramType::tracing, AttachType::trace_fentry);
  EXPECT_EQ(call_signed("get_func_ret", {run.context, to}), kEOPNOTSUPP);
  enter(ProgramType::tracing, AttachType::modify_return);
  EXPECT_EQ(call_signed("get_func_ret", {run.context, to}), 0);
  frame.size = 2 * sizeof(u64);  // the host gave no result
  EXPECT_EQ(call_signed("get_func_ret", {run.context, to}), kEINVAL);
}

TEST_F(Tracing, EffectsAreTold) {
  env.task.tgid = 100;
  EXPECT_EQ(call_signed("send_signal", {9}), 0);
  EXPECT_EQ(call_signed("send_signal_thread", {64}), 0);
  EXPECT_EQ(call_signed("send_signal", {65}), kEINVAL);
  EXPECT_EQ(call_signed("send_signal", {0}), 0);
  env.task.tgid = 1;
  EXPECT_EQ(call_signed("send_signal", {9}), kEPERM);
  enter(ProgramType::kprobe, AttachType::none);
  EXPECT_EQ(call_signed("override_return", {run.context, static_cast<u64>(-12)}), 0);
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_EQ(effects[0].kind, Effect::Kind::Signal);
  EXPECT_EQ(effects[0].value, 9u);
  EXPECT_EQ(effects[1].kind, Effect::Kind::ThreadSignal);
  EXPECT_EQ(effects[2].kind, Effect::Kind::OverrideReturn);
  EXPECT_EQ(static_cast<i64>(effects[2].value), -12);
  PtRegs expected;
  expected.set_result(static_cast<u64>(-12));
  EXPECT_EQ(std::memcmp(&frame.regs.x64, &expected.x64, sizeof expected.x64), 0);
}

TEST_F(Tracing, TheTaskIsInCgroupsAndNamespaces) {
  const u64 path[] = {1, 50, 70};
  struct Ids {
    u32 pid = 7, tgid = 7;
  } ids;
  const u64 to = lend_all(ids);
  EXPECT_EQ(call("get_current_cgroup_id"), 1u);  // nothing given: the root
  env.task.cgroups = path;
  EXPECT_EQ(call("get_current_cgroup_id"), 70u);
  EXPECT_EQ(call("get_current_ancestor_cgroup_id", {0}), 1u);
  EXPECT_EQ(call("get_current_ancestor_cgroup_id", {2}), 70u);
  EXPECT_EQ(call("get_current_ancestor_cgroup_id", {3}), 0u);
  EXPECT_EQ(call("get_current_ancestor_cgroup_id", {~u64{0}}), 0u);
  env.task.namespace_device = 4;
  env.task.namespace_inode = 0xeffffffc;
  env.task.namespace_pid = 12;
  env.task.namespace_tgid = 11;
  EXPECT_EQ(call_signed("get_ns_current_pid_tgid", {4, 0xeffffffc, to, 8}), 0);
  EXPECT_EQ(ids.pid, 12u);
  EXPECT_EQ(ids.tgid, 11u);
  EXPECT_EQ(call_signed("get_ns_current_pid_tgid", {4, 1, to, 8}), kEINVAL);
  EXPECT_EQ(ids.pid, 0u);
  EXPECT_EQ(call_signed("get_ns_current_pid_tgid", {u64{1} << 32 | 4, 0xeffffffc, to, 8}), kEINVAL);
  EXPECT_EQ(call_signed("get_ns_current_pid_tgid", {4, 0xeffffffc, to, 4}), kEINVAL);
}

TEST_F(Tracing, TheTaskIsUnderCgroupsOfAnArray) {
  const u64 path[] = {1, 50, 70};
  env.task.cgroups = path;
  auto made = create_map(map_spec(MapType::cgroup_array, 4, 4, 3, 0, "cgroups"), {});
  ASSERT_TRUE(made);
  Map& map = **made;
  const u64 handle = add_map(&map);
  const auto put = [&](u32 index, u32 cgroup, u64 flags = 0) {
    return map.write(reinterpret_cast<const u8*>(&index), reinterpret_cast<const u8*>(&cgroup),
                     flags);
  };
  EXPECT_EQ(put(0, 50), 0);
  EXPECT_EQ(put(1, 60), 0);
  EXPECT_EQ(put(3, 50), kE2BIG);
  EXPECT_EQ(put(0, 0), kEBADF);
  EXPECT_EQ(put(0, 50, 1), kEINVAL);
  EXPECT_EQ(call_signed("current_task_under_cgroup", {handle, 0}), 1);
  EXPECT_EQ(call_signed("current_task_under_cgroup", {handle, 1}), 0);
  EXPECT_EQ(call_signed("current_task_under_cgroup", {handle, 2}), kEAGAIN);
  EXPECT_EQ(call_signed("current_task_under_cgroup", {handle, 3}), kE2BIG);
  const u32 first = 0;
  u32 value = 0;
  const auto* key = reinterpret_cast<const u8*>(&first);
  EXPECT_EQ(map.read(key, reinterpret_cast<u8*>(&value)), kENOTSUPP);
  EXPECT_EQ(map.erase(key), 0);
  EXPECT_EQ(map.erase(key), kENOENT);
  EXPECT_EQ(call_signed("current_task_under_cgroup", {handle, 0}), kEAGAIN);
}

TEST_F(Tracing, KernelObjects) {
  char text[8];
  const u64 to = lend_all(text);
  env.per_cpu_offset = 0x10000;
  env.cpus = 4;
  run.cpu = 2;
  env.task.address = 0xffff888000001000;
  env.task.registers = 0xffffc90000003f58;
  EXPECT_EQ(call("get_current_task_btf"), env.task.address);
  EXPECT_EQ(call("task_pt_regs", {env.task.address}), env.task.registers);
  EXPECT_EQ(call("task_pt_regs", {env.task.address + 8}), 0u);
  EXPECT_EQ(call("this_cpu_ptr", {0x1000}), 0x21000u);
  EXPECT_EQ(call("per_cpu_ptr", {0x1000, 3}), 0x31000u);
  EXPECT_EQ(call("per_cpu_ptr", {0x1000, 4}), 0u);
  env.path = [](void*, u64 address) {
    return address == 0x5000 ? std::string_view("/a/bc") : std::string_view("/too/long");
  };
  EXPECT_EQ(call_signed("d_path", {0x5000, to, 8}), 6);
  EXPECT_STREQ(text, "/a/bc");
  EXPECT_EQ(call_signed("d_path", {0x6000, to, 8}), kENAMETOOLONG);
  EXPECT_EQ(call_signed("d_path", {0x6000, to, 0}), 0);
  alignas(8) u64 slot = 5;
  EXPECT_EQ(call("kptr_xchg", {lend_all(slot), 6}), 5u);
  EXPECT_EQ(slot, 6u);
  EXPECT_EQ(fault_of("kptr_xchg", {lend_all(slot) + 1, 6}), "misaligned_atomic");
}

TEST_F(Tracing, SymbolsAreFoundByName) {
  enter(ProgramType::syscall, AttachType::none);
  const KernelSymbol symbols[] = {{"vfs_read", 0xffffffff81234560}};
  env.symbols = symbols;
  u64 address = 7;
  char name[] = "vfs_read", other[] = "vfs_rea";
  const u64 to = lend_all(address), known = lend_all(name), unknown = lend_all(other);
  EXPECT_EQ(call_signed("kallsyms_lookup_name", {known, 9, 0, to}), 0);
  EXPECT_EQ(address, symbols[0].address);
  EXPECT_EQ(call_signed("kallsyms_lookup_name", {known, 9, 1, to}), kEINVAL);
  EXPECT_EQ(call_signed("kallsyms_lookup_name", {known, 8, 0, to}), kEINVAL);  // no zero at its end
  EXPECT_EQ(call_signed("kallsyms_lookup_name", {unknown, 8, 0, to}), kENOENT);
  EXPECT_EQ(address, 0u);
}

TEST_F(Tracing, IteratorsWriteToTheHost) {
  static std::string written;
  written.clear();
  env.seq_write = [](void*, std::span<const u8> bytes) {
    if (written.size() + bytes.size() > 12) return false;
    written.append(bytes.begin(), bytes.end());
    return true;
  };
  char format[] = "pid %d\n", bad[] = "%d%q";
  u64 args[] = {42};
  const u64 f = lend_all(format), a = lend_all(args);
  EXPECT_EQ(call_signed("seq_printf", {1, f, sizeof format, a, 8}), 0);
  EXPECT_EQ(call_signed("seq_write", {1, f, 3}), 0);
  EXPECT_EQ(written, "pid 42\npid");
  EXPECT_EQ(call_signed("seq_printf", {1, f, sizeof format, a, 8}), kEOVERFLOW);
  EXPECT_EQ(call_signed("seq_write", {1, f, 3}), kEOVERFLOW);
  EXPECT_EQ(call_signed("seq_printf", {1, lend_all(bad), sizeof bad, a, 8}), kEINVAL);
  EXPECT_EQ(call_signed("seq_printf", {1, f, 3, a, 8}), kEINVAL);
}

TEST_F(Tracing, CountersAreTheHosts) {
  test::NotedMap events(MapType::perf_event_array, 4, 4, 3);
  const u64 handle = add_map(&events);
  CounterValue value;
  const u64 to = lend_all(value), current = 0xffffffff;
  EXPECT_EQ(call_signed("perf_event_read", {handle, 0}), kENOENT);
  env.read_counter = [](void*, std::string_view map, u64 index, CounterValue& out) -> i64 {
    if (map != "noted") return kEINVAL;
    out = {100 + index, 20, 10};
    return 0;
  };
  run.cpu = 2;
  EXPECT_EQ(call_signed("perf_event_read", {handle, current}), 102);
  EXPECT_EQ(call_signed("perf_event_read", {handle, 3}), kE2BIG);
  EXPECT_EQ(call_signed("perf_event_read_value", {handle, 1, to, sizeof value}), 0);
  EXPECT_EQ(value.counter, 101u);
  EXPECT_EQ(value.running, 10u);
  EXPECT_EQ(call_signed("perf_event_read_value", {handle, u64{1} << 32, to, sizeof value}),
            kEINVAL);
  EXPECT_EQ(value.counter, 0u);
  EXPECT_EQ(call_signed("perf_event_read_value", {handle, 1, to, 16}), kEINVAL);
}

TEST_F(Tracing, OnlyWritableUserMemoryIsWritten) {
  u8 first[4] = {}, second[4] = {}, fixed[4] = {}, kernel[4] = {};
  const MappedMemory memory[] = {{0x1000, first, 4, true, true},
                                 {0x1004, second, 4, true, true},
                                 {0x1008, fixed, 4, true, false},
                                 {0xffff888000000000, kernel, 4, false, true}};
  env.memory = memory;
  u8 bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const u64 from = lend_all(bytes);
  EXPECT_EQ(call_signed("probe_write_user", {0x1002, from, 4}), 0);
  EXPECT_EQ(first[3], 2);
  EXPECT_EQ(second[1], 4);
  EXPECT_EQ(call_signed("probe_write_user", {0x1006, from, 4}), kEFAULT);
  EXPECT_EQ(fixed[0], 0);
  EXPECT_EQ(call_signed("probe_write_user", {0xffff888000000000, from, 4}), kEFAULT);
  EXPECT_EQ(kernel[0], 0);
  u8 out[2] = {9, 9};
  const u64 to = lend_all(out), task = env.task.address;
  EXPECT_EQ(call_signed("copy_from_user_task", {to, 2, 0x1003, task, 0}), 0);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(call_signed("copy_from_user_task", {to, 2, 0x1003, task, 1}), kEINVAL);
  EXPECT_EQ(call_signed("copy_from_user_task", {to, 2, 0x1003, task + 1, 0}), kEFAULT);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(call_signed("copy_from_user_task", {to, 0, 0x1003, task + 1, 0}), 0);
}

}  // namespace
}  // namespace skep
