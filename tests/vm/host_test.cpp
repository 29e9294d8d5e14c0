// Helpers and program types of a host's own, in programs that run: arguments are checked by the
// prototype, contexts are read and written by their fields, and messages have their names.
#include "helpers/contexts/access.h"
#include "helpers/spec/image_names.h"
#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

namespace words = helper_words;
namespace returns = helper_returns;

constexpr u32 kSum = 0x10000, kFill = 0x80000001, kTwice = 0x10002, kRefuse = 0x10003,
              kPeek = 0x10004;

// What the host's structure is, and what programs see of it.
struct Request {
  u16 kind = 7;
  u8 flags = 0x5a;
  u64 cost = 0x1'0000'0002;
  u32 tags[3] = {10, 20, 30};
};

u64 sum(void* user, Run&, const u64 (&args)[5]) {
  ++*static_cast<int*>(user);
  const u8* bytes = reinterpret_cast<const u8*>(args[0]);
  u64 total = 0;
  for (u64 i = 0; i < args[1]; ++i) total += bytes[i];
  return total;
}
u64 fill(void*, Run&, const u64 (&args)[5]) {
  std::memset(reinterpret_cast<void*>(args[0]), 0xab, 8);
  return 1;
}
u64 twice(void*, Run& run, const u64 (&args)[5]) {
  u64 total = 0;
  for (u64 i = 1; i <= 2 && !run.faulted(); ++i)
    total += run.invoke(run, args[0], {i, args[1], 0, 0, 0});
  return total;
}
u64 refuse(void*, Run& run, const u64 (&)[5]) {
  run.set_fault(Code::host_fault, kRefuse);
  return 5;
}
u64 peek(void*, Run& run, const u64 (&args)[5]) {
  Map* map = run.map(args[0]);
  return reinterpret_cast<u64>(map->lookup(reinterpret_cast<const u8*>(args[1]), run.cpu));
}

class HostTest : public testing::Test {
 protected:
  void SetUp() override {
    const HelperProto protos[] = {
        {kSum, "sum", {}, where::Any, returns::Integer, {words::Mem, words::SizeOrZero}, 0},
        {kFill, "fill", {}, where::Any, returns::Void, {words::UninitFixedMem(8)}, 0},
        {kTwice,
         "twice",
         {},
         where::Any,
         returns::Integer,
         {words::Function, words::StackOrNull},
         helper_flags::MayCall},
        {kRefuse, "refuse", {}, where::xdp, returns::Integer, {}, 0},
        {kPeek,
         "peek",
         {},
         where::Any,
         returns::MapValueOrNull,
         {words::Map(kLookup), words::MapKey},
         0},
    };
    const HostEntry entries[] = {{sum, &calls}, {fill}, {twice}, {refuse}, {peek}};
    for (int i = 0; i < 5; ++i) {
      const Status added = vm.add_helper(protos[i], entries[i]);
      ASSERT_TRUE(added) << added.error().text;
    }
    HostProgramType hook{
        .name = "hook",
        .context = ContextKind::Fields,
        .size = 40,
        .fields = {{.name = "kind",
                    .offset = 0,
                    .size = 4,
                    .writable = true,
                    .native = offsetof(Request, kind),
                    .native_size = 2},
                   {.name = "cost",
                    .offset = 8,
                    .size = 8,
                    .widths = Widths::Narrow,
                    .writable = true,
                    .native = offsetof(Request, cost)},
                   {.name = "tags",
                    .offset = 16,
                    .size = 12,
                    .element = 4,
                    .native = offsetof(Request, tags)},
                   {.name = "data", .offset = 28, .size = 4, .is = FieldIs::PacketStart},
                   {.name = "data_end", .offset = 32, .size = 4, .is = FieldIs::PacketEnd},
                   {.name = "len", .offset = 36, .size = 4, .is = FieldIs::Length}},
        .helpers = {kSum, 1}};
    const auto added = vm.add_program_type(hook);
    ASSERT_TRUE(added) << added.error().text;
    type = *added;
    const auto more = vm.add_program_type(
        {.name = "block", .context = ContextKind::Flat, .size = 16, .writable = true});
    ASSERT_TRUE(more);
    block = *more;
  }

  RunResult run(std::string_view text, Frame& frame, Mode mode = Mode::Checked) {
    auto image = std::const_pointer_cast<Image>(
        test::image_of(text, frame.type, {test::array_spec("values", 8, 2)}));
    image->host = vm.rows();
    const std::shared_ptr<const Image> images[] = {image};
    const auto backend = make_interpreter({.mode = mode});
    instance = *vm.load(images, *backend);
    const InstanceProgram& program = instance->programs().front();
    if (program.error) {
      RunResult refused;
      refused.fault.set = true;
      refused.message = program.error->text;
      return refused;
    }
    return program.loaded->run(frame, {.env = &env});
  }
  // The same with a request and a packet of three bytes.
  RunResult run_hook(std::string_view text, Mode mode = Mode::Checked) {
    Frame frame = hook_frame();
    return run(text, frame, mode);
  }
  Frame hook_frame() {
    return {.type = type,
            .packet = {.data = packet, .end = packet + sizeof packet},
            .memory = reinterpret_cast<u8*>(&request),
            .size = sizeof request};
  }
  RunResult run_raw(std::string_view text, Mode mode = Mode::Checked) {
    Frame frame{.type = ProgramType::raw, .memory = memory, .size = sizeof memory};
    return run(text, frame, mode);
  }

