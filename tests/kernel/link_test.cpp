// Places to attach to, as text; and programs attached to each kind of place, which run while they
// are attached. In namespaces of the test's own. What the running kernel does not have is skipped;
// `./dev kernels` runs these on older kernels too and says what fired where.
#include "kernel/link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "kernel/kernel_types.h"
#include "loader/loader.h"
#include "tests/support/image.h"
#include "tests/support/link_place.h"
#include "tests/support/running_kernel.h"
#include "vm/vm.h"

namespace skep {
namespace {

using namespace test;

TEST(Places, AreReadFromText) {
  const auto xdp = parse_where("xdp:veth0");
  ASSERT_TRUE(xdp);
  EXPECT_EQ(xdp->kind, Where::Kind::Xdp);
  EXPECT_EQ(xdp->target, "veth0");
  const auto uprobe = parse_where("uprobe:/bin/bash:readline");
  ASSERT_TRUE(uprobe);
  EXPECT_EQ(uprobe->target, "/bin/bash");
  EXPECT_EQ(uprobe->symbol, "readline");
  for (const char* bad : {"", "xdp", "xpd:eth0", ":eth0"}) {
    const auto where = parse_where(bad);
    ASSERT_FALSE(where) << bad;
    EXPECT_EQ(where.error().code, Code::bad_where);
  }
}

// A program of links.bpf.c, where it goes, and what makes it run.
struct Case {
  const char* name;
  const char* program;
  const char* where;  // "CGROUP" and "SELF" stand for a cgroup and for this program's file
  void (*trigger)();
  const char* needs = nullptr;  // the file without which this kernel has no such thing
  Version since{};
  bool guarded = false;  // some kernels refuse to load these, whoever asks
};

constexpr const char* kKprobes = "/sys/bus/event_source/devices/kprobe";
constexpr const char* kUprobes = "/sys/bus/event_source/devices/uprobe";

constexpr Version kTcx{6, 6}, kOperationLinks{6, 4};

constexpr Case kCases[] = {
    {"xdp", "at_xdp", "xdp:lo", use_udp},
    {"tc_ingress", "at_tc", "tc_ingress:lo", use_udp},
    {"tc_egress", "at_tc", "tc_egress:lo", use_udp},
    {"tcx_ingress", "at_tc", "tcx_ingress:lo", use_udp, nullptr, kTcx},
    {"tcx_egress", "at_tc", "tcx_egress:lo", use_udp, nullptr, kTcx},
    {"tracepoint", "at_tracepoint", "tracepoint:sched/sched_switch", use_time},
    {"raw_tracepoint", "at_raw_tracepoint", "raw_tracepoint:sys_enter", use_priority},
    {"kprobe", "at_function", "kprobe:vfs_open", use_files, kKprobes},
    {"kretprobe", "at_function", "kretprobe:vfs_open", use_files, kKprobes},
    {"uprobe", "at_function", "uprobe:SELF:skep_link_test_function", use_function, kUprobes},
    {"uretprobe", "at_function", "uretprobe:SELF:skep_link_test_function", use_function, kUprobes},
    {"perf_event", "at_perf_event", "perf_event:cpu-clock:999", use_time},
    {"cgroup_skb_egress", "at_skb_egress", "cgroup:CGROUP", use_udp},
    {"cgroup_skb_ingress", "at_skb_ingress", "cgroup:CGROUP", use_udp},
    {"cgroup_sock_create", "at_sock_create", "cgroup:CGROUP", use_udp},
    {"cgroup_post_bind4", "at_post_bind4", "cgroup:CGROUP", use_udp},
    {"cgroup_bind4", "at_bind4", "cgroup:CGROUP", use_udp},
    {"cgroup_connect4", "at_connect4", "cgroup:CGROUP", use_udp},
    {"cgroup_sendmsg4", "at_sendmsg4", "cgroup:CGROUP", use_udp},
    {"cgroup_setsockopt", "at_setsockopt", "cgroup:CGROUP", use_udp},
    {"cgroup_getsockopt", "at_getsockopt", "cgroup:CGROUP", use_udp},
    {"cgroup_sysctl", "at_sysctl", "cgroup:CGROUP", use_files},
    {"cgroup_device", "at_device", "cgroup:CGROUP", use_files},
    {"cgroup_sock_ops", "at_sock_ops", "cgroup:CGROUP", use_tcp},
    {"netns_sk_lookup", "at_lookup", "netns:/proc/thread-self/ns/net", use_udp},
    {"tracing_fentry", "at_entry", nullptr, use_files, nullptr, {}, true},
    {"tracing_fexit", "at_exit", nullptr, use_files, nullptr, {}, true},
    {"lsm", "at_lsm", nullptr, use_files, nullptr, {}, true},
};

// What became of a case: nothing, if all went well.
struct Trouble {
  std::string skip;
  std::string failure;
};

// The object's types are related to the running kernel's.
Result<Object> load_object(const char* name) {
  std::ifstream in(std::string(SKEP_OBJECT_DIR "/") + name, std::ios::binary);
  const std::vector<u8> bytes{std::istreambuf_iterator<char>(in), {}};
  static const auto target = [] { return CoreTarget::make(read_kernel_btf().value_or(nullptr)); }();
  return load(bytes, {.name = name, .target = target ? &*target : nullptr});
}

u64 count_of(Instance& instance) {
  const u32 key = 0;
  u64 count = 0;
  for (Map* map : instance.maps()) {
    if (map->spec().section == ".bss")
      map->read(reinterpret_cast<const u8*>(&key), reinterpret_cast<u8*>(&count));
  }
  return count;
}

// Whether the program runs when that is done, some times if need be: samples take their time.
bool fires(Instance& instance, const std::string& cgroup, void (*trigger)()) {
  const u64 before = count_of(instance);
  for (int turn = 0; turn < 10; ++turn) {
    if (in_child(cgroup, trigger) != 0) return false;
    if (count_of(instance) != before) return true;
  }
  return false;
}

// Attached it runs; detached it does not any more; and so once more.
std::string attach(Instance& instance, const std::function<Result<Link>()>& make,
                   const std::string& cgroup, void (*trigger)(), int turns = 2) {
  for (int turn = 0; turn < turns; ++turn) {
    {
      const auto link = make();
      if (!link) return link.error().text;
      if (!fires(instance, cgroup, trigger)) return "attached, but it never ran";
    }
    usleep(20'000);  // runs on other CPUs come to their end
    const u64 before = count_of(instance);
    if (in_child(cgroup, trigger) != 0) return "the trigger failed";
    if (count_of(instance) != before) return "detached, but it ran";
  }
  return "";
}

std::string filled_in(std::string where, const std::string& cgroup) {
  for (const auto& [word, text] :
       {std::pair<std::string, std::string>{"CGROUP", cgroup}, {"SELF", "/proc/self/exe"}}) {
    if (const auto at = where.find(word); at != std::string::npos)
      where.replace(at, word.size(), text);
  }
  return where;
}

Trouble attach_case(const Case& which, const World& world) {
  const bool in_cgroup = std::string_view(which.where ? which.where : "").ends_with("CGROUP");
  if (in_cgroup && world.cgroup.empty()) return {"needs permission: a cgroup of version 2", ""};
  if (test::running_kernel() < which.since) return {test::needs_linux(which.since), ""};
  if (which.needs != nullptr && !std::filesystem::exists(which.needs))
    return {fmt::format("needs kernel feature: {}", which.needs), ""};
  const auto object = load_object("links.bpf.o");
  if (!object) return {"", object.error().text};
  const auto image = object->image(which.program);
  if (!image) return {"", image.error().text};
  const auto backend = make_kernel_backend();
  Vm vm;
  const auto instance = vm.load({{*image}}, *backend);
  if (!instance) return {"", instance.error().text};
  const InstanceProgram& program = (*instance)->programs()[0];
  if (program.error) {
    const bool refused = which.guarded && program.error->text.find("EPERM") != std::string::npos;
    return refused ? Trouble{"needs permission: " + program.error->text, ""}
                   : Trouble{"", program.error->text};
  }
  const auto where = which.where == nullptr ? where_of(**image)
                                            : parse_where(filled_in(which.where, world.cgroup));
  if (!where) return {"", where.error().text};
  const auto& loaded = static_cast<const KernelProgram&>(*program.loaded);
  return {"", attach(
                  **instance, [&] { return Link::attach(loaded, *where); },
                  in_cgroup ? world.cgroup : "", which.trigger)};
}

// Says what came of it in the test's words.
void judge(const Trouble& trouble) {
  if (!trouble.skip.empty()) GTEST_SKIP() << trouble.skip;
  EXPECT_EQ(trouble.failure, "");
}

class Links : public testing::TestWithParam<Case> {};

TEST_P(Links, FireWhileAttached) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  Trouble trouble;
  const std::string skip =
      in_own_world([&](const World& world) { trouble = attach_case(GetParam(), world); });
  if (!skip.empty()) trouble.skip = skip;
  judge(trouble);
}

INSTANTIATE_TEST_SUITE_P(Kernel, Links, testing::ValuesIn(kCases),
                         [](const auto& which) { return std::string(which.param.name); });

// Operations: with a link of their own, or registered by the update of their map.
struct OperationsCase {
  const char* name;
  const char* object;
  Version since;
  int turns;
};

class Operations : public testing::TestWithParam<OperationsCase> {};

TEST_P(Operations, FireWhileAttached) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  if (test::running_kernel() < GetParam().since)
    GTEST_SKIP() << test::needs_linux(GetParam().since);
  Trouble trouble;
  const std::string skip = in_own_world([&](const World&) {
    const auto object = load_object(GetParam().object);
    if (!object) return void(trouble.failure = object.error().text);
    const auto backend = make_kernel_backend();
    Vm vm;
    const auto instance = vm.load(object->programs, *backend);
    if (!instance) return void(trouble.failure = instance.error().text);
    for (const InstanceProgram& program : (*instance)->programs()) {
      if (program.error) return void(trouble.failure = program.error->text);
    }
    const auto* map = static_cast<const KernelMap*>((*instance)->map("operations"));
    trouble.failure = attach(
        **instance, [&] { return Link::attach_struct_ops(*map); }, "", use_skep_tcp,
        GetParam().turns);
  });
  if (!skip.empty()) trouble.skip = skip;
  judge(trouble);
}

INSTANTIATE_TEST_SUITE_P(Kernel, Operations,
                         testing::Values(OperationsCase{"linked", "congestion_link.bpf.o",
                                                        kOperationLinks, 2},
                                         OperationsCase{"registered", "congestion.bpf.o", {}, 1}),
                         [](const auto& which) { return std::string(which.param.name); });

// Iterators: what the program writes is what one reads.
struct IteratorCase {
  const char* program;
  u64 (*expected)(Instance& instance);  // a line of the output
};

class Iterators : public testing::TestWithParam<IteratorCase> {};

TEST_P(Iterators, GiveWhatTheProgramWrites) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const auto object = load_object("links.bpf.o");
  ASSERT_TRUE(object) << object.error().text;
  const auto image = object->image(GetParam().program);
  ASSERT_TRUE(image) << image.error().text;
  const auto backend = make_kernel_backend();
  Vm vm;
  const auto instance = vm.load({{*image}}, *backend);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  if (program.error) return judge({"", program.error->text});
  const auto where = where_of(**image);
  ASSERT_TRUE(where) << where.error().text;
  const auto link = Link::attach(static_cast<const KernelProgram&>(*program.loaded), *where);
  if (!link) return judge({"", link.error().text});
  const auto text = link->read_iterator();
  ASSERT_TRUE(text) << text.error().text;
  const std::string line = fmt::format("\n{}\n", GetParam().expected(**instance));
  EXPECT_NE(("\n" + *text).find(line), std::string::npos) << line << "not in\n" << *text;
  EXPECT_GT(count_of(**instance), 1u);
}

constexpr IteratorCase kIterators[] = {
    {"each_map",
     [](Instance& instance) {
       return u64{static_cast<const KernelMap&>(*instance.maps()[0]).id()};
     }},
    {"each_task", [](Instance&) { return static_cast<u64>(getpid()); }},
};
INSTANTIATE_TEST_SUITE_P(Kernel, Iterators, testing::ValuesIn(kIterators),
                         [](const auto& which) { return std::string(which.param.program); });

TEST(Places, MissingDevicesAreNamed) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const auto program =
      KernelProgram::load(test::image_of("r0 = 2\nexit\n", ProgramType::xdp), {}, {});
  ASSERT_TRUE(program) << program.error().text;
  const auto link = Link::attach(**program, {Where::Kind::Xdp, "nosuchdevice", ""});
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().text.find("nosuchdevice"), std::string::npos) << link.error().text;
}

}  // namespace
}  // namespace skep
