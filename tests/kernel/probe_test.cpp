// The running kernel asked, and compared with the tables: what differs must be known, and why.
#include "kernel/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "kernel/kernel_types.h"
#include "kernel/permission.h"
#include "kernel/syscall.h"
#include "tests/support/permission.h"

namespace skep {
namespace {

// What a kernel's configuration leaves out of what the tables say of its version, and what shows
// that this is so: a function that a kernel with it has.
struct Excuse {
  std::string_view line;
  std::string_view function;
};
constexpr Excuse kExcuses[] = {
    // CONFIG_BPF_LIRC_MODE2
    {"program type lirc_mode2: the table says yes, the kernel no", "lirc_mode2_prog_attach"},
    // CONFIG_BPF_KPROBE_OVERRIDE
    {"helper override_return in kprobe: the table says yes, the kernel no", "bpf_override_return"},
};

// Whether the kernel is locked down, or does not say: then nobody may write to users' memory.
bool may_be_locked_down() {
  std::ifstream file("/sys/kernel/security/lockdown");
  std::string text;
  return !std::getline(file, text) || text.find("[none]") == std::string::npos;
}

bool is_excused(const std::string& line, const Btf& kernel) {
  for (const Excuse& excuse : kExcuses) {
    if (line == excuse.line) return kernel.find(BtfKind::Func, excuse.function) == 0;
  }
  if (line.starts_with("helper probe_write_user in ") && line.ends_with("the kernel no"))
    return may_be_locked_down();
  return false;
}

TEST(Probe, TheRunningKernelIsAsTheTablesSay) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const auto kernel = read_kernel_btf();
  if (!kernel) GTEST_SKIP() << "needs kernel feature: " << kernel.error().text;
  const auto facts = probe_kernel();
  ASSERT_TRUE(facts) << facts.error().text;
  EXPECT_GT(facts->types.size(), 40u);
  EXPECT_EQ(facts->features.size(), 34u);
  EXPECT_TRUE(facts->unasked.empty()) << facts->unasked.front();
  // Tracing of functions and LSM are forbidden on some machines, to root too; nothing else is.
  for (const TypeFacts& type : facts->types) {
    if (type.type != ProgramType::tracing && type.type != ProgramType::lsm) {
      EXPECT_NE(type.error, EPERM) << name(type.type) << ": " << type.why;
    }
  }
  const auto xdp = std::ranges::find(facts->types, ProgramType::xdp, &TypeFacts::type);
  ASSERT_NE(xdp, facts->types.end());
  EXPECT_TRUE(xdp->loads) << xdp->error;
  EXPECT_GT(xdp->helpers.size(), 20u);
  // Between the versions that the tables' sources were asked on, a row may be a version off.
  if (facts->version != Version{6, 18}) GTEST_SKIP() << "needs kernel feature: Linux 6.18";
  for (const std::string& line : differences(*facts))
    EXPECT_TRUE(is_excused(line, **kernel)) << line;
}

// What more permissions would show is told, not taken for absent.
TEST(Probe, TellsWhatPermissionIsMissing) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const test::WithoutCapabilities less(kCapNetAdmin | kCapSysAdmin);
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const auto facts = probe_kernel({.contexts = false});
  ASSERT_TRUE(facts) << facts.error().text;
  for (const TypeFacts& type : facts->types) {
    if (type.type != ProgramType::xdp) continue;
    EXPECT_FALSE(type.loads);
    EXPECT_NE(type.why.find("lacks CAP_NET_ADMIN"), std::string::npos) << type.why;
  }
  const auto tells = [&](std::string_view start) {
    return std::ranges::any_of(facts->unasked, [&](const std::string& line) {
      return line.starts_with(start) && line.find("lacks CAP_NET_ADMIN") != std::string::npos;
    });
  };
  EXPECT_TRUE(tells("map type devmap: "));
  EXPECT_FALSE(tells("map type hash: "));
}

}  // namespace
}  // namespace skep
