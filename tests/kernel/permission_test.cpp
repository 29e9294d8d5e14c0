// What bpf(2) asks for, against the running kernel's own refusals, and the words for it.
#include "kernel/permission.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include "kernel/link.h"
#include "kernel/raw_program.h"
#include "tests/support/map_specs.h"
#include "tests/support/permission.h"
#include "tests/support/running_kernel.h"

namespace skep {
namespace {

using test::WithoutCapabilities;

constexpr Capabilities kAll = kCapBpf | kCapNetAdmin | kCapPerfmon;

class Permission : public testing::Test {
 protected:
  // What takes permissions away needs them first. CAP_SYS_ADMIN stands for all.
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
    if (missing_of(kAll) != 0) GTEST_SKIP() << "needs permission: " << names_of(missing_of(kAll));
  }

  // For the tests that take CAP_BPF away.
  static bool everybody_may() {
    std::ifstream file("/proc/sys/kernel/unprivileged_bpf_disabled");
    int disabled = 0;
    return !(file >> disabled) || disabled == 0;
  }
};

// The descriptor of a program that does nothing, or minus errno.
int load(ProgramType type) {
  const Insn insns[] = {make_insn(0xb7, 0, 0, 0, 1), make_insn(0x95, 0, 0, 0, 0)};
  ProgLoadAttr attr;
  attr.type = static_cast<u32>(type);
  attr.insn_count = 2;
  attr.insns = address_of(insns);
  attr.license = address_of("GPL");
  const int fd = bpf(BpfCommand::ProgLoad, attr);
  const Fd owned(fd);
  return fd;
}

// Before anything else about it, the kernel asks for the type's capabilities. Types that are
// refused to everyone, by a security module, say nothing.
TEST_F(Permission, OfProgramTypesIsWhatTheKernelAsksFor) {
  int asked = 0;
  for (u32 id = 1; id <= static_cast<u32>(ProgramType::netfilter); ++id) {
    const ProgramTypeRow* row = find_program_type(static_cast<ProgramType>(id));
    ASSERT_NE(row, nullptr) << id;
    if (test::running_kernel() < row->since || load(row->type) == -EPERM) continue;
    ++asked;
    for (const Capabilities taken : {kCapBpf, kCapNetAdmin, kCapPerfmon}) {
      if (taken == kCapBpf && everybody_may()) continue;
      const WithoutCapabilities less(taken | kCapSysAdmin);
      const bool needed = (needed_for(row->type) & taken) != 0;
      EXPECT_EQ(load(row->type) == -EPERM, needed) << row->name << " without " << names_of(taken);
    }
  }
  EXPECT_GE(asked, 25);
}

TEST_F(Permission, OfMapTypesIsWhatTheKernelAsksFor) {
  const WithoutCapabilities less(kCapNetAdmin | kCapSysAdmin);
  for (u32 id = 1; id <= static_cast<u32>(MapType::arena); ++id) {
    const MapKind& kind = *find_map_kind(static_cast<MapType>(id));
    if (test::running_kernel() < kind.since) continue;
    const MapRule& rule = kind.rule;
    const auto map = KernelMap::create(
        map_spec(kind.type, rule.key.min, rule.value.min, rule.entries.min, rule.required), {});
    const bool refused = !map && map.error().text.find("EPERM") != std::string::npos;
    EXPECT_EQ(refused, needed_for(kind.type) != kCapBpf) << kind.name;
    if (refused) {
      EXPECT_NE(map.error().text.find("lacks CAP_NET_ADMIN"), std::string::npos)
          << map.error().text;
    }
  }
}

struct LackCase {
  Capabilities taken;
  ProgramType type;
  const char* words;
};
constexpr LackCase kLacks[] = {
    {kCapNetAdmin, ProgramType::xdp,
     "EPERM (Operation not permitted): this process lacks "
     "CAP_NET_ADMIN"},
    {kCapNetAdmin, ProgramType::sched_cls, "lacks CAP_NET_ADMIN"},
    {kCapPerfmon, ProgramType::tracepoint, "lacks CAP_PERFMON"},
    {kCapPerfmon | kCapNetAdmin, ProgramType::tracepoint, "lacks CAP_PERFMON"},
};

TEST_F(Permission, OfProgramsIsNamedWhereItLacks) {
  for (const LackCase& test : kLacks) {
    const auto image = empty_program(test.type);
    ASSERT_TRUE(image);
    const WithoutCapabilities less(test.taken | kCapSysAdmin);
    const auto program = KernelProgram::load(*image, {}, {});
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, Code::kernel_refused);
    const std::string& text = program.error().text;
    EXPECT_TRUE(text.ends_with(test.words)) << text;
  }
}

TEST_F(Permission, ToUseBpfAtAllIsNamed) {
  if (everybody_may()) GTEST_SKIP() << "needs kernel feature: kernel.unprivileged_bpf_disabled";
  const WithoutCapabilities less(kAll | kCapSysAdmin);
  const auto ok = check_permission();
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().code, Code::no_kernel);
  EXPECT_NE(ok.error().text.find("lacks CAP_BPF"), std::string::npos) << ok.error().text;
}

TEST_F(Permission, ToOpenById) {
  const auto map = KernelMap::create(map_spec(MapType::array, 4, 4, 1), {});
  ASSERT_TRUE(map) << map.error().text;
  const WithoutCapabilities less(kCapSysAdmin);
  const auto again = KernelMap::open_id((*map)->id());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().text.find("lacks CAP_SYS_ADMIN"), std::string::npos)
      << again.error().text;
}

TEST_F(Permission, ToAttachIsNamed) {
  const auto image = empty_program(ProgramType::perf_event);
  ASSERT_TRUE(image);
  const auto program = KernelProgram::load(*image, {}, {});
  ASSERT_TRUE(program) << program.error().text;
  const auto where = parse_where("perf_event:cpu-clock:99");
  ASSERT_TRUE(where);
  const WithoutCapabilities less(kCapPerfmon | kCapSysAdmin);
  const auto link = Link::attach(**program, *where);
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().text.find("lacks CAP_PERFMON"), std::string::npos) << link.error().text;
}

TEST(Permissions, HaveNames) {
  EXPECT_EQ(names_of(0), "");
  EXPECT_EQ(names_of(kCapBpf), "CAP_BPF");
  EXPECT_EQ(names_of(kCapPerfmon | kCapNetAdmin | kCapBpf),
            "CAP_BPF and CAP_NET_ADMIN and CAP_PERFMON");
}

// Other errors are as they are, whatever this process may do.
TEST(Permissions, AreNoReasonOfOtherErrors) {
  EXPECT_EQ(refusal_text(EINVAL, kAll), errno_text(EINVAL));
  EXPECT_EQ(refusal_text(ENOENT, kAll), errno_text(ENOENT));
}

}  // namespace
}  // namespace skep
