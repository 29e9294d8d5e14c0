// Machine code of single operations, on the host: every operation of values in every form, with all
// operands in registers and with most of them in slots, against what the tables say; edges that
// exchange values; text of the code for both machines; programs too large for short branches.
#include "jit/emit.h"

#include <gtest/gtest.h>

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "isa/arith.h"
#include "jit/code_cache.h"
#include "jit/ir_text.h"
#include "tests/jit/modules.h"
#include "vm/jit_backend.h"

namespace skep::jit {
namespace {

using Args = std::array<u64, 5>;

const u64 kValues[] = {0,
                       1,
                       2,
                       7,
                       31,
                       63,
                       0x7fffffff,
                       0x80000000,
                       0xffffffff,
                       ~u64{0},
                       u64{1} << 63,
                       ~(u64{1} << 63),
                       0x123456789abcdef0,
                       0xfedcba9876543210};

ir::Module parsed(const std::string& text) {
  auto module = ir::parse(text);
  EXPECT_TRUE(module) << module.error().text << text;
  if (!module) return {};
  module->mode = Mode::Trusted;
  EXPECT_EQ(ir::validate(*module), "") << text;
  return std::move(*module);
}

Result<Compiled> emitted(const ir::Module& module, const Target& target, bool text = false) {
  std::vector<Allocation> allocations;
  for (const ir::Function& function : module.functions) {
    allocations.push_back(allocate(function, target));
    EXPECT_EQ(check_allocation(function, target, allocations.back()), "");
  }
  const World world;
  const EmitOptions options{&world, 0, text};
  return &target == &kX64 ? emit_x64(module, allocations, options)
                          : emit_a64(module, allocations, options);
}

// A module's code in memory, to be entered at its first function.
class Native {
 public:
  explicit Native(const ir::Module& module) {
    auto compiled = emitted(module, host_target());
    EXPECT_TRUE(compiled) << compiled.error().text;
    if (!compiled) return;
    compiled_ = std::move(*compiled);
    auto code = cache_.reserve(static_cast<u32>(compiled_.code.size()));
    EXPECT_TRUE(code) << code.error().text;
    if (!code) return;
    code->write(compiled_.code);
    code_ = std::move(*code);
  }
  u64 operator()(const Args& args) {
    State state;
    state.run.stack = stack_;
    const auto enter = reinterpret_cast<EnterCode>(code_.address() + compiled_.enter);
    return enter(state, args.data(), code_.address() + compiled_.functions[0]);
  }
  const Compiled& compiled() const { return compiled_; }

