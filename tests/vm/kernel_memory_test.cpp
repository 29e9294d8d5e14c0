// Loads through pointers that the kernel gave: mapped memory, 0 where there is none, and never what
// this process has there; all else of a program is judged as ever.
#include <cstring>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

constexpr u64 kObject = 0xffff888000001000, kNowhere = 0xffff888000009000;
u64 secret = 0x5ec4e7;  // in this process, and in nothing that a program may read

struct Case {
  const char* name;
  ProgramType type;
  const char* text;
  u64 argument;  // the first of the context
  u64 r0 = 0;
  const char* fault = "";          // the code of it, when checked
  const char* trusted_fault = "";  // without checks; "raw": such a program must not be run so
};

const Case kCases[] = {
    {"mapped", ProgramType::tracing, "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 8)\nexit", kObject,
     22},
    {"chained", ProgramType::tracing,
     "r1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 8)\nexit", kObject, 22},
    {"sign_extended", ProgramType::tracing, "r1 = *(u64 *)(r1 + 0)\nr0 = *(s8 *)(r1 + 16)\nexit",
     kObject, ~u64{0}},
    {"unmapped", ProgramType::tracing, "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 8)\nexit",
     kNowhere, 0},
    {"null", ProgramType::lsm, "r1 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 8)\nexit", 0, 0},
    {"past_its_end", ProgramType::tracing, "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 20)\nexit",
     kObject, 0},
    {"never_the_hosts_own", ProgramType::tracing,
     "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 0)\nexit", reinterpret_cast<u64>(&secret), 0},
    {"kept_on_the_stack", ProgramType::tracing,
     "r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r1\nr2 = r10\nr2 += -8\n"
     "r2 = *(u64 *)(r2 + 0)\nr0 = *(u64 *)(r2 + 8)\nexit",
     kObject, 22},
    {"of_the_current_task", ProgramType::kprobe,
     "call get_current_task_btf\nr0 = *(u64 *)(r0 + 8)\nexit", 0, 22},
    {"a_number_is_no_pointer", ProgramType::kprobe,
     "call get_current_task\nr0 = *(u64 *)(r0 + 8)\nexit", 0, 0, "bad_access", "raw"},
    {"nor_is_a_raw_argument", ProgramType::raw_tracepoint,
     "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 8)\nexit", kObject, 0, "bad_access", "raw"},
    {"past_the_context", ProgramType::tracing, "r0 = *(u64 *)(r1 + 8)\nexit", 0, 0, "bad_access",
     "raw"},
    {"a_store", ProgramType::tracing, "r1 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + 8) = 1\nr0 = 0\nexit",
     kObject, 0, "bad_access", "not_runnable"},
    {"an_atomic", ProgramType::tracing,
     "r1 = *(u64 *)(r1 + 0)\nr0 = 1\nlock *(u64 *)(r1 + 8) += r0\nexit", kObject, 0, "bad_access",
     "not_runnable"},
};

std::string run_case(const Case& c, Mode mode, u64& r0) {
  u64 object[3] = {kObject, 22, 0xff};
  const MappedMemory memory[] = {{kObject, reinterpret_cast<u8*>(object), sizeof object}};
  Env env = Env::deterministic(1);
  env.memory = memory;
  env.task.address = kObject;
  u64 argument = c.argument;
  Frame frame{.type = c.type, .memory = reinterpret_cast<u8*>(&argument), .size = 8};
  Vm vm;
  const std::vector<std::shared_ptr<const Image>> images{test::image_of(c.text, c.type)};
  const auto backend = make_interpreter({.mode = mode});
  auto instance = vm.load(images, *backend);
  if (!instance) return "no instance";
  const InstanceProgram& program = (*instance)->programs()[0];
  if (program.loaded == nullptr) return std::string(name(program.error->code));
  const RunResult result = program.loaded->run(frame, {.env = &env});
  r0 = result.r0;
  return result.ok() ? "" : std::string(name(result.fault.code));
}

class KernelMemory : public testing::TestWithParam<Case> {};

TEST_P(KernelMemory, IsReadThroughItsPointers) {
  u64 r0 = 99;
  EXPECT_EQ(run_case(GetParam(), Mode::Checked, r0), GetParam().fault);
  EXPECT_EQ(r0, GetParam().fault[0] == 0 ? GetParam().r0 : 0);
  if (std::string_view(GetParam().trusted_fault) == "raw") return;
  for (Mode mode : {Mode::Trusted, Mode::Proved}) {
    r0 = 99;
    const std::string fault = run_case(GetParam(), mode, r0);
    EXPECT_EQ(fault, GetParam().trusted_fault);
    if (fault.empty()) {
      EXPECT_EQ(r0, GetParam().r0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Loads, KernelMemory, testing::ValuesIn(kCases),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(PerfEvent, RegistersWholeAndTheSampleInParts) {
  const struct {
    const char* text;
    u64 r0;
    bool faults;
  } cases[] = {
      {"r0 = *(u64 *)(r1 + 128)\nexit", 0x1234, false},  // ip
      {"r0 = *(u64 *)(r1 + 168)\nexit", 4000, false},
      {"r0 = *(u32 *)(r1 + 176)\nexit", 0x88, false},
      {"r0 = *(u32 *)(r1 + 128)\nexit", 0, true},
      {"r0 = *(u64 *)(r1 + 184)\nexit", 0, true},
  };
  for (const auto& c : cases) {
    Env env = Env::deterministic(1);
    Frame frame{.type = ProgramType::perf_event};
    frame.regs.machine = Machine::X64;
    frame.regs.set_ip(0x1234);
    frame.perf = {4000, 0x7700000088};
    Vm vm;
    const std::vector<std::shared_ptr<const Image>> images{
        test::image_of(c.text, ProgramType::perf_event)};
    auto instance = vm.load(images);
    ASSERT_TRUE(instance);
    const RunResult result = (*instance)->find("program")->run(frame, {.env = &env});
    EXPECT_EQ(result.ok(), !c.faults) << c.text;
    EXPECT_EQ(result.r0, c.r0) << c.text;
  }
}

}  // namespace
}  // namespace skep
