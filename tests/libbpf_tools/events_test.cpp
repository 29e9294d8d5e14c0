// Ten of Debian's libbpf-tools: what comes out of their maps is what the events said. The offsets
// in records are those of the tools' own headers (bcc 0.26, libbpf-tools/*.h).
#include "tests/libbpf_tools/tool.h"

namespace skep {
namespace {

using test::Tool;
using test::World;

constexpr u64 kTick = 1'000'000;  // nanoseconds from one look at the clock to the next

class ToolEvents : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::tools_installed()) GTEST_SKIP() << "needs kernel feature: Debian's libbpf-tools";
    types = test::kernel_types();
    ASSERT_NE(types, nullptr);
    world = std::make_unique<World>(types);
    for (const char* name : {"parent", "task", "other"}) world->make(name, "task_struct");
    world->set("task", "pid", 101);
    world->set("task", "tgid", 100);
    world->link("task", "real_parent", "parent");
    world->set("parent", "tgid", 50);
    env.tick = kTick;
    env.task = {.pid = 101, .tgid = 100, .uid = 1000, .comm = "shell", .address = at("task")};
  }
  u64 at(const std::string& name) { return world->names.at(name); }
  void expect_clean(Tool& tool, std::string_view program, std::vector<u64> words, u64 result = 0) {
    ASSERT_EQ(tool.error, "");
    env.memory = world->memory();
    EXPECT_EQ(tool.run(program, {std::move(words), result}, env), "") << program;
  }
  // The only record of a map.
  std::vector<u8> record(const Tool& tool, std::string_view map = "events") {
    auto all = tool.records(map);
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? std::vector<u8>() : all[0];
  }
  // The value of a key; empty if there is none.
  template <class Key>
  std::vector<u8> value_of(const Tool& tool, std::string_view name, Key key) {
    Map* map = tool.map(name);
    if (map == nullptr) return {};
    std::vector<u8> value(map->host_value_size());
    const int error = map->read(reinterpret_cast<const u8*>(&key), value.data());
    EXPECT_EQ(error, 0) << name;
    return value;
  }

  std::shared_ptr<const Btf> types;
  std::unique_ptr<World> world;
  Env env = Env::deterministic(1);
};

TEST_F(ToolEvents, Execsnoop) {
  const u64 file = world->put_text("/bin/ls", true), flag = world->put_text("-l", true);
  const u64 argv = world->put_words({file, flag, 0}, true);
  Tool tool("execsnoop", types);
  expect_clean(tool, "tracepoint__syscalls__sys_enter_execve", {59, file, argv, 0});
  expect_clean(tool, "tracepoint__syscalls__sys_exit_execve", {59, 0});
  const auto event = record(tool);
  EXPECT_EQ(test::value_at<u32>(event, 0), 100u);   // pid
  EXPECT_EQ(test::value_at<u32>(event, 4), 50u);    // ppid
  EXPECT_EQ(test::value_at<u32>(event, 8), 1000u);  // uid
  EXPECT_EQ(test::value_at<i32>(event, 12), 0);     // retval
  EXPECT_EQ(test::value_at<i32>(event, 16), 2);     // args_count
  EXPECT_EQ(test::text_at(event, 24, 16), "shell");
  EXPECT_EQ(test::text_at(event, 40, 8), "/bin/ls");
  EXPECT_EQ(test::text_at(event, 48, 3), "-l");
}

TEST_F(ToolEvents, Opensnoop) {
  const u64 file = world->put_text("/etc/hosts", true);
  const u64 stack[] = {0x401000, 0x402000, 0x403000};
  env.user_stack = stack;
  env.task.uid = 0;  // the one that it looks at unless told otherwise
  Tool tool("opensnoop", types);
  expect_clean(tool, "tracepoint__syscalls__sys_enter_openat",
               {257, static_cast<u64>(-100), file, 02});
  expect_clean(tool, "tracepoint__syscalls__sys_exit_openat", {257, 3});
  const auto event = record(tool);
  EXPECT_EQ(test::value_at<u32>(event, 8), 100u);       // pid
  EXPECT_EQ(test::value_at<u32>(event, 12), 0u);        // uid
  EXPECT_EQ(test::value_at<i32>(event, 16), 3);         // ret
  EXPECT_EQ(test::value_at<i32>(event, 20), 2);         // flags
  EXPECT_EQ(test::value_at<u64>(event, 24), stack[1]);  // its callers
  EXPECT_EQ(test::value_at<u64>(event, 32), stack[2]);
  EXPECT_EQ(test::text_at(event, 40, 16), "shell");
  EXPECT_EQ(test::text_at(event, 56, 255), "/etc/hosts");
}

