// The JIT as a Backend: every form of every row on corner values; tail calls between engines and
// levels; native stack within its bound; many threads; memory for code that comes and goes.
#include <gtest/gtest.h>
#include <pthread.h>

#include <climits>
#include <thread>

#include "tests/support/forms.h"
#include "tests/support/image.h"
#include "vm/jit_backend.h"
#include "vm/vm.h"

namespace skep {
namespace {

using ir::Level;
using test::array_spec;
using test::image_of;

RunResult run_raw(Loaded& program, std::span<u8> memory = {}, RunOptions options = {}) {
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory.data();
  frame.size = memory.size();
  Env env = Env::deterministic(1);
  env.cpus = 4;
  options.env = &env;
  return program.run(frame, options);
}

std::shared_ptr<const Image> image_of_code(std::vector<Insn> code) {
  auto image = std::make_shared<Image>();
  image->type = ProgramType::raw;
  image->maps = std::make_shared<const std::vector<MapSpec>>();
  auto program = Program::make(std::move(code));
  EXPECT_TRUE(program) << program.error().text;
  if (program) image->program = std::move(*program);
  return image;
}

// r2 and r3 come out of memory, so that nothing is known of them; r2 and whether a jump was taken
// go back.
std::vector<Insn> around(Insn insn, bool jump) {
  std::vector<Insn> code{make_insn(0xbf, 6, 1), make_insn(0x79, 2, 6, 0), make_insn(0x79, 3, 6, 8),
                         make_insn(0xb7, 7, 0, 0, 1)};
  if (jump) insn.off = 1;
  code.push_back(insn);
  if (jump) code.push_back(make_insn(0xb7, 7, 0, 0, 0));
  code.insert(code.end(), {make_insn(0x7b, 6, 2, 16), make_insn(0x7b, 6, 7, 24), make_insn(0x95)});
  return code;
}

class Levels : public testing::TestWithParam<Level> {};

TEST_P(Levels, EveryFormOnCornerValues) {
  const auto backend = make_jit({.level = GetParam()});
  for (const Form& form : forms()) {
    if (!test::computes(form)) continue;
    const bool from_reg = (form.uses & Form::kSrc) != 0;
    const bool from_imm = !from_reg && (form.uses & Form::kImm) != 0;
    const bool jump = kind(form.op) == OpKind::Jump;
    for (const i32 imm : test::kImms) {
      if (!from_imm && imm != test::kImms[0]) break;
      const Insn insn = test::insn_of(form, 2, from_reg ? 3 : 0, 0, from_imm ? imm : 0);
      auto program = backend->load(image_of_code(around(insn, jump)), {});
      ASSERT_TRUE(program) << program.error().text;
      for (const u64 x : test::kValues) {
        for (const u64 y : test::kValues) {
          u64 memory[4] = {x, y, 0, 7};
          const RunResult result =
              run_raw(**program, {reinterpret_cast<u8*>(memory), sizeof memory});
          ASSERT_TRUE(result.ok()) << result.message;
          const u64 operand = from_imm ? static_cast<u64>(i64{imm}) : y;
          const u64 dst = jump ? x : test::expected_value(form, x, operand);
          const u64 taken = !jump || test::expected_jump(form, x, operand);
          ASSERT_EQ(memory[2], dst)
              << row(form.op).name << fmt::format(" {:#x}, {:#x}", x, operand);
          ASSERT_EQ(memory[3], taken)
              << row(form.op).name << fmt::format(" {:#x}, {:#x}", x, operand);
        }
      }
    }
  }
}

// Eight frames, a callback in the seventh, helpers in the last: on a stack of 64 KiB.
constexpr const char* kDeep = R"(
    r6 = 0
    r7 = r10
    call f1
    exit
  f1:
    *(u64 *)(r10 - 512) = 1
    call f2
    exit
  f2:
    call f3
    exit
  f3:
    call f4
    exit
  f4:
    call f5
    exit
  f5:
    r1 = 3
    r2 = callback ll
    r3 = r10
    r4 = 0
    call loop
    exit
  callback:
    *(u64 *)(r10 - 512) = r1
    r1 = r10
    r1 += -512
    call last
    r0 = 0
    exit
  last:
    r6 = *(u64 *)(r1 + 0)
    call ktime_get_ns
    r0 = r6
    exit
)";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kNativeStack = 256 << 10;  // for what sanitizers add to the engine's own
#else
constexpr std::size_t kNativeStack = 64 << 10;
#endif

struct OnThread {
  Loaded* program;
  RunResult result;
};

TEST_P(Levels, EightFramesFitAStackOf64KiB) {
  const auto backend = make_jit({.level = GetParam()});
  auto program = backend->load(image_of(kDeep), {});
  ASSERT_TRUE(program) << program.error().text;
  OnThread there{program->get(), {}};
  const std::size_t size = std::max<std::size_t>(kNativeStack, PTHREAD_STACK_MIN);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size), 0);
  pthread_t thread;
  const auto body = [](void* user) -> void* {
    OnThread& given = *static_cast<OnThread*>(user);
    const std::size_t least = PTHREAD_STACK_MIN;  // where that is more, the rest is taken away
    volatile u8* const rest =
        static_cast<u8*>(__builtin_alloca(least > kNativeStack ? least - kNativeStack : 1));
    rest[0] = 0;
    given.result = run_raw(*given.program);
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &there), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_TRUE(there.result.ok()) << there.result.message;
  EXPECT_EQ(there.result.r0, 3u);
}

