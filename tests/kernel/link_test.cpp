// Places to attach to, as text; programs attached in a network namespace of the test's own.
#include "kernel/link.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

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

struct Case {
  const char* where;
  ProgramType type;
};

class Links : public testing::TestWithParam<Case> {};

// In a thread with a network namespace of its own, which has only a loopback device.
TEST_P(Links, AttachAndDetach) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  std::string skip, failure;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      skip = "needs permission: a network namespace";
      return;
    }
    const auto image = test::image_of("r0 = 2\nexit\n", GetParam().type);
    const auto program = KernelProgram::load(image, {}, {});
    const auto where = parse_where(GetParam().where);
    if (!program || !where) {
      failure = !program ? program.error().text : where.error().text;
      return;
    }
    for (int turn = 0; turn < 2; ++turn) {  // the second time only if the first one detached
      const auto link = Link::attach(**program, *where);
      if (!link) {
        failure = link.error().text;
        return;
      }
    }
  }).join();
  if (!skip.empty()) GTEST_SKIP() << skip;
  if (failure.find("EOPNOTSUPP") != std::string::npos)
    GTEST_SKIP() << "needs kernel feature: " << failure;
  EXPECT_EQ(failure, "");
}

INSTANTIATE_TEST_SUITE_P(Kernel, Links,
                         testing::Values(Case{"xdp:lo", ProgramType::xdp},
                                         Case{"tc_ingress:lo", ProgramType::sched_cls},
                                         Case{"tc_egress:lo", ProgramType::sched_cls}),
                         [](const auto& which) {
                           std::string name = which.param.where;
                           name.resize(name.find(':'));
                           return name;
                         });

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