  Vm vm;
  Env env = Env::deterministic(1);
  std::unique_ptr<Instance> instance;
  ProgramType type{}, block{};
  Request request;
  u8 packet[3] = {1, 2, 3};
  u8 memory[16] = {1, 2, 3, 4};
  int calls = 0;
};

struct RawCase {
  const char* text;
  u64 r0;
  const char* fault;  // part of the message; "": none
};

TEST_F(HostTest, HelpersAreCalledWithCheckedArguments) {
  const RawCase cases[] = {
      {"r2 = 4\ncall 0x10000\nexit", 10, ""},
      {"r2 = 0\nr1 = 0\ncall 0x10000\nexit", 0, ""},
      {"r2 = 17\ncall 0x10000\nexit", 0, "17"},
      {"r1 = 8\nr2 = 4\ncall 0x10000\nexit", 0, "null pointer"},
      {"r1 = r10\nr1 += -8\ncall -2147483647\nif r0 != 0 goto +2\nr0 = *(u64 *)(r10 - "
       "8)\nexit\nexit",
       0xabababababababab, ""},
      {"r1 = r10\nr1 += -4\ncall -2147483647\nexit", 0, "stack of 512"},
      {"r1 = twice_of ll\nr2 = 0\ncall 0x10002\nexit\n.func twice_of\ntwice_of:\nr0 = r1\nr0 *= "
       "10\nexit",
       30, ""},
      {"r1 = 5\nr2 = 0\ncall 0x10002\nexit", 0, "code"},
      {"call 0x10003\nexit", 0, "helper refuse (65539) is not for raw programs"},
      {"*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4\nr1 = map[values]\ncall 0x10004\nif r0 == 0 goto "
       "+3\n*(u64 *)(r0 + 0) = 9\nr0 = *(u64 *)(r0 + 0)\nexit\nexit",
       9, ""},
      {"*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4\nr1 = 4\ncall 0x10004\nexit", 0, "not a map"},
      {"r2 = 4\nr6 = 0x10000\ncallx r6\nexit", 10, ""},
      {"call 0x10009\nexit", 0, "not known"},
  };
  for (const RawCase& c : cases) {
    const RunResult result = run_raw(c.text);
    EXPECT_EQ(result.r0, c.r0) << c.text << result.message;
    EXPECT_EQ(result.ok(), *c.fault == 0) << c.text;
    EXPECT_NE(result.message.find(c.fault), std::string::npos) << c.text << ": " << result.message;
  }
  EXPECT_GT(calls, 0);
}

TEST_F(HostTest, FaultsOfHelpersEndTheRun) {
  auto buffer = PacketBuffer::make(std::span(packet), ProgramType::xdp);
  Frame frame{.type = ProgramType::xdp, .packet = buffer->packet()};
  const RunResult result = run("call 0x10003\nr0 = 1\nexit", frame);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.fault.code, Code::host_fault);
  EXPECT_EQ(result.message,
            "insn 0: the host's helper refuse (65539) ended the run\n  <text>:1: call 0x10003");
}

TEST_F(HostTest, TrustedProgramsCallThemToo) {
  EXPECT_EQ(run_raw("r2 = 4\ncall 0x10000\nexit", Mode::Trusted).r0, 10u);
  EXPECT_EQ(run_hook("r0 = *(u32 *)(r1 + 0)\nexit", Mode::Trusted).r0, 7u);
}

TEST_F(HostTest, ContextsAreReadAndWrittenByTheirFields) {
  const RawCase cases[] = {
      {"r0 = *(u32 *)(r1 + 0)\nexit", 7, ""},
      {"r2 = r1\n*(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r3 + 8)\nexit", 2,
       ""},
      {"r0 = *(u32 *)(r1 + 12)\nexit", 1, ""},
      {"r0 = *(u32 *)(r1 + 24)\nexit", 30, ""},
      {"r0 = *(u32 *)(r1 + 36)\nexit", 3, ""},
      {"r2 = *(u32 *)(r1 + 28)\nr0 = *(u8 *)(r2 + 2)\nexit", 3, ""},
      {"r2 = *(u32 *)(r1 + 32)\nr0 = *(u8 *)(r2 + 0)\nexit", 0, "a read of 1"},
      {"r0 = *(u16 *)(r1 + 0)\nexit", 0, "no such context field"},
      {"*(u32 *)(r1 + 16) = 1\nexit", 0, "no such context field"},
      {"r0 = *(u32 *)(r1 + 40)\nexit", 0, "no such context field"},
      {"call 5\nexit", 0, "helper ktime_get_ns (5) is not for hook programs"},
      {"r0 = 5\ncallx r0\nexit", 0, "is not for hook programs"},
      {"r1 = *(u32 *)(r1 + 28)\nr2 = 3\ncall 0x10000\nexit", 6, ""},
  };
  for (const RawCase& c : cases) {
    const RunResult result = run_hook(c.text);
    EXPECT_EQ(result.r0, c.r0) << c.text << result.message;
    EXPECT_EQ(result.ok(), *c.fault == 0) << c.text;
    const std::string said(
        result.ok() ? "" : std::string(row(result.fault.code).title) + result.message);
    EXPECT_NE(said.find(c.fault), std::string::npos) << c.text << ": " << said;
  }
  EXPECT_TRUE(
      run_hook("*(u32 *)(r1 + 0) = 0x12345\nr2 = 99\n*(u64 *)(r1 + 8) = r2\nr0 = 0\nexit").ok());
  EXPECT_EQ(request.kind, 0x2345);
  EXPECT_EQ(request.flags, 0x5a);
  EXPECT_EQ(request.cost, 99u);
}

