// The front door: instances, maps by name, reuse of maps, prog arrays, and one program on many
// threads.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::array_spec;
using test::image_of;

constexpr const char* kCount = R"(
    *(u32 *)(r10 - 4) = 0
    r1 = map[n]
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = *(u64 *)(r0 + 0)
  out:
    exit
)";

RunResult run_raw(Loaded& program, std::span<u8> memory = {}, RunOptions options = {}) {
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory.data();
  frame.size = memory.size();
  Env env = Env::deterministic(1);
  if (options.env == nullptr) options.env = &env;
  return program.run(frame, options);
}

u64 value_of(Map& map, u32 key) {
  u64 value = 0;
  EXPECT_EQ(map.read(reinterpret_cast<const u8*>(&key), reinterpret_cast<u8*>(&value)), 0);
  return value;
}

TEST(Vm, FindsProgramsAndMapsByName) {
  Vm vm;
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto instance = vm.load({{image}});
  ASSERT_TRUE(instance) << instance.error().text;
  EXPECT_EQ((*instance)->find("nobody"), nullptr);
  EXPECT_EQ((*instance)->map("nothing"), nullptr);
  ASSERT_NE((*instance)->find("program"), nullptr);
  EXPECT_EQ(run_raw(*(*instance)->find("program")).r0, 1u);
  EXPECT_EQ(run_raw(*(*instance)->find("program")).r0, 2u);
  EXPECT_EQ(value_of(*(*instance)->map("n"), 0), 2u);
}

TEST(Vm, InstancesHaveTheirOwnMapsUnlessTheyShareThem) {
  Vm vm;
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto backend = make_interpreter();
  const auto first = vm.load({{image}});
  const auto own = vm.load({{image}});
  const std::pair<std::string, u32> reuse[] = {{"n", 1}};
  const auto shared = vm.load({{image}}, *backend, reuse);
  ASSERT_TRUE(first && own && shared);
  run_raw(*(*first)->find("program"));
  EXPECT_EQ(run_raw(*(*own)->find("program")).r0, 1u);
  EXPECT_EQ(run_raw(*(*shared)->find("program")).r0, 2u);
}

TEST(Vm, MapsAreLimited) {
  Vm vm({.cpus = 1, .max_maps = 1});
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  ASSERT_TRUE(vm.load({{image}}));
  const auto second = vm.load({{image}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::too_many_maps);
}

TEST(Vm, ReuseMustFit) {
  Vm vm;
  const auto id = vm.maps().create(array_spec("n", 4, 1));
  ASSERT_TRUE(id);
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto backend = make_interpreter();
  const std::pair<std::string, u32> reuse[] = {{"n", *id}};
  const auto instance = vm.load({{image}}, *backend, reuse);
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code, Code::map_mismatch);
}

// A program that can't be lowered leaves its error; the others of the object run.
TEST(Vm, OneBadProgramDoesNotHideTheOthers) {
  Vm vm;
  const auto good = image_of("r0 = 3\nexit\n");
  const auto bad = image_of("r0 = 0\nr1 = addr_space_cast(r0, 0, 1)\nexit\n");
  const auto instance = vm.load({{bad, good}});
  ASSERT_TRUE(instance);
  const auto programs = (*instance)->programs();
  ASSERT_TRUE(programs[0].error);
  EXPECT_EQ(programs[0].error->code, Code::not_runnable);
  ASSERT_NE(programs[1].loaded, nullptr);
  EXPECT_EQ(run_raw(*programs[1].loaded).r0, 3u);
}

TEST(Run, NeedsAnEnv) {
  Vm vm;
  const auto instance = vm.load({{image_of("r0 = 3\nexit\n")}});
  ASSERT_TRUE(instance);
  Frame frame;
  frame.type = ProgramType::raw;
  const RunResult result = (*instance)->programs()[0].loaded->run(frame, {});
  EXPECT_EQ(result.fault.code, Code::no_environment);
}

TEST(Run, RepeatsAndCounts) {
  Vm vm;
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto instance = vm.load({{image}});
  ASSERT_TRUE(instance);
  const RunResult once = run_raw(*(*instance)->find("program"));
  const RunResult ten = run_raw(*(*instance)->find("program"), {}, {.repeat = 10});
  EXPECT_EQ(ten.r0, 11u);
  EXPECT_EQ(ten.insns, 10 * once.insns);
}

