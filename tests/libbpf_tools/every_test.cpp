// Every program of Debian's libbpf-tools on an emulated event: which end without a fault, and why
// the others do not.
#include <set>

#include "tests/libbpf_tools/tool.h"

namespace skep {
namespace {

using test::Event;
using test::Tool;
using test::World;

// The objects of libbpf-tools 0.26 and how many programs each has.
constexpr std::pair<const char*, u32> kTools[] = {
    {"bashreadline", 1},   {"bindsnoop", 4},   {"biolatency", 6}, {"biopattern", 1},
    {"biosnoop", 5},       {"biostacks", 3},   {"biotop", 3},     {"bitesize", 1},
    {"cachestat", 4},      {"capable", 2},     {"cpudist", 2},    {"cpufreq", 2},
    {"drsnoop", 2},        {"execsnoop", 2},   {"exitsnoop", 1},  {"filelife", 4},
    {"filetop", 2},        {"fsdist", 20},     {"fsslower", 16},  {"funclatency", 2},
    {"gethostlatency", 2}, {"hardirqs", 4},    {"javagc", 4},     {"klockstat", 47},
    {"ksnoop", 2},         {"llcstat", 2},     {"mdflush", 1},    {"mountsnoop", 4},
    {"numamove", 2},       {"offcputime", 1},  {"oomkill", 1},    {"opensnoop", 4},
    {"readahead", 4},      {"runqlat", 6},     {"runqlen", 1},    {"runqslower", 6},
    {"sigsnoop", 7},       {"slabratetop", 1}, {"softirqs", 4},   {"solisten", 3},
    {"statsnoop", 10},     {"syscount", 2},    {"tcpconnect", 4}, {"tcpconnlat", 6},
    {"tcplife", 1},        {"tcprtt", 2},      {"tcpstates", 1},  {"tcpsynbl", 4},
    {"tcptop", 2},         {"tcptracer", 7},   {"vfsstat", 10},   {"wakeuptime", 2},
};
constexpr u32 kPrograms = 240;

// Programs that don't end well, as "tool program", and a part of the message that says why.
const std::map<std::string, const char*> kReasons = {};

// What programs get that are attached to this: names of World's objects, and numbers.
struct Signature {
  const char* attach;
  std::vector<const char*> arguments;
  const char* result = "0";
};
const Signature kSignatures[] = {
    {"sched_switch", {"0", "task", "other", "0"}},
    {"sched_wakeup", {"other"}},
    {"sched_wakeup_new", {"other"}},
    {"block_rq_insert", {"request"}},
    {"block_rq_issue", {"request"}},
    {"block_rq_complete", {"request", "0", "4096"}},
    {"blk_account_io_start", {"request"}},
    {"blk_account_io_done", {"request", "5000000000"}},
    {"blk_account_io_merge_bio", {"request"}},
    {"blk_mq_start_request", {"request"}},
    {"vfs_read", {"file", "user", "4096", "zeros"}},
    {"vfs_write", {"file", "user", "4096", "zeros"}},
    {"vfs_create", {"zeros", "inode", "dentry", "0", "0"}},
    {"vfs_open", {"path", "file"}},
    {"vfs_unlink", {"zeros", "inode", "dentry", "zeros"}},
    {"security_inode_create", {"inode", "dentry", "0"}},
    {"dummy_file_read", {"kiocb", "zeros"}, "4096"},
    {"dummy_file_write", {"kiocb", "zeros"}, "4096"},
    {"dummy_file_open", {"inode", "file"}},
    {"dummy_file_sync", {"file", "0", "100", "0"}},
    {"dummy_getattr", {"path", "zeros", "0", "0"}},
    {"tcp_v4_connect", {"sock", "zeros", "16"}},
    {"tcp_v6_connect", {"sock", "zeros", "28"}},
    {"tcp_rcv_state_process", {"sock", "zeros"}},
    {"tcp_rcv_established", {"sock", "zeros"}},
    {"tcp_v4_syn_recv_sock", {"sock", "zeros"}},
    {"tcp_v6_syn_recv_sock", {"sock", "zeros"}},
    {"tcp_sendmsg", {"sock", "zeros", "100"}},
    {"tcp_cleanup_rbuf", {"sock", "100"}},
    {"tcp_close", {"sock", "0"}},
    {"tcp_set_state", {"sock", "1"}},
    {"inet_csk_accept", {"sock"}},
    {"inet_listen", {"socket", "128"}},
    {"inet_bind", {"socket", "zeros", "16"}},
    {"inet6_bind", {"socket", "zeros", "28"}},
    {"readline", {"0"}, "user"},
    {"cpu_frequency", {"2400000", "1"}},
    {"irq_handler_entry", {"7", "irqaction"}},
    {"irq_handler_exit", {"7", "irqaction", "1"}},
    {"softirq_entry", {"3"}},
    {"softirq_exit", {"3"}},
    {"cap_capable", {"zeros", "zeros", "21", "0"}},
    {"oom_kill_process", {"oom", "zeros"}},
    {"kmem_cache_alloc", {"kmem_cache", "0"}},
    {"mutex_trylock", {"zeros"}, "1"},
    {"down_read_trylock", {"zeros"}, "1"},
    {"down_write_trylock", {"zeros"}, "1"},
    {"__page_cache_alloc", {"0"}, "zeros"},
    {"migrate_misplaced_page", {"zeros", "zeros", "1"}, "1"},
    {"syscalls/sys_enter_execve", {"59", "user", "argv", "zeros"}},
    {"syscalls/sys_exit_execve", {"59", "0"}},
    {"syscalls/sys_enter_openat", {"257", "0", "user", "0"}},
    {"syscalls/sys_enter_open", {"2", "user", "0"}},
    {"syscalls/sys_enter_kill", {"62", "77", "15"}},
    {"syscalls/sys_enter_mount", {"165", "user", "user", "user", "0", "user"}},
    {"syscalls/sys_enter_umount", {"166", "user", "0"}},
    {"raw_syscalls/sys_enter", {"1", "1", "user", "5"}},
    {"raw_syscalls/sys_exit", {"1", "5"}},
};

void fill(World& world) {
  world.names["user"] = world.put_text("hello", true);
  world.names["argv"] = world.put_words({world.names["user"], world.names["user"], 0}, true);
  for (const auto& [name, structure] :
       std::initializer_list<std::pair<const char*, const char*>>{{"parent", "task_struct"},
                                                                  {"task", "task_struct"},
                                                                  {"other", "task_struct"},
                                                                  {"nsproxy", "nsproxy"},
                                                                  {"mnt_ns", "mnt_namespace"},
                                                                  {"net", "net"},
                                                                  {"sock", "tcp_sock"},
                                                                  {"socket", "socket"},
                                                                  {"inode", "inode"},
                                                                  {"dentry", "dentry"},
                                                                  {"file", "file"},
                                                                  {"path", "path"},
                                                                  {"kiocb", "kiocb"},
                                                                  {"queue", "request_queue"},
                                                                  {"disk", "gendisk"},
                                                                  {"request", "request"},
                                                                  {"irqaction", "irqaction"},
                                                                  {"kmem_cache", "kmem_cache"},
                                                                  {"oom", "oom_control"},
                                                                  {"super", "super_block"}}) {
    world.make(name, structure);
  }
  world.set("task", "pid", 101);
  world.set("task", "tgid", 100);
  world.set_text("task", "comm", "shell");
  world.link("task", "real_parent", "parent");
  world.link("task", "group_leader", "task");
  world.link("task", "nsproxy", "nsproxy");
  world.link("nsproxy", "mnt_ns", "mnt_ns");
  world.set("task", "__state", 1);
  world.set("parent", "tgid", 50);
  world.set("other", "pid", 77);
  world.set("other", "tgid", 77);
  world.set_text("other", "comm", "worker");
  world.names["name"] = world.put_text("file.txt", false);
  world.link("dentry", "d_name.name", "name");
  world.link("file", "f_path.dentry", "dentry");
  world.link("file", "f_inode", "inode");
  world.link("path", "dentry", "dentry");
  world.link("kiocb", "ki_filp", "file");
  world.link("inode", "i_sb", "super");
  world.link("request", "q", "queue");
  world.link("queue", "disk", "disk");
  world.set("disk", "major", 8);
  world.set_text("disk", "disk_name", "sda");
  world.set("request", "__data_len", 4096);
  world.link("oom", "chosen", "other");
  world.link("socket", "sk", "sock");
}

u64 parse(const World& world, std::string_view argument) {
  if (argument[0] >= '0' && argument[0] <= '9') return std::stoull(std::string(argument));
  return world.names.at(std::string(argument));
}

Event event_for(const World& world, const Image& image) {
  Event event;
  for (const Signature& signature : kSignatures) {
    if (image.attach_to != signature.attach) continue;
    for (const char* argument : signature.arguments) event.words.push_back(parse(world, argument));
    event.result = parse(world, signature.result);
  }
  // Of others, and of what programs read behind what is named here, all is zeros.
  event.rest = world.names.at("zeros");
  if (event.words.empty()) event.words.push_back(event.rest);
  return event;
}

class EveryTool : public testing::TestWithParam<std::pair<const char*, u32>> {};

TEST_P(EveryTool, RunsOnEvents) {
  if (!test::tools_installed()) GTEST_SKIP() << "needs kernel feature: Debian's libbpf-tools";
  const auto& [name, count] = GetParam();
  const auto types = test::kernel_types();
  ASSERT_NE(types, nullptr);
  World world(types);
  fill(world);
  const u64 kernel_stack[] = {0xffffffff81000010, 0xffffffff81000020};
  const u64 user_stack[] = {0x401000, 0x402000};
  Env env = Env::deterministic(1);
  env.memory = world.memory();
  env.task = {.pid = 100, .tgid = 100, .comm = "shell", .address = world.names.at("task")};
  env.kernel_stack = kernel_stack;
  env.user_stack = user_stack;
  env.cpus = 2;
  Tool tool(name, types);
  EXPECT_EQ(tool.error, "");
  EXPECT_EQ(tool.programs().size(), count);
  for (const InstanceProgram& program : tool.programs()) {
    const std::string message = tool.run(program, event_for(world, *program.image), env);
    const auto reason = kReasons.find(name + (" " + program.image->name));
    if (reason == kReasons.end()) {
      EXPECT_EQ(message, "") << program.image->name;
    } else {  // one that ends well has no reason any more
      EXPECT_NE(message.find(reason->second), std::string::npos)
          << program.image->name << ": " << message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LibbpfTools, EveryTool, testing::ValuesIn(kTools),
                         [](const auto& of) { return std::string(of.param.first); });

TEST(LibbpfTools, AreAllOfThePackage) {
  u32 programs = 0;
  std::set<std::string> names;
  for (const auto& [name, count] : kTools) {
    programs += count;
    names.insert(name);
  }
  EXPECT_EQ(programs, kPrograms);
  for (const auto& [key, reason] : kReasons) {
    EXPECT_TRUE(names.contains(key.substr(0, key.find(' ')))) << "a reason for no tool: " << key;
  }
  if (!test::tools_installed()) GTEST_SKIP() << "needs kernel feature: Debian's libbpf-tools";
  for (const std::string& name : names) {
    const auto program = test::read_file(test::kToolFolder + name);
    EXPECT_FALSE(test::embedded_object(program).empty()) << name;
  }
}

}  // namespace
}  // namespace skep