 private:
  CodeCache cache_;
  Compiled compiled_;
  jit::Code code_;
  alignas(16) u8 stack_[kMaxFrames * kStackSize];
};

// A function that computes `line`, which defines v5 of the parameters v0 to v4, while `more` other
// values live, all of which it looks at in the end.
std::string function_of(const std::string& line, u32 more) {
  std::string text = "function 0 @0 cleared=0 {\nb0(v0, v1, v2, v3, v4) @0:\n";
  for (u32 i = 0; i < more; ++i) text += fmt::format("  v{} = add64 v4, {}\n", 100 + i, i);
  text += "  v5 = " + line + "\n";
  text += "  v6 = xor64 v5, v0\n  v7 = xor64 v6, v1\n  v8 = xor64 v7, v2\n  v9 = xor64 v8, v3\n";
  std::string last = "v9";
  for (u32 i = 0; i < more; ++i) {
    text += fmt::format("  v{} = xor64 {}, v{}\n", 300 + i, last, 100 + i);
    last = fmt::format("v{}", 300 + i);
  }
  return text + "  exit " + last + "\n}\n";
}

u64 expected(u64 value, const Args& args, u32 more) {
  u64 r0 = value ^ args[0] ^ args[1] ^ args[2] ^ args[3];
  for (u32 i = 0; i < more; ++i) r0 ^= args[4] + i;
  return r0;
}

// Text of a line and what it means.
struct Operation {
  std::string line;
  std::function<u64(const Args&)> meaning;
};

template <class U>
U high(U x, U y, bool is_signed) {
  constexpr int kBits = sizeof(U) * 8;
  if constexpr (sizeof(U) == 4) {
    const u64 product =
        is_signed ? static_cast<u64>(i64{static_cast<i32>(x)} * static_cast<i32>(y)) : u64{x} * y;
    return static_cast<U>(product >> kBits);
  } else {
    __extension__ using Wide = unsigned __int128;
    __extension__ using SignedWide = __int128;
    const Wide product =
        is_signed ? static_cast<Wide>(SignedWide{static_cast<i64>(x)} * static_cast<i64>(y))
                  : Wide{x} * y;
    return static_cast<U>(product >> kBits);
  }
}

template <class U>
u64 binary(std::string_view name, Op op, u64 a, u64 b) {
  const U x = static_cast<U>(a), y = static_cast<U>(b);
  if (name == "rotl") return std::rotl(x, static_cast<int>(y % (sizeof(U) * 8)));
  if (name == "mulh" || name == "smulh") return high(x, y, name == "smulh");
  return eval<U>(op, x, y);
}

void add_binary(std::vector<Operation>& all) {
  struct Row {
    const char* name;
    Op op;
  };
  const Row rows[] = {{"add", Op::Add},   {"sub", Op::Sub}, {"mul", Op::Mul},   {"div", Op::Div},
                      {"sdiv", Op::SDiv}, {"mod", Op::Mod}, {"smod", Op::SMod}, {"or", Op::Or},
                      {"and", Op::And},   {"xor", Op::Xor}, {"lsh", Op::Lsh},   {"rsh", Op::Rsh},
                      {"arsh", Op::Arsh}, {"rotl", {}},     {"mulh", {}},       {"smulh", {}}};
  for (const Row& row : rows) {
    for (const u32 bits : {32, 64}) {
      const auto meaning = [row, bits](u64 x, u64 y) {
        return bits == 32 ? binary<u32>(row.name, row.op, x, y)
                          : binary<u64>(row.name, row.op, x, y);
      };
      for (const auto& [x, y] : {std::pair{0, 1}, {1, 0}, {2, 2}, {3, 1}, {1, 3}}) {
        all.push_back({fmt::format("{}{} v{}, v{}", row.name, bits, x, y), [=](const Args& v) {
                         return meaning(v[std::size_t(x)], v[std::size_t(y)]);
                       }});
      }
      for (const i32 imm : {0, 1, -1, 5, 31, 4095, 4096, -4096, 0xff00, INT32_MIN, INT32_MAX}) {
        all.push_back({fmt::format("{}{} v1, {}", row.name, bits, imm),
                       [=](const Args& v) { return meaning(v[1], static_cast<u64>(i64{imm})); }});
      }
    }
  }
}

void add_unary(std::vector<Operation>& all) {
  const auto low = [](u64 x, u32 size) { return size == 8 ? x : x & ((u64{1} << size * 8) - 1); };
  for (const u32 bits : {32, 64}) {
    all.push_back(
        {fmt::format("neg{} v0", bits), [=](const Args& v) { return low(0 - v[0], bits / 8); }});
    for (const u32 size : {1, 2, 4}) {
      all.push_back({fmt::format("sext{} {} v1", bits, size), [=](const Args& v) {
                       const u32 shift = 64 - size * 8;
                       const u64 wide = static_cast<u64>(static_cast<i64>(v[1] << shift) >> shift);
                       return low(wide, bits / 8);
                     }});
    }
  }
  for (const u32 size : {1, 2, 4}) {
    all.push_back(
        {fmt::format("zext64 {} v1", size), [=](const Args& v) { return low(v[1], size); }});
  }
  for (const u32 size : {2, 4, 8}) {
    all.push_back({fmt::format("bswap64 {} v2", size),
                   [=](const Args& v) { return __builtin_bswap64(v[2]) >> (64 - size * 8); }});
  }
}

void add_conditions(std::vector<Operation>& all) {
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (kind(op) != OpKind::Jump) continue;
    const std::string symbol(row(op).text);
    for (const u32 bits : {32, 64}) {
      const auto holds = [=](u64 x, u64 y) {
        return bits == 32 ? taken<u32>(op, static_cast<u32>(x), static_cast<u32>(y))
                          : taken<u64>(op, x, y);
      };
      all.push_back({fmt::format("compare{} v0 {} v1", bits, symbol),
                     [=](const Args& v) { return u64{holds(v[0], v[1])}; }});
      all.push_back({fmt::format("select{} v0 {} v1, v2, v3", bits, symbol),
                     [=](const Args& v) { return holds(v[0], v[1]) ? v[2] : v[3]; }});
      for (const i32 imm : {0, 1, -1, 4096, INT32_MIN}) {
        const u64 wide = static_cast<u64>(i64{imm});
        all.push_back({fmt::format("compare{} v1 {} {}", bits, symbol, imm),
                       [=](const Args& v) { return u64{holds(v[1], wide)}; }});
        all.push_back({fmt::format("select{} v1 {} {}, v0, v1", bits, symbol, imm),
                       [=](const Args& v) { return holds(v[1], wide) ? v[0] : v[1]; }});
      }
    }
  }
}

void add_addresses(std::vector<Operation>& all) {
  for (const i32 disp : {0, 8, -8, 4096, 1 << 20, INT32_MIN}) {
    all.push_back(
        {fmt::format("address [v0 {} {}]", disp < 0 ? '-' : '+', disp < 0 ? -i64{disp} : disp),
         [=](const Args& v) { return v[0] + u64(i64{disp}); }});
    for (const u32 scale : {0, 1, 2, 3}) {
      all.push_back({fmt::format("address [v0 + v1 * {} {} {}]", 1 << scale, disp < 0 ? '-' : '+',
                                 disp < 0 ? -i64{disp} : disp),
                     [=](const Args& v) { return v[0] + (v[1] << scale) + u64(i64{disp}); }});
    }
  }
}

TEST(Emit, EveryOperationInRegistersAndSlots) {
  std::vector<Operation> all;
  add_binary(all);
  add_unary(all);
  add_conditions(all);
  add_addresses(all);
  for (const u32 more : {0u, 30u}) {
    for (const Operation& operation : all) {
      Native code(parsed(function_of(operation.line, more)));
      for (const u64 x : kValues) {
        for (const u64 y : kValues) {
          const Args args{x, y, x * 3 + 1, y ^ 0x5555, 12345};
          const u64 wanted = expected(operation.meaning(args), args, more);
          ASSERT_EQ(code(args), wanted)
              << operation.line << ", " << more << fmt::format(" {:#x} {:#x}", x, y);
        }
      }
    }
  }
}

// Values go round: what one edge moves are rings of two and three, in registers and in slots.
TEST(Emit, EdgesExchangeValues) {
  for (const u32 more : {0u, 30u}) {
    std::string text = "function 0 @0 cleared=0 {\nb0(v0, v1, v2, v3, v4) @0:\n";
    for (u32 i = 0; i < more; ++i) text += fmt::format("  v{} = add64 v4, {}\n", 100 + i, i);
    text +=
        "  v5 = const 77\n  jump b1(v0, v1, v2, v3, v4, v5)\n"
        "b1(v10, v11, v12, v13, v14, v15) @1:\n"
        "  v16 = sub64 v10, 1\n"
        "  branch64 v16 s> 0, b1(v16, v12, v11, v14, v15, v13), b2 @2\n"
        "b2 @3:\n  v20 = mul64 v11, 3\n  v21 = add64 v20, v12\n  v22 = mul64 v21, 5\n"
        "  v23 = add64 v22, v13\n  v24 = mul64 v23, 7\n  v25 = add64 v24, v14\n"
        "  v26 = mul64 v25, 11\n  v27 = add64 v26, v15\n";
    std::string last = "v27";
    for (u32 i = 0; i < more; ++i) {
      text += fmt::format("  v{} = xor64 {}, v{}\n", 300 + i, last, 100 + i);
      last = fmt::format("v{}", 300 + i);
    }
    Native code(parsed(text + "  exit " + last + "\n}\n"));
    for (u64 turns = 1; turns < 8; ++turns) {
      u64 a = 21, b = 22, c = 23, d = 24, e = 77;
      for (u64 i = 1; i < turns; ++i) {
        std::swap(a, b);
        const u64 first = c;
        c = d, d = e, e = first;
      }
      u64 wanted = (((a * 3 + b) * 5 + c) * 7 + d) * 11 + e;
      for (u32 i = 0; i < more; ++i) wanted ^= 24 + i;
      EXPECT_EQ(code({turns, 21, 22, 23, 24}), wanted) << turns << ", " << more;
    }
  }
}

// Memory in all sizes, by base, index and distance.
TEST(Emit, LoadsAndStores) {
  u8 memory[64];
  for (const u32 more : {0u, 30u}) {
    for (const u32 size : {1u, 2u, 4u, 8u}) {
      for (const bool is_signed : {false, true}) {
        if (is_signed && size == 8) continue;
        const std::string load =
            fmt::format("load {} [v0 + v1 * 8 + 3]{}", size, is_signed ? " signed" : "");
        Native code(parsed(function_of(load, more)));
        for (u32 i = 0; i < sizeof memory; ++i) memory[i] = static_cast<u8>(i * 37 + 130);
        const Args args{reinterpret_cast<u64>(memory), 2, 5, 6, 7};
        u64 value = 0;
        std::memcpy(&value, memory + 19, size);
        const u32 shift = 64 - size * 8;
        if (is_signed) value = static_cast<u64>(static_cast<i64>(value << shift) >> shift);
        EXPECT_EQ(code(args), expected(value, args, more)) << load;
      }
      for (const char* what : {"v2", "-7"}) {
        std::string text = function_of("const 0", more);
        text.replace(text.find("  v5 ="), 0,
                     fmt::format("  store {} [v0 + v1 * 8 + 3], {}\n", size, what));
        Native code(parsed(text));
        std::memset(memory, 0, sizeof memory);
        const Args args{reinterpret_cast<u64>(memory), 2, 0x1122334455667788, 6, 7};
        EXPECT_EQ(code(args), expected(0, args, more));
        u8 wanted[64] = {};
        const u64 value = what[0] == 'v' ? args[2] : static_cast<u64>(-7);
        std::memcpy(wanted + 19, &value, size);
        EXPECT_EQ(std::memcmp(memory, wanted, sizeof memory), 0) << size << what;
      }
    }
  }
}

TEST(Emit, Atomics) {
  struct Row {
    const char* name;
    Op op;
    bool fetches;
  };
  const Row rows[] = {{"AtomicAdd", Op::AtomicAdd, false},
                      {"AtomicOr", Op::AtomicOr, false},
                      {"AtomicAnd", Op::AtomicAnd, false},
                      {"AtomicXor", Op::AtomicXor, false},
                      {"FetchAdd", Op::FetchAdd, true},
                      {"FetchOr", Op::FetchOr, true},
                      {"FetchAnd", Op::FetchAnd, true},
                      {"FetchXor", Op::FetchXor, true},
                      {"Xchg", Op::Xchg, true},
                      {"CmpXchg", Op::CmpXchg, true}};
  for (const Row& row : rows) {
    for (const u32 more : {0u, 30u}) {
      for (const u32 size : {4u, 8u}) {
        const bool compares = row.op == Op::CmpXchg;
        const std::string line =
            fmt::format("atomic {} {} [v0 + 8], v1, {}", size, row.name, compares ? "v2" : "_");
        std::string text = function_of(line, more);
        if (!row.fetches) {  // nobody looks at what it gives
          text.replace(text.find("xor64 v5, v0"), 12, "xor64 v0, 0");
        }
        Native code(parsed(text));
        for (const u64 compared : {u64{0xaaaabbbbccccdddd}, u64{0x1234bbbbccccdddd}, u64{5}}) {
          u64 memory[2] = {1, 0xaaaabbbbccccdddd};
          const Args args{reinterpret_cast<u64>(memory), 0x7777000011112222, compared, 3, 4};
          const auto change = [&](auto* place) {
            using T = std::remove_pointer_t<decltype(place)>;
            const T old = *place;
            *place =
                atomic_result<T>(row.op, old, static_cast<T>(args[1]), static_cast<T>(compared));
            return u64{old};
          };
          u64 wanted_memory = memory[1];
          const u64 old =
              size == 4 ? change(reinterpret_cast<u32*>(&wanted_memory)) : change(&wanted_memory);
          EXPECT_EQ(code(args), expected(row.fetches ? old : 0, args, more)) << line;
          EXPECT_EQ(memory[1], wanted_memory) << line;
          EXPECT_EQ(memory[0], 1u);
        }
      }
    }
  }
}

// ---- both machines, on any host ---------------------------------------------------------------

std::string text_of(const Target& target, const std::string& line) {
  std::string text =
      "function 0 @0 cleared=0 {\nb0(v0, v1, v2, v3, v4) @0:\n  v5 = " + line + "\n  exit v5\n}\n";
  const auto compiled = emitted(parsed(text), target, true);
  EXPECT_TRUE(compiled);
  if (!compiled) return "";
  const auto from = compiled->text.find("; function");
  return compiled->text.substr(compiled->text.find('\n', from) + 1);
}

TEST(Emit, TextForEitherMachine) {
  EXPECT_NE(text_of(kX64, "add64 v0, v1").find("add rax, rdx"), std::string::npos)
      << text_of(kX64, "add64 v0, v1");
  EXPECT_NE(text_of(kA64, "add64 v0, v1").find("add x0, x1, x2"), std::string::npos)
      << text_of(kA64, "add64 v0, v1");
  EXPECT_NE(text_of(kA64, "and32 v0, 255").find("and w0, w1, 255"), std::string::npos)
      << text_of(kA64, "and32 v0, 255");
  EXPECT_NE(text_of(kX64, "load 2 [v0 + v1 * 4 + 8]").find("movzx eax, word ptr [rsi+rdx*4+8]"),
            std::string::npos)
      << text_of(kX64, "load 2 [v0 + v1 * 4 + 8]");
}

// asmjit 1.9 encodes stlr as stllr; emulators don't tell one from the other.
TEST(Emit, StoresThatReleaseDo) {
  const u32 kStlr[] = {0x089ffc00, 0x489ffc00, 0x889ffc00, 0xc89ffc00};
  for (u32 i = 0; i < 4; ++i) {
    std::string text = function_of("const 0", 0);
    text.replace(text.find("  v5 ="), 0, fmt::format("  store_release {} [v0], v1\n", 1 << i));
    const auto compiled = emitted(parsed(text), kA64);
    ASSERT_TRUE(compiled);
    u32 found = 0;
    for (std::size_t at = 0; at + 4 <= compiled->code.size(); at += 4) {
      u32 word = 0;
      std::memcpy(&word, &compiled->code[at], 4);
      found += (word & 0xfffffc00) == kStlr[i];
    }
    EXPECT_EQ(found, 1u) << i;
  }
}

TEST(Emit, CodeIsTheSameEachTime) {
  const ir::Module module = parsed(function_of("sdiv64 v0, v1", 30));
  for (const Target* target : {&kX64, &kA64}) {
    EXPECT_EQ(emitted(module, *target)->code, emitted(module, *target)->code);
  }
}

// Branches over everything: beyond what arm64's conditional branches reach, as lifted.
TEST(Emit, LargeProgramsBranchAcrossAllOfIt) {
  constexpr u32 kInsns = 150'000;
  std::vector<Insn> insns{make_insn(0xb7, 0, 0, 0, 0)};
  insns.push_back(make_insn(0x15, 1, 0, 1, 7));                         // if r1 == 7 goto +1
  insns.push_back(make_insn(0x06, 0, 0, 0, static_cast<i32>(kInsns)));  // gotol end
  for (u32 i = 0; i < kInsns; ++i) insns.push_back(make_insn(0x07, 0, 0, 0, 1));
  insns.push_back(make_insn(0x95));
  Image image;
  image.type = ProgramType::raw;
  image.maps = std::make_shared<const std::vector<MapSpec>>();
  image.program = *Program::make(insns);
  for (const Target* target : {&kX64, &kA64}) {
    CompileOptions options;
    options.target = target;
    options.level = ir::Level::O0;  // which does not add up
    const auto compiled = compile_image(image, {}, Mode::Checked, options);
    ASSERT_TRUE(compiled) << compiled.error().text;
    EXPECT_GT(compiled->code.size(), kInsns);
  }
  auto program = make_jit({.level = ir::Level::O0})->load(std::make_shared<const Image>(image), {});
  ASSERT_TRUE(program) << program.error().text;
  Env env = Env::deterministic(1);
  u8 memory[8] = {};
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory;
  frame.size = sizeof memory;
  EXPECT_EQ((*program)->run(frame, {.env = &env}).r0, 0u);
}

// More native stack than a function may take is refused.
TEST(Emit, RefusesFramesThatAreTooLarge) {
  for (const Target* target : {&kX64, &kA64}) {
    const auto compiled = emitted(parsed(function_of("add64 v0, v1", 200)), *target);
    ASSERT_FALSE(compiled);
    EXPECT_EQ(compiled.error().code, skep::Code::not_runnable);
  }
}

}  // namespace
}  // namespace skep::jit
