// Stack trace maps and the helpers that fill them, ours against the running kernel's: the same
// operations by programs and host in the same order must have the same answers. Which id a trace
// gets is a hash of addresses, so an id is compared as such only where there is one bucket.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "kernel/backend.h"
#include "kernel/syscall.h"
#include "tests/support/image.h"
#include "tests/support/map_specs.h"
#include "tests/support/running_kernel.h"
#include "vm/vm.h"

namespace skep {
namespace {

constexpr u64 kUser = 1 << 8, kFast = 1 << 9, kReuse = 1 << 10, kBuildId = 1 << 11;
constexpr u32 kDepth = 16;  // of what the maps keep
constexpr Version kTakesSince{6, 18};

// The flags, and for get_stack the size, are the tracepoint's arguments.
constexpr const char* kAdd = R"(
    r3 = *(u64 *)(r1 + 0)
    r2 = map[m]
    call get_stackid
    exit
)";
constexpr const char* kCopy = R"(
    r4 = *(u64 *)(r1 + 0)
    r3 = *(u64 *)(r1 + 8)
    r3 &= 63
    r2 = r10
    r2 += -64
    call get_stack
    exit
)";
constexpr const char* kCopyTask = R"(
    r6 = *(u64 *)(r1 + 0)
    r7 = *(u64 *)(r1 + 8)
    r7 &= 63
    call get_current_task_btf
    r1 = r0
    r2 = r10
    r2 += -64
    r3 = r7
    r4 = r6
    call get_task_stack
    exit
)";

enum class What { Add, Copy, CopyTask, Read, Write, Erase, Take };
constexpr const char* kNames[] = {"add", "copy", "copy_task", "read", "write", "erase", "take"};

constexpr u32 kLast = ~0u;  // the id that came last
struct Step {
  What what;
  u64 flags = 0;
  u64 argument = 0;  // a key, or a size
};

constexpr Step kSteps[] = {
    {What::Read, 0, 0},
    {What::Erase, 0, 0},
    {What::Add, 1 << 12},
    {What::Add, kBuildId},
    {What::Add, 1ull << 32},
    {What::Add, 0xff},          // there are not so many frames
    {What::Add, kUser | 0xff},  // nor here
    {What::Add, 0},
    {What::Add, 0},
    {What::Add, kFast},
    {What::Add, kReuse},
    {What::Read, 0, kLast},
    {What::Read, 4, kLast},
    {What::Read, 1, kLast},
    {What::Read, 0, 1 << 20},
    {What::Write, 0, kLast},
    {What::Write, 1, kLast},
    {What::Write, 4, 1 << 20},
    {What::Take, 1, kLast},
    {What::Take, 4, kLast},
    {What::Erase, 0, kLast},
    {What::Erase, 0, kLast},
    {What::Erase, 0, 1 << 20},
    {What::Read, 0, kLast},
    {What::Take, 0, kLast},
    {What::Add, kReuse},
    {What::Take, 0, kLast},
    {What::Take, 0, kLast},
    {What::Take, 0, 1 << 20},
    {What::Add, 2 | kReuse},
    {What::Add, 1 | kReuse},
    {What::Add, kUser | kReuse},
    {What::Add, kUser | kFast | kReuse},
    {What::Erase, 0, kLast},
    {What::Copy, 1 << 12, 32},
    {What::Copy, kFast, 32},
    {What::Copy, kBuildId, 32},
    {What::Copy, 0xff, 32},
    {What::Copy, 0, 31},
    {What::Copy, 0, 0},
    {What::Copy, 0, 16},
    {What::Copy, 1, 16},
    {What::CopyTask, 1 << 12, 32},
    {What::CopyTask, kReuse, 32},
    {What::CopyTask, kBuildId, 32},
    {What::CopyTask, 0, 31},
    {What::CopyTask, 0, 16},
};

// Where all traces meet: what is there stays, or goes.
constexpr Step kOneBucketSteps[] = {
    {What::Add, 0},          {What::Add, 0},     {What::Add, 1},         {What::Add, 1 | kFast},
    {What::Add, 1 | kReuse}, {What::Add, 0},     {What::Add, 0 | kFast}, {What::Add, kReuse},
    {What::Add, 1},          {What::Erase},      {What::Add, 1},         {What::Erase},
    {What::Erase},           {What::Add, kUser}, {What::Add, 0},
};

