// Programs in the kernel: loaded with their maps, test-run, refused with the verifier's reason.
// Skipped where bpf(2) is refused.
#include "kernel/backend.h"

#include <gtest/gtest.h>

#include "helpers/contexts/frames.h"
#include "tests/support/btf_builder.h"
#include "tests/support/image.h"
#include "tests/support/run_on_zeros.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::array_spec;
using test::image_of;

class KernelPrograms : public testing::Test {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  }

  // Runs on a packet of 64 zeros.
  RunResult run(Loaded& program, ProgramType type, Packet* out = nullptr) {
    return test::run_on_zeros(program, type, 1, &buffer_, out);
  }

  PacketBuffer buffer_;
  std::unique_ptr<Backend> backend_ = make_kernel_backend();
  Vm vm_;
};

TEST_F(KernelPrograms, RunWithTheirMaps) {
  const auto image = image_of(
      "*(u32 *)(r10 - 4) = 0\nr1 = map[n]\nr2 = r10\nr2 += -4\ncall map_lookup_elem\n"
      "if r0 == 0 goto out\nr1 = 7\nlock *(u64 *)(r0 + 0) += r1\nout:\nr0 = 2\nexit\n",
      ProgramType::xdp, {array_spec("n", 8, 1)});
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_NE(program.loaded, nullptr) << program.error->text;
  EXPECT_EQ(run(*program.loaded, ProgramType::xdp).r0, 2u);
  const u32 key = 0;
  u64 value = 0;
  Map& map = *(*instance)->map("n");
  EXPECT_EQ(map.read(reinterpret_cast<const u8*>(&key), reinterpret_cast<u8*>(&value)), 0);
  EXPECT_EQ(value, 7u);
}

// Maps by their place in fd_array, which goes with the program as it is.
TEST_F(KernelPrograms, NameMapsByIndex) {
  const auto image = image_of(
      "r1 = map[idx:1][0] + 8\n*(u64 *)(r1 + 0) = 5\n*(u32 *)(r10 - 4) = 0\nr1 = map[idx:0]\n"
      "r2 = r10\nr2 += -4\ncall map_delete_elem\nexit\n",
      ProgramType::xdp, {array_spec("first", 8, 1), array_spec("second", 16, 1)});
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_NE(program.loaded, nullptr) << program.error->text;
  EXPECT_EQ(static_cast<i32>(run(*program.loaded, ProgramType::xdp).r0), kEINVAL);
  const u32 key = 0;
  u64 value[2] = {};
  Map& map = *(*instance)->map("second");
  EXPECT_EQ(map.read(reinterpret_cast<const u8*>(&key), reinterpret_cast<u8*>(value)), 0);
  EXPECT_EQ(value[1], 5u);
}

// Test runs of types without a packet take no number of repeats, so there are as many of them.
TEST_F(KernelPrograms, RunOnMemoryAsOftenAsAsked) {
  const auto image = std::const_pointer_cast<Image>(
      image_of("r2 = *(u64 *)(r1 + 8)\nr2 += 1\n*(u64 *)(r1 + 8) = r2\nr0 = 7\nexit\n",
               ProgramType::syscall));
  image->sleepable = true;
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_NE(program.loaded, nullptr) << program.error->text;
  u64 memory[2] = {1, 41};
  Frame frame;
  frame.type = ProgramType::syscall;
  frame.memory = reinterpret_cast<u8*>(memory);
  frame.size = sizeof memory;
  Env env = Env::deterministic(1);
  const RunResult result = program.loaded->run(frame, {.env = &env, .repeat = 3});
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, 7u);
  EXPECT_EQ(memory[1], 44u);
}

// The address of a kernel function, which programs may name as they name variables.
TEST_F(KernelPrograms, NameKernelFunctions) {
  Insn insns[4] = {};
  const Encoded address =
      encode({.op = Op::LoadBtfId, .bits = 64, .immediate = true, .dst = 1, .imm = 0}, Pc{0});
  std::copy_n(address.slots, 2, insns);
  insns[2] = encode({.op = Op::Mov, .bits = 64, .immediate = true, .imm = 2}, Pc{2}).slots[0];
  insns[3] = encode({.op = Op::Exit}, Pc{3}).slots[0];
  auto image = std::make_shared<Image>();
  image->name = "address";
  image->type = ProgramType::xdp;
  image->license = "GPL";
  image->program = *Program::make({insns, insns + 4});
  image->maps = std::make_shared<const std::vector<MapSpec>>();
  image->externs = {{.name = "schedule", .btf_type = 0, .function = true}};
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_NE(program.loaded, nullptr) << program.error->text;
  EXPECT_EQ(run(*program.loaded, ProgramType::xdp).r0, 2u);
}

// Clang keeps no names of the arguments of functions that are only declared, such as the kernel's
// own; the kernel refuses types with such a function.
TEST_F(KernelPrograms, MayDeclareFunctions) {
  test::BtfBuilder builder;
  const u32 integer = builder.integer("int", 4, test::BtfBuilder::kSigned);
  const u32 proto = builder.prototype(integer, {{"", integer}, {"", integer}});
  const auto linkage = static_cast<u32>(BtfLinkage::Extern);
  builder.function("declared", proto, linkage);
  builder.function("variadic", builder.prototype(integer, {{"", integer}, {"", 0}}), linkage);
  const Btf btf = builder.build();
  EXPECT_TRUE(load_btf_into_kernel(&btf));
}

TEST_F(KernelPrograms, ChangePackets) {
  const auto image = image_of(
      "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 2\nif r4 > r3 goto out\n"
      "*(u8 *)(r2 + 1) = 9\nout:\nr0 = 2\nexit\n",
      ProgramType::xdp);
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  Packet packet;
  const RunResult result = run(*(*instance)->programs()[0].loaded, ProgramType::xdp, &packet);
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(packet.end - packet.data, 64);
  EXPECT_EQ(packet.data[1], 9);
}

TEST_F(KernelPrograms, RefusalsHaveTheLog) {
  const auto image = image_of("r0 = *(u64 *)(r1 + 9999)\nexit\n", ProgramType::xdp);
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_TRUE(program.error);
  EXPECT_EQ(program.error->code, Code::refused_by_verifier);
  EXPECT_NE(program.error->text.find("EACCES"), std::string::npos) << program.error->text;
  EXPECT_NE(program.error->text.find("invalid bpf_context access"), std::string::npos);
  EXPECT_EQ(program.error->pc, Pc{0});  // of a second log: the first has counts alone
}

TEST_F(KernelPrograms, VerdictsHaveTheObjectionAndItsPlace) {
  const auto image = image_of("r2 = 1\nr0 = *(u64 *)(r1 + 9999)\nexit\n", ProgramType::xdp);
  const auto verdict = kernel_verify(image, {}, {.log_level = 1});
  ASSERT_TRUE(verdict) << verdict.error().text;
  EXPECT_FALSE(verdict->accepted);
  EXPECT_NE(verdict->log.message.find("invalid bpf_context access"), std::string::npos)
      << verdict->text;
  EXPECT_EQ(verdict->log.pc, Pc{1});
}

TEST_F(KernelPrograms, OurOwnTypesAreNotTheKernels) {
  const auto image = image_of("r0 = 0\nexit\n", ProgramType::raw);
  const auto instance = vm_.load({{image}}, *backend_);
  ASSERT_TRUE(instance) << instance.error().text;
  ASSERT_TRUE((*instance)->programs()[0].error);
  EXPECT_EQ((*instance)->programs()[0].error->code, Code::kernel_refused);
}

}  // namespace
}  // namespace skep