constexpr const char* kCount = R"(
    r1 = map[n]
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto +2
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = 0
    exit
)";

TEST_P(Levels, OneProgramOnManyThreads) {
  Vm vm({.cpus = 4});
  const auto backend = make_jit({.level = GetParam()});
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto instance = vm.load({{image}}, *backend);
  ASSERT_TRUE(instance);
  Loaded* const program = (*instance)->find("program");
  ASSERT_NE(program, nullptr);
  std::vector<std::thread> threads;
  for (u32 cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      for (int i = 0; i < 1000; ++i) run_raw(*program, {}, {.cpu = cpu});
    });
  }
  for (std::thread& thread : threads) thread.join();
  u64 value = 0;
  Map& map = *(*instance)->map("n");
  const u8 key[4] = {};
  ASSERT_EQ(map.read(key, reinterpret_cast<u8*>(&value), 0), 0);
  EXPECT_EQ(value, 4000u);
}

// Programs come and go; what runs is always the last one.
TEST_P(Levels, RecompilesPrograms) {
  const auto backend = make_jit({.level = GetParam()});
  std::unique_ptr<Loaded> kept;
  for (i32 i = 0; i < 500; ++i) {
    auto program = backend->load(
        image_of_code({make_insn(0xb7, 0, 0, 0, i), make_insn(0x07, 0, 0, 0, 5), make_insn(0x95)}),
        {});
    ASSERT_TRUE(program) << program.error().text;
    ASSERT_EQ(run_raw(**program).r0, static_cast<u64>(i) + 5);
    if (i % 3 != 0) continue;
    kept = std::move(*program);
    ASSERT_EQ(run_raw(*kept).r0, static_cast<u64>(i) + 5);
  }
}

INSTANTIATE_TEST_SUITE_P(Jit, Levels, testing::Values(Level::O0, Level::O2),
                         [](const auto& p) { return p.param == Level::O0 ? "O0" : "O2"; });

// ---- tail calls between engines ---------------------------------------------------------------

struct Kind {
  const char* name;
  bool jit;
  Mode mode;
  Level level = Level::O0;
};
constexpr Kind kKinds[] = {{"interpreter", false, Mode::Checked},
                           {"trusted_interpreter", false, Mode::Trusted},
                           {"O0", true, Mode::Checked, Level::O0},
                           {"O2", true, Mode::Checked, Level::O2},
                           {"trusted_O2", true, Mode::Trusted, Level::O2}};

