// What the kernel learns of an object besides instructions: its types, with data sections in them,
// and what its names of the kernel are. By types.bpf.c. Skipped where bpf(2) is refused.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "kernel/backend.h"
#include "kernel/kernel_types.h"
#include "loader/loader.h"
#include "tests/support/btf_builder.h"
#include "tests/support/run_on_zeros.h"
#include "tests/support/running_kernel.h"
#include "vm/vm.h"

namespace skep {
namespace {

// Related to the running kernel's types.
Result<Object> load_object() {
  std::ifstream in(SKEP_OBJECT_DIR "/types.bpf.o", std::ios::binary);
  const std::vector<u8> bytes{std::istreambuf_iterator<char>(in), {}};
  const auto target = CoreTarget::make(TRY(read_kernel_btf()));
  return load(bytes, {.name = "types.bpf.o", .target = target ? &*target : nullptr});
}

struct Case {
  const char* program;
  Version since;        // Linux
  u64 result;           // of a run
  const char* refusal;  // or what is said of the program
};
void PrintTo(const Case& which, std::ostream* out) {
  *out << which.program;
}

class ObjectInKernel : public testing::TestWithParam<Case> {};

TEST_P(ObjectInKernel, IsKnownByItsTypesAndNames) {
  const Case& which = GetParam();
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  if (test::running_kernel() < which.since) GTEST_SKIP() << test::needs_linux(which.since);
  if (const auto types = read_kernel_btf(); !types)
    GTEST_SKIP() << "needs kernel feature: " << types.error().text;
  const auto object = load_object();
  ASSERT_TRUE(object) << object.error().text;
  const auto image = object->image(which.program);
  ASSERT_TRUE(image) << image.error().text;
  const auto backend = make_kernel_backend();
  Vm vm;
  const auto instance = vm.load({{*image}}, *backend);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  const std::string error = program.error ? program.error->text : "";
  if (error.find("kptr_restrict") != error.npos) GTEST_SKIP() << "needs permission: " << error;
  if (which.refusal != nullptr) {
    EXPECT_NE(error.find(which.refusal), error.npos) << error;
    return;
  }
  ASSERT_EQ(error, "");
  PacketBuffer buffer;
  const RunResult result =
      test::run_on_zeros(*program.loaded, ProgramType::sched_cls, 1, &buffer, nullptr);
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, which.result);
}

constexpr Case kCases[] = {
    {"put_item", {6, 4}, 0, nullptr},
    {"find_inner", {6, 4}, 0, nullptr},
    {"take_lock", {5, 3}, 2, nullptr},
    {"see_symbols", {5, 10}, 0, nullptr},
    {"call_what_exists", {6, 2}, 0, nullptr},
    {"call_what_does_not", {5, 13}, 0, "the kernel has no function 'skep_has_no_such_function'"},
    {"need_symbol", {5, 10}, 0, "resolving skep_must_have_this_symbol"},
};
INSTANTIATE_TEST_SUITE_P(Programs, ObjectInKernel, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.program); });

// The types of one object are one in the kernel, as long as the object is there.
TEST(TypesInKernel, AreLoadedOnce) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  test::BtfBuilder builder;
  builder.integer("int", 4, test::BtfBuilder::kSigned);
  ObjectTypes types;
  auto first = builder.share();
  const auto second = builder.share();
  const auto fd = types.of(first);
  EXPECT_TRUE(*fd);
  EXPECT_EQ(types.of(first), fd);
  EXPECT_NE(types.of(second)->get(), fd->get());
  EXPECT_FALSE(*types.of(nullptr));
  std::weak_ptr<const Fd> kept = fd;
  EXPECT_EQ(kept.use_count(), 2);
  first.reset();
  types.of(second);
  EXPECT_EQ(kept.use_count(), 1);  // ours alone
}

// A section with entries that no kernel takes: what is right in it stays.
TEST(TypesInKernel, LeaveOutWhatNoSectionHas) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  test::BtfBuilder builder;
  const u32 integer = builder.integer("int", 4, test::BtfBuilder::kSigned);
  const u32 forward = builder.forward("unknown");
  const u32 good = builder.variable("good", integer);
  const u32 last = builder.variable("last", integer, 0);
  const u32 sizeless = builder.variable("sizeless", forward);
  const u32 outside = builder.variable("outside", integer);
  const u32 small = builder.variable("small", integer);
  builder.decl_tag("tag", good, -1);
  builder.decl_tag("tag", outside, -1);
  builder.section("a/b", 4, {{integer, 0, 4}});
  const u32 data = builder.section(".data.some", 16,
                                   {{good, 0, 4},
                                    {good, 4, 4},
                                    {sizeless, 4, 4},
                                    {small, 4, 2},
                                    {integer, 4, 4},
                                    {last, 8, 4},
                                    {outside, 16, 4}});
  const Btf btf = builder.build();
  const Fd fd = load_btf_into_kernel(&btf);
  ASSERT_TRUE(fd);
  MapSpec spec;
  spec.name = ".data.some";
  spec.type = MapType::array;
  spec.key_size = 4;
  spec.value_size = 16;
  spec.max_entries = 1;
  spec.btf_value = data;
  const auto map = KernelMap::create(spec, {.btf_fd = fd.get()});
  ASSERT_TRUE(map) << map.error().text;
}

}  // namespace
}  // namespace skep
