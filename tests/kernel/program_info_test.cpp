// Programs and maps that exist already: what the kernel tells of them, by descriptor, by id and by
// their pin in a bpf file system.
#include "kernel/program_info.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "helpers/contexts/frames.h"
#include "kernel/backend.h"
#include "tests/support/image.h"
#include "tests/support/link_place.h"
#include "tests/support/run_on_zeros.h"
#include "vm/vm.h"

namespace skep {
namespace {

// Counts its runs in the map, and returns the count.
constexpr const char* kCounter =
    "*(u32 *)(r10 - 4) = 0\nr1 = map[n]\nr2 = r10\nr2 += -4\ncall map_lookup_elem\n"
    "if r0 == 0 goto out\nr1 = 1\nr1 = atomic_fetch_add((u64 *)(r0 + 0), r1)\nr0 = r1\nr0 += 1\n"
    "out:\nexit\n";

class KernelObjects : public testing::Test {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
    const auto image = test::image_of(kCounter, ProgramType::xdp, {test::array_spec("n", 8, 1)});
    auto instance = vm_.load({{image}}, *backend_);
    ASSERT_TRUE(instance) << instance.error().text;
    instance_ = std::move(*instance);
    ASSERT_NE(instance_->programs()[0].loaded, nullptr) << instance_->programs()[0].error->text;
  }

  KernelProgram& program() { return static_cast<KernelProgram&>(*instance_->programs()[0].loaded); }
  KernelMap& map() { return static_cast<KernelMap&>(*instance_->map("n")); }

  static u64 run(Loaded& program) { return test::run_on_zeros(program, ProgramType::xdp).r0; }

  std::unique_ptr<Backend> backend_ = make_kernel_backend();
  Vm vm_;
  std::unique_ptr<Instance> instance_;
};

TEST_F(KernelObjects, ProgramsTellOfThemselves) {
  const auto info = program().info();
  ASSERT_TRUE(info) << info.error().text;
  EXPECT_NE(info->id, 0u);
  EXPECT_EQ(info->type, ProgramType::xdp);
  EXPECT_EQ(info->name, "program");
  EXPECT_EQ(info->map_ids, std::vector<u32>{map().id()});
  EXPECT_FALSE(info->gpl);
  EXPECT_GE(info->insns, 10u);
  EXPECT_GT(info->loaded_at, 0u);
  EXPECT_EQ(info->loaded_by, getuid());
  EXPECT_NE(info->tag, (std::array<u8, 8>{}));
}

TEST_F(KernelObjects, ByIdTheyAreTheSame) {
  const auto info = program().info();
  ASSERT_TRUE(info) << info.error().text;
  const auto again = KernelProgram::open_id(info->id);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ((*again)->info()->tag, info->tag);
  EXPECT_EQ((*again)->image().name, "program");
  EXPECT_EQ(run(program()), 1u);
  EXPECT_EQ(run(**again), 2u);  // over the same map
}

TEST_F(KernelObjects, WhatIsNotThereIsAnError) {
  const auto program = KernelProgram::open_id(0x7fff'ffff);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().code, Code::kernel_refused);
  EXPECT_NE(program.error().text.find("ENOENT"), std::string::npos) << program.error().text;
  EXPECT_FALSE(KernelMap::open_id(0x7fff'ffff));
  EXPECT_FALSE(KernelProgram::open_pinned("/no/such/pin"));
  EXPECT_FALSE(program_info(-1));
  EXPECT_FALSE(program_info(map().fd()));
  const auto map = KernelMap::adopt(Fd(dup(KernelObjects::program().fd())));
  ASSERT_FALSE(map);
  EXPECT_NE(map.error().text.find("bpf-prog"), std::string::npos) << map.error().text;
}

TEST_F(KernelObjects, OutliveTheirInstanceWherePinned) {
  const std::string skip = test::in_own_world([&](test::World&) {
    char folder[] = "/tmp/skep_pins_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    ASSERT_EQ(mount("bpf", folder, "bpf", 0, nullptr), 0);
    const std::string program_path = std::string(folder) + "/program";
    const std::string map_path = std::string(folder) + "/map";
    ASSERT_TRUE(program().pin(program_path));
    ASSERT_TRUE(map().pin(map_path));
    EXPECT_FALSE(program().pin(program_path));  // EEXIST
    EXPECT_EQ(run(program()), 1u);
    instance_.reset();

    const auto again = KernelProgram::open_pinned(program_path);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ((*again)->image().type, ProgramType::xdp);
    EXPECT_EQ(run(**again), 2u);
    const auto counts = KernelMap::open_pinned(map_path);
    ASSERT_TRUE(counts) << counts.error().text;
    const u32 key = 0;
    u64 count = 0;
    EXPECT_EQ((*counts)->read(reinterpret_cast<const u8*>(&key), reinterpret_cast<u8*>(&count)), 0);
    EXPECT_EQ(count, 2u);
    EXPECT_EQ((*again)->info()->map_ids, std::vector<u32>{(*counts)->id()});

    const auto wrong = KernelMap::open_pinned(program_path);  // one for the other
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().text.find("bpf-prog"), std::string::npos) << wrong.error().text;
    EXPECT_FALSE(KernelProgram::open_pinned(map_path));
    umount(folder);
    rmdir(folder);
  });
  if (!skip.empty()) GTEST_SKIP() << skip;
}

}  // namespace
}  // namespace skep