TEST_F(ToolEvents, Tcpconnect) {
  world->make("sock", "sock");
  world->set("sock", "__sk_common.skc_rcv_saddr", 0x0100007f);
  world->set("sock", "__sk_common.skc_daddr", 0x08080808);
  world->set("sock", "__sk_common.skc_dport", 0x5000);  // 80, in network order
  world->set("sock", "__sk_common.skc_num", 40000);
  Tool tool("tcpconnect", types);
  expect_clean(tool, "tcp_v4_connect", {at("sock"), 0, 16});
  expect_clean(tool, "tcp_v4_connect_ret", {}, 0);
  const auto event = record(tool);
  EXPECT_EQ(test::value_at<u32>(event, 0), 0x0100007fu);   // source
  EXPECT_EQ(test::value_at<u32>(event, 16), 0x08080808u);  // destination
  EXPECT_EQ(test::text_at(event, 32, 16), "shell");
  EXPECT_EQ(test::value_at<u32>(event, 56), 2u);    // AF_INET
  EXPECT_EQ(test::value_at<u32>(event, 60), 100u);  // pid
  EXPECT_EQ(test::value_at<u32>(event, 64), 1000u);
  EXPECT_EQ(test::value_at<u16>(event, 70), 0x5000u);
}

TEST_F(ToolEvents, Tcpstates) {
  world->make("sock", "sock");
  world->set("sock", "__sk_common.skc_rcv_saddr", 0x0100007f);
  world->set("sock", "__sk_common.skc_daddr", 0x08080808);
  world->make("record", "trace_event_raw_inet_sock_set_state");
  world->link("record", "skaddr", "sock");
  world->set("record", "oldstate", 7);
  world->set("record", "newstate", 2);
  world->set("record", "sport", 40000);
  world->set("record", "dport", 80);
  world->set("record", "family", 2);
  world->set("record", "protocol", 6);
  const auto bytes = world->bytes_at(at("record"));
  std::vector<u64> words((bytes.size() - 8) / 8);
  std::memcpy(words.data(), bytes.data() + 8, words.size() * 8);
  Tool tool("tcpstates", types);
  expect_clean(tool, "handle_set_state", words);
  const auto event = record(tool);
  EXPECT_EQ(test::value_at<u32>(event, 0), 0x0100007fu);
  EXPECT_EQ(test::value_at<u32>(event, 16), 0x08080808u);
  EXPECT_EQ(test::value_at<u64>(event, 32), at("sock"));
  EXPECT_EQ(test::value_at<u64>(event, 48), 0u);  // nothing is known of the state before
  EXPECT_EQ(test::value_at<u32>(event, 56), 100u);
  EXPECT_EQ(test::value_at<i32>(event, 60), 7);
  EXPECT_EQ(test::value_at<i32>(event, 64), 2);
  EXPECT_EQ(test::value_at<u16>(event, 68), 2u);
  EXPECT_EQ(test::value_at<u16>(event, 70), 40000u);
  EXPECT_EQ(test::value_at<u16>(event, 72), 80u);
  EXPECT_EQ(test::text_at(event, 74, 16), "shell");
}

TEST_F(ToolEvents, Biolatency) {
  world->make("request", "request");
  Tool tool("biolatency", types);
  for (int i = 0; i < 3; ++i) {
    expect_clean(tool, "block_rq_issue_btf", {at("request")});
    expect_clean(tool, "block_rq_complete_btf", {at("request"), 0, 4096});
  }
  const auto histogram = value_of(tool, "hists", u64{0});
  for (u64 slot = 0; slot < 27; ++slot) {  // 1000 microseconds: 2^9 or more, less than 2^10
    EXPECT_EQ(test::value_at<u32>(histogram, 4 * slot), slot == 9 ? 3u : 0u) << slot;
  }
}