class World {
 public:
  World(std::unique_ptr<Backend> backend, const MapSpec& spec) : backend_(std::move(backend)) {
    env_.kernel_stack = kKernelStack;
    env_.user_stack = kUserStack;
    std::vector<std::shared_ptr<const Image>> images;
    constexpr const char* kTexts[] = {kAdd, kCopy, kCopyTask};
    for (u32 i = 0; i < std::size(kTexts); ++i) {
      auto image =
          std::make_shared<Image>(*test::image_of(kTexts[i], ProgramType::raw_tracepoint, {spec}));
      image->name = kNames[i];
      image->license = "GPL";
      images.push_back(std::move(image));
    }
    auto instance = vm_.load(images, *backend_);
    if (!instance) throw std::runtime_error(instance.error().text);
    instance_ = std::move(*instance);
  }

  // What went wrong, or that nothing did: ids are kept for the steps that follow.
  i32 answer(const Step& step, bool one_bucket) {
    if (step.what > What::CopyTask) return ask_host(step);
    const i32 result = run(step);
    if (result < 0) return result;
    if (step.what != What::Add) return step.argument == 0 ? result : result > 0;
    last_ = static_cast<u32>(result);
    return one_bucket ? result : 0;
  }

 private:
  i32 run(const Step& step) {
    u64 arguments[2] = {step.flags, step.argument};
    Frame frame{.type = ProgramType::raw_tracepoint};
    frame.memory = reinterpret_cast<u8*>(arguments);
    frame.size = sizeof arguments;
    const InstanceProgram& program = instance_->programs()[static_cast<u32>(step.what)];
    if (program.error) throw std::runtime_error(program.error->text);
    const RunResult result = program.loaded->run(frame, {.env = &env_});
    EXPECT_TRUE(result.ok()) << result.message;
    return static_cast<i32>(result.r0);
  }

  i32 ask_host(const Step& step) {
    const u32 id = step.argument == kLast ? last_ : static_cast<u32>(step.argument);
    const u8* key = reinterpret_cast<const u8*>(&id);
    u8 value[8 * kDepth] = {};
    Map& map = *instance_->maps()[0];
    switch (step.what) {
      case What::Read: return map.read(key, value, step.flags);
      case What::Write: return map.write(key, value, step.flags);
      case What::Erase: return map.erase(key);
      default: return map.read_and_erase(key, value, step.flags);
    }
  }

  static constexpr u64 kKernelStack[] = {0xffffffff81000010, 0xffffffff81000020, 0xffffffff81000030,
                                         0xffffffff81000040, 0xffffffff81000050};
  static constexpr u64 kUserStack[] = {0x401000, 0x402000, 0x403000};

  Vm vm_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Instance> instance_;
  Env env_ = Env::deterministic(1);
  u32 last_ = 0;
};

struct Case {
  const char* name;
  u32 entries;
  std::span<const Step> steps;
};

class StackMaps : public testing::TestWithParam<Case> {};

TEST_P(StackMaps, AnswerAsTheKernel) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const MapSpec spec = map_spec(MapType::stack_trace, 4, 8 * kDepth, GetParam().entries, 0, "m");
  World kernel(make_kernel_backend(), spec), ours(make_interpreter(), spec);
  const bool one_bucket = GetParam().entries == 1;
  u32 number = 0;
  for (const Step& step : GetParam().steps) {
    if (step.what == What::Take && test::running_kernel() < kTakesSince) continue;
    EXPECT_EQ(ours.answer(step, one_bucket), kernel.answer(step, one_bucket))
        << fmt::format("step {}: {} flags {:#x} argument {}", number,
                       kNames[static_cast<u32>(step.what)], step.flags, step.argument);
    ++number;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, StackMaps,
                         testing::Values(Case{"many_buckets", 1 << 14, kSteps},
                                         Case{"one_bucket", 1, kOneBucketSteps}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