TEST(Run, FaultsSayWhereAndWhat) {
  Vm vm;
  u8 memory[4] = {};
  const auto instance = vm.load({{image_of("r0 = *(u64 *)(r1 + 0)\nexit\n")}});
  ASSERT_TRUE(instance);
  const RunResult result = run_raw(*(*instance)->programs()[0].loaded, memory);
  ASSERT_TRUE(result.fault.set);
  EXPECT_EQ(result.fault.code, Code::bad_access);
  EXPECT_EQ(result.fault.pc, Pc{0});
  EXPECT_EQ(result.fault.cls, AddressClass::Memory);
  EXPECT_EQ(result.fault.size, 8u);
  EXPECT_EQ(result.fault.base, reinterpret_cast<u64>(memory));
  EXPECT_EQ(result.fault.bound, reinterpret_cast<u64>(memory) + 4);
  EXPECT_NE(result.message.find("insn 0: a read of 8 bytes"), std::string::npos) << result.message;
  EXPECT_NE(result.message.find("memory of 4 bytes"), std::string::npos) << result.message;
}

TEST(Run, TracesEachInsnWithItsRegisters) {
  Vm vm;
  const auto backend = make_interpreter({.trace = true});
  const auto instance = vm.load({{image_of("r0 = 1\nr0 += 2\nexit\n")}}, *backend);
  ASSERT_TRUE(instance);
  std::vector<std::pair<u32, u64>> seen;
  RunOptions options;
  options.trace_user = &seen;
  options.trace = [](void* user, Pc pc, const Image&, const u64(&regs)[kRegs]) {
    static_cast<std::vector<std::pair<u32, u64>>*>(user)->emplace_back(pc.value, regs[0]);
  };
  run_raw(*(*instance)->programs()[0].loaded, {}, options);
  const std::vector<std::pair<u32, u64>> want = {{0, 0}, {1, 1}, {2, 3}};
  EXPECT_EQ(seen, want);
}

// One loaded program, many threads: atomic additions are not lost, nothing races.
TEST(Run, OneProgramOnManyThreads) {
  Vm vm({.cpus = 4});
  const auto image = image_of(kCount, ProgramType::raw, {array_spec("n", 8, 1)});
  const auto instance = vm.load({{image}});
  ASSERT_TRUE(instance);
  Loaded* const program = (*instance)->find("program");
  std::vector<std::thread> threads;
  for (u32 cpu = 0; cpu < 4; ++cpu) {
    threads.emplace_back([&, cpu] {
      for (int i = 0; i < 1000; ++i) run_raw(*program, {}, {.cpu = cpu});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value_of(*(*instance)->map("n"), 0), 4000u);
}

// Modes meet in a tail call: a checked program enters a trusted one and the other way round.
TEST(Run, TailCallsCrossModes) {
  Vm vm;
  MapSpec spec;
  spec.name = "p";
  spec.type = MapType::prog_array;
  spec.key_size = spec.value_size = 4;
  spec.max_entries = 1;
  const auto jump =
      image_of("r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n", ProgramType::raw, {spec});
  const auto target = image_of("r0 = 1234\nexit\n");
  for (const auto& [from, to] :
       {std::pair{Mode::Checked, Mode::Trusted}, std::pair{Mode::Trusted, Mode::Checked}}) {
    const auto outer = make_interpreter({.mode = from});
    const auto inner = make_interpreter({.mode = to});
    const auto caller = vm.load({{jump}}, *outer);
    const auto callee = vm.load({{target}}, *inner);
    ASSERT_TRUE(caller && callee);
    const Callable* callable = (*callee)->programs()[0].loaded->callable();
    ASSERT_EQ((*caller)->maps()[0]->set_target(
                  0, std::shared_ptr<const Callable>(std::shared_ptr<void>(), callable)),
              0);
    const RunResult result = run_raw(*(*caller)->programs()[0].loaded);
    EXPECT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.r0, 1234u);
  }
}

// The line and the image are those of the program that was tail-called.
TEST(Run, FaultsInTailCalledProgramsSaySo) {
  Vm vm;
  MapSpec spec;
  spec.name = "p";
  spec.type = MapType::prog_array;
  spec.key_size = spec.value_size = 4;
  spec.max_entries = 1;
  const auto jump =
      image_of("r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n", ProgramType::raw, {spec});
  const auto target = image_of("r0 = 0\nr0 = *(u8 *)(r0 + 0)\nexit\n");
  for (const Mode from : {Mode::Checked, Mode::Trusted}) {
    const auto outer = make_interpreter({.mode = from});
    const auto inner = make_interpreter();
    const auto caller = vm.load({{jump}}, *outer);
    const auto callee = vm.load({{target}}, *inner);
    ASSERT_TRUE(caller && callee);
    const Callable* callable = (*callee)->programs()[0].loaded->callable();
    (*caller)->maps()[0]->set_target(
        0, std::shared_ptr<const Callable>(std::shared_ptr<void>(), callable));
    const RunResult result = run_raw(*(*caller)->programs()[0].loaded);
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.image, target.get());
    EXPECT_NE(result.message.find("<text>:2: r0 = *(u8 *)(r0 + 0)"), std::string::npos)
        << result.message;
  }
}

}  // namespace
}  // namespace skep