TEST_F(ToolEvents, Runqlat) {
  world->set("other", "pid", 77);
  world->set("other", "tgid", 77);
  world->set("task", "__state", 1);
  Tool tool("runqlat", types);
  expect_clean(tool, "sched_wakeup", {at("other")});
  expect_clean(tool, "sched_switch", {0, at("task"), at("other")});
  const auto histogram = value_of(tool, "hists", ~u32{0});
  for (u64 slot = 0; slot < 26; ++slot) {
    EXPECT_EQ(test::value_at<u32>(histogram, 4 * slot), slot == 9 ? 1u : 0u) << slot;
  }
}

TEST_F(ToolEvents, Exitsnoop) {
  world->set("task", "exit_code", 3 << 8 | 9);
  world->set("task", "start_time", 5000);
  env.task.pid = 100;  // the last thread: others are not told of
  Tool tool("exitsnoop", types);
  expect_clean(tool, "sched_process_exit", {0, 0, 0});
  const auto event = record(tool);
  EXPECT_EQ(test::value_at<u64>(event, 0), 5000u);
  EXPECT_EQ(test::value_at<u64>(event, 8), 1'000'000'000u);  // the first look at the clock
  EXPECT_EQ(test::value_at<u32>(event, 16), 100u);           // pid, tid, ppid
  EXPECT_EQ(test::value_at<u32>(event, 20), 100u);
  EXPECT_EQ(test::value_at<u32>(event, 24), 50u);
  EXPECT_EQ(test::value_at<u32>(event, 28), 9u);  // signal
  EXPECT_EQ(test::value_at<i32>(event, 32), 3);   // exit code
  EXPECT_EQ(test::text_at(event, 36, 16), "shell");
}

TEST_F(ToolEvents, Syscount) {
  Tool tool("syscount", types);
  const std::pair<u64, u32> calls[] = {{1, 3}, {0, 2}, {59, 1}};
  for (const auto& [number, count] : calls) {
    for (u32 i = 0; i < count; ++i) {
      expect_clean(tool, "sys_enter", {number, 1, 2, 3});
      expect_clean(tool, "sys_exit", {number, 0});
    }
  }
  for (const auto& [number, count] : calls) {
    EXPECT_EQ(test::value_at<u64>(value_of(tool, "data", static_cast<u32>(number)), 0), count);
  }
}

TEST_F(ToolEvents, Vfsstat) {
  Tool tool("vfsstat", types);
  const char* calls[] = {"read", "write", "fsync", "open", "create"};
  for (u32 i = 0; i < 5; ++i) {
    for (u32 times = 0; times <= i; ++times) {
      expect_clean(tool, fmt::format("kprobe_vfs_{}", calls[i]), {});
      expect_clean(tool, fmt::format("fentry_vfs_{}", calls[i]), {});
    }
  }
  const auto counts = value_of(tool, "vfsstat.bss", u32{0});
  std::vector<u64> found;
  for (u64 i = 0; i < 5; ++i) found.push_back(test::value_at<u64>(counts, 8 * i));
  EXPECT_EQ(found, (std::vector<u64>{2, 4, 6, 8, 10}));
}

TEST_F(ToolEvents, Filelife) {
  world->make("dentry", "dentry");
  world->set("dentry", "d_name.name", world->put_text("scratch.tmp", false));
  Tool tool("filelife", types);
  expect_clean(tool, "vfs_create", {0, 0, at("dentry"), 0, 0});
  expect_clean(tool, "vfs_unlink", {0, 0, at("dentry"), 0});
  const auto event = record(tool);
  EXPECT_EQ(test::text_at(event, 0, 32), "scratch.tmp");
  EXPECT_EQ(test::text_at(event, 32, 16), "shell");
  EXPECT_EQ(test::value_at<u64>(event, 48), kTick);
  EXPECT_EQ(test::value_at<u32>(event, 56), 100u);
}

}  // namespace
}  // namespace skep