TEST_F(HostTest, FramesThatLackWhatTheTypeNeedsAreRefused) {
  const auto rows = vm.rows();
  const char* text = "r0 = 1\nexit";
  Frame frame = hook_frame();
  frame.size = sizeof(u64);
  EXPECT_EQ(run(text, frame).fault.code, Code::bad_frame);
  frame = hook_frame();
  frame.memory = nullptr;
  EXPECT_EQ(run(text, frame).fault.code, Code::bad_frame);
  frame = hook_frame();
  frame.packet = {};
  EXPECT_EQ(run(text, frame).fault.code, Code::bad_frame);
  Frame flat{.type = block, .memory = memory, .size = 15};
  EXPECT_EQ(run(text, flat).fault.code, Code::bad_frame);
  Frame unknown{.type = ProgramType(0xffff)};
  EXPECT_EQ(run(text, unknown).fault.code, Code::type_not_emulated);
}

TEST_F(HostTest, FlatContextsArePlainMemory) {
  Frame frame{.type = block, .memory = memory, .size = sizeof memory};
  const RunResult result = run("*(u8 *)(r1 + 15) = 9\nr0 = *(u8 *)(r1 + 3)\nr0 += r2\nexit", frame);
  EXPECT_EQ(result.r0, 4u) << result.message;
  EXPECT_EQ(memory[15], 9);
  EXPECT_FALSE(run("r0 = *(u8 *)(r1 + 16)\nexit", frame).ok());
}

TEST_F(HostTest, TheHostSetsFieldsByName) {
  const auto rows = vm.rows();
  Frame frame = hook_frame();
  frame.host = rows->find_type(type);
  EXPECT_TRUE(set_field(frame, "kind", 300));
  EXPECT_EQ(request.kind, 300);
  EXPECT_EQ(*get_field(frame, "tags[2]"), 30u);
  EXPECT_EQ(set_field(frame, "kind", 65536).error().code, Code::bad_field_value);
  EXPECT_EQ(set_field(frame, "data", 1).error().code, Code::fixed_field);
  const auto unknown = set_field(frame, "nothing", 1);
  EXPECT_NE(unknown.error().text.find("kind, cost, tags[3]"), std::string::npos)
      << unknown.error().text;
  frame.memory = nullptr;
  EXPECT_FALSE(get_field(frame, "kind"));
}

TEST_F(HostTest, AssemblerAndDisassemblerHaveTheNames) {
  const auto rows = vm.rows();
  AsmOptions names;
  names.helper = [&](std::string_view name) -> std::optional<i32> {
    const HelperProto* proto = find_helper(rows.get(), name);
    if (proto == nullptr) return std::nullopt;
    return static_cast<i32>(proto->id);
  };
  const std::string text = "    call bpf_fill#-2147483647\n    call bpf_ktime_get_ns#5\n    exit\n";
  auto assembly = assemble("call fill\ncall ktime_get_ns\nexit\n", names);
  ASSERT_TRUE(assembly) << assembly.error().text;
  Image image;
  image.type = ProgramType::raw;
  image.host = rows;
  DisasmOptions shown = names_of(image);
  shown.prefix = DisasmPrefix::None;
  const std::string printed = disassemble(std::span<const Insn>(assembly->insns), shown);
  EXPECT_EQ(printed, text);
  const auto again = assemble(printed, names);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->insns.size(), 3u);
  EXPECT_EQ(static_cast<u32>(again->insns[0].imm), kFill);
}

TEST_F(HostTest, RowsOnceTakenStayAsTheyAre) {
  const auto before = vm.rows();
  ASSERT_TRUE(vm.add_helper({0x20000, "later", {}, where::Any, returns::Integer, {}, 0}, {fill}));
  EXPECT_EQ(before->find_helper(0x20000u), nullptr);
  EXPECT_NE(vm.rows()->find_helper(0x20000u), nullptr);
  EXPECT_EQ(vm.rows()->find_helper(kSum), before->find_helper(kSum)) << "shared, not copied";
  EXPECT_FALSE(vm.add_helper({0x20000, "again", {}, where::Any, returns::Integer, {}, 0}, {fill}));
  EXPECT_EQ(Vm().rows(), nullptr);
}

}  // namespace
}  // namespace skep