std::unique_ptr<Backend> backend_of(const Kind& kind) {
  return kind.jit ? make_jit({.mode = kind.mode, .level = kind.level})
                  : make_interpreter({.mode = kind.mode});
}

class Between : public testing::TestWithParam<std::tuple<Kind, Kind>> {
 protected:
  // A program on the first engine, whose slot 0 of map p is a program on the second one.
  RunResult run(std::string_view from, std::string_view to) {
    MapSpec spec;
    spec.name = "p";
    spec.type = MapType::prog_array;
    spec.key_size = spec.value_size = 4;
    spec.max_entries = 1;
    const auto outer = backend_of(std::get<0>(GetParam()));
    const auto inner = backend_of(std::get<1>(GetParam()));
    target_ = image_of(to, ProgramType::raw, {array_spec("n", 8, 1)});
    const auto caller = vm_.load({{image_of(from, ProgramType::raw, {spec})}}, *outer);
    const auto callee = vm_.load({{target_}}, *inner);
    EXPECT_TRUE(caller && callee);
    if (!caller || !callee) return {};
    const Callable* callable = (*callee)->programs()[0].loaded->callable();
    EXPECT_EQ((*caller)->maps()[0]->set_target(
                  0, std::shared_ptr<const Callable>(std::shared_ptr<void>(), callable)),
              0);
    u8 memory[16] = {42};
    return run_raw(*(*caller)->programs()[0].loaded, memory);
  }

  Vm vm_;
  std::shared_ptr<const Image> target_;
};

TEST_P(Between, TailCalls) {
  const RunResult result = run("r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n",
                               "r0 = *(u8 *)(r1 + 0)\nr0 += r2\nexit\n");
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, 58u);
  EXPECT_EQ(result.insns, 8u);
}

// Out of a local call: the caller goes on with its own maps and frame.
TEST_P(Between, TailCallsOutOfLocalCalls) {
  const RunResult result = run(
      "*(u64 *)(r10 - 8) = 700\nr6 = r1\nr2 = r1\nr2 = r10\nr2 += -8\ncall jumps\n"
      "r7 = r0\nr0 = *(u64 *)(r10 - 8)\nr0 += r7\n"
      "r3 = *(u8 *)(r6 + 0)\nr0 += r3\nexit\n"
      "jumps:\nr2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n",
      "*(u64 *)(r10 - 8) = 1\n*(u32 *)(r10 - 16) = 0\nr1 = map[n]\nr2 = r10\nr2 += -16\n"
      "call map_lookup_elem\nif r0 == 0 goto +2\nr1 = 3\n*(u64 *)(r0 + 0) = r1\nr0 = 1000\nexit\n");
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, 1742u);
}

// A callback of the target is the target's, whoever called it.
TEST_P(Between, TargetsHaveCallbacks) {
  const RunResult result = run(
      "r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n",
      "*(u64 *)(r10 - 8) = 0\nr1 = 4\nr2 = each ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall loop\n"
      "r0 = *(u64 *)(r10 - 8)\nexit\n"
      "each:\nr3 = *(u64 *)(r2 + 0)\nr3 += 10\nr3 += r1\n*(u64 *)(r2 + 0) = r3\nr0 = 0\nexit\n");
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, 46u);
}

TEST_P(Between, FaultsAreTheTargets) {
  const RunResult result =
      run("r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n", "r0 = 0\ncallx r0\nexit\n");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.fault.code, Code::bad_code_address);
  EXPECT_EQ(result.fault.pc, Pc{1});
  EXPECT_EQ(result.image, target_.get());
}

INSTANTIATE_TEST_SUITE_P(Jit, Between,
                         testing::Combine(testing::ValuesIn(kKinds), testing::ValuesIn(kKinds)),
                         [](const auto& p) {
                           return fmt::format("{}_to_{}", std::get<0>(p.param).name,
                                              std::get<1>(p.param).name);
                         });

}  // namespace
}  // namespace skep
