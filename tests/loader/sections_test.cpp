// SEC() names: every row of sections.def, the way names match, and the attach types' numbers.
#include "helpers/spec/sections.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace skep {
namespace {

TEST(Sections, EveryRowIsFoundByItsOwnName) {
  std::set<std::string_view> seen;
  for (const SectionRow& row : section_rows()) {
    EXPECT_TRUE(seen.insert(row.pattern).second) << row.pattern << " twice";
    std::string name(row.pattern);
    const bool open = name.ends_with('+');
    if (open) name.pop_back();
    const SectionName exact = parse_section_name(name);
    ASSERT_NE(exact.row, nullptr) << name;
    EXPECT_EQ(exact.row->pattern, row.pattern);
    EXPECT_EQ(exact.target, "");
    EXPECT_TRUE(exact.autoload);
    const std::string with_target = name + "/some/target";  // what follows views into it
    const SectionName longer = parse_section_name(with_target);
    if (open) {
      ASSERT_NE(longer.row, nullptr) << name;
      EXPECT_EQ(longer.row->pattern, row.pattern);
      EXPECT_EQ(longer.target, "some/target");
    } else {
      EXPECT_TRUE(longer.row == nullptr || longer.row->pattern != row.pattern) << name;
    }
    EXPECT_EQ(parse_section_name(name + "x").row, nullptr) << name;
  }
}

struct Case {
  const char* section;
  ProgramType type;
  AttachType attach;
  u8 flags;
  const char* target;
};

// One of each family, against the kernel's own numbers and names.
const Case kCases[] = {
    {"xdp", ProgramType::xdp, AttachType::xdp, section_flags::None, ""},
    {"xdp.frags/devmap", ProgramType::xdp, AttachType::xdp_devmap, section_flags::Frags, ""},
    {"tc", ProgramType::sched_cls, AttachType::none, section_flags::None, ""},
    {"tcx/egress", ProgramType::sched_cls, AttachType::tcx_egress, section_flags::None, ""},
    {"socket", ProgramType::socket_filter, AttachType::none, section_flags::None, ""},
    {"kprobe/do_sys_open", ProgramType::kprobe, AttachType::none, section_flags::None,
     "do_sys_open"},
    {"uprobe.s//bin/bash:main", ProgramType::kprobe, AttachType::none, section_flags::Sleepable,
     "/bin/bash:main"},
    {"kprobe.multi/tcp_*", ProgramType::kprobe, AttachType::trace_kprobe_multi, section_flags::None,
     "tcp_*"},
    {"ksyscall/openat", ProgramType::kprobe, AttachType::none, section_flags::None, "openat"},
    {"usdt.s/libc.so:libc:setjmp", ProgramType::kprobe, AttachType::none,
     section_flags::Usdt | section_flags::Sleepable, "libc.so:libc:setjmp"},
    {"tracepoint/syscalls/sys_enter_open", ProgramType::tracepoint, AttachType::none,
     section_flags::None, "syscalls/sys_enter_open"},
    {"raw_tp.w/nbd_send", ProgramType::raw_tracepoint_writable, AttachType::none,
     section_flags::None, "nbd_send"},
    {"fentry.s/vfs_open", ProgramType::tracing, AttachType::trace_fentry,
     section_flags::AttachBtf | section_flags::Sleepable, "vfs_open"},
    {"lsm_cgroup/socket_bind", ProgramType::lsm, AttachType::lsm_cgroup, section_flags::AttachBtf,
     "socket_bind"},
    {"iter.s/task_vma", ProgramType::tracing, AttachType::trace_iter,
     section_flags::AttachBtf | section_flags::Sleepable, "task_vma"},
    {"cgroup/connect_unix", ProgramType::cgroup_sock_addr, AttachType::cgroup_unix_connect,
     section_flags::None, ""},
    {"struct_ops.s/init", ProgramType::struct_ops, AttachType::none, section_flags::Sleepable,
     "init"},
    {"netfilter", ProgramType::netfilter, AttachType::netfilter, section_flags::None, ""},
    {"syscall", ProgramType::syscall, AttachType::none, section_flags::Sleepable, ""},
};

TEST(Sections, SayWhatLibbpfTakesThemFor) {
  for (const Case& c : kCases) {
    const SectionName found = parse_section_name(c.section);
    ASSERT_NE(found.row, nullptr) << c.section;
    EXPECT_EQ(found.row->type, c.type) << c.section;
    EXPECT_EQ(found.row->attach_type, c.attach) << c.section;
    EXPECT_EQ(found.row->flags, c.flags) << c.section;
    EXPECT_EQ(found.target, c.target) << c.section;
  }
}

TEST(Sections, AQuestionMarkTurnsAutoloadOff) {
  const SectionName found = parse_section_name("?kprobe/f");
  ASSERT_NE(found.row, nullptr);
  EXPECT_FALSE(found.autoload);
  EXPECT_EQ(found.name, "kprobe/f");
  EXPECT_EQ(found.target, "f");
}

TEST(Sections, UnknownNamesHaveNoRow) {
  for (const char* name :
       {"", "?", ".text", "prog", "xdp_drop", "classifier/in", "XDP", "kprobes/f"}) {
    EXPECT_EQ(parse_section_name(name).row, nullptr) << name;
  }
}

TEST(Sections, AttachTypesHaveTheKernelsNumbers) {
  EXPECT_EQ(static_cast<u32>(AttachType::trace_raw_tp), 23u);
  EXPECT_EQ(static_cast<u32>(AttachType::xdp), 37u);
  EXPECT_EQ(static_cast<u32>(AttachType::netfilter), 45u);
  EXPECT_EQ(static_cast<u32>(AttachType::trace_kprobe_session), 56u);
  EXPECT_EQ(attach_type_name(37), "xdp");
  EXPECT_EQ(attach_type_name(999), "");
}

}  // namespace
}  // namespace skep
