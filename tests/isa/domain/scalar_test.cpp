// What is known of registers, against what instructions do: for every arithmetic row and every
// comparison of isa/insn.def, members of the operands' sets give members of the result's, at 64 and
// 32 bits, on sets made of corner values and of random ones. And by hand: what must be known at
// least, how sets are made, joined, widened and printed.
#include "isa/domain/scalar.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "isa/arith.h"

namespace skep {
namespace {

std::vector<Op> rows(std::initializer_list<OpKind> kinds) {
  std::vector<Op> result;
  for (int i = 0; i < kOps; ++i) {
    for (const OpKind each : kinds) {
      if (kind(static_cast<Op>(i)) == each) result.push_back(static_cast<Op>(i));
    }
  }
  return result;
}

std::vector<Op> arithmetic_rows() {
  return rows({OpKind::Alu, OpKind::Unary, OpKind::MovSx, OpKind::Swap});
}

// Values near where something changes, and any.
class Values {
 public:
  explicit Values(u64 seed) : random_(seed) {}

  u64 value() {
    const u64 any = random_();
    switch (random_() % 6) {
      case 0: return any;
      case 1: return any >> random_() % 64;
      case 2: return ~(any >> random_() % 64);
      case 3: return (u64{1} << random_() % 64) + random_() % 3 - 1;
      case 4: return static_cast<u64>(i64{static_cast<i32>(any)});
      default: return any % 64;
    }
  }

  // A set with this member, and up to three others that are near or anywhere.
  Scalar around(u64 member) {
    Scalar result = Scalar::constant(member);
    for (u64 others = random_() % 4; others > 0; --others) {
      result =
          join(result, Scalar::constant(random_() % 2 == 0 ? value() : member + random_() % 16));
    }
    if (random_() % 4 != 0) return result;
    const auto less = refine(Op::Jle, true, result, Scalar::constant(member), 32);
    return less ? less->x : Scalar::unknown();
  }

 private:
  std::mt19937_64 random_;
};

u64 meaning(Op op, u64 x, u64 y, int bits) {
  if (bits == 64 || kind(op) == OpKind::Swap) return eval<u64>(op, x, y);
  return eval<u32>(op, static_cast<u32>(x), static_cast<u32>(y));
}

bool jumps(Op op, u64 x, u64 y, int bits) {
  return bits == 64 ? taken<u64>(op, x, y)
                    : taken<u32>(op, static_cast<u32>(x), static_cast<u32>(y));
}

TEST(Scalar, ResultsAreMembers) {
  for (const Op op : arithmetic_rows()) {
    Values values(static_cast<u64>(op));
    for (int i = 0; i < 3000; ++i) {
      const u64 a = values.value(), b = values.value();
      const Scalar x = values.around(a), y = values.around(b);
      for (const int bits : {64, 32}) {
        const Scalar result = apply(op, x, y, bits);
        ASSERT_TRUE(result.contains(meaning(op, a, b, bits)))
            << row(op).name << bits << " of " << a << " in " << text(x) << " and " << b << " in "
            << text(y) << " is not in " << text(result);
      }
    }
  }
}

TEST(Scalar, OperandsOfJumpsStayMembers) {
  for (const Op op : rows({OpKind::Jump})) {
    Values values(static_cast<u64>(op));
    for (int i = 0; i < 4000; ++i) {
      const u64 a = values.value(), b = i % 4 == 0 ? a : values.value();
      const Scalar x = values.around(a), y = values.around(b);
      for (const int bits : {64, 32}) {
        const bool is_taken = jumps(op, a, b, bits);
        const auto result = refine(op, is_taken, x, y, bits);
        ASSERT_TRUE(result && result->x.contains(a) && result->y.contains(b))
            << row(op).name << bits << (is_taken ? " taken: " : " not taken: ") << a << " in "
            << text(x) << " and " << b << " in " << text(y);
        ASSERT_TRUE(x.covers(result->x) && y.covers(result->y))
            << "a refinement that lost something";
        ASSERT_EQ(decided(op, x, y, bits).value_or(is_taken), is_taken);
      }
    }
  }
}

TEST(Scalar, ConstantsGiveConstants) {
  Values values(1);
  for (int i = 0; i < 20000; ++i) {
    const u64 a = values.value(), b = values.value();
    for (const Op op : arithmetic_rows()) {
      const Scalar result = apply(op, Scalar::constant(a), Scalar::constant(b), 64);
      ASSERT_EQ(result, Scalar::constant(meaning(op, a, b, 64))) << row(op).name;
    }
    for (const Op op : rows({OpKind::Jump})) {
      ASSERT_EQ(decided(op, Scalar::constant(a), Scalar::constant(b), 64), jumps(op, a, b, 64));
    }
  }
}

TEST(Scalar, JoinAndMeetKeepMembers) {
  Values values(2);
  for (int i = 0; i < 20000; ++i) {
    const u64 a = values.value(), b = values.value();
    const Scalar x = values.around(a), y = values.around(b), z = values.around(a);
    const Scalar both = join(x, y);
    ASSERT_TRUE(both.contains(a) && both.contains(b));
    ASSERT_TRUE(both.covers(x) && both.covers(y));
    const auto common = meet(x, z);
    ASSERT_TRUE(common && common->contains(a));
    ASSERT_TRUE(x.covers(*common) && z.covers(*common));
    ASSERT_EQ(hash(x), hash(Scalar{x}));
    for (const int bytes : {1, 2, 4, 8}) {
      const u64 kept = domain::low_ones<u64>(bytes * 8);
      ASSERT_TRUE(truncate(x, bytes).contains(a & kept));
      ASSERT_TRUE(sign_extend(x, bytes).contains(domain::sign_extended(a, bytes * 8)));
      for (int at = 0; at + bytes <= 8; ++at) {
        ASSERT_TRUE(bytes_of(x, at, bytes).contains(a >> at * 8 & kept));
      }
    }
  }
}

// Loops that go on for ever come to rest.
TEST(Scalar, WideningEnds) {
  const std::vector<u64> thresholds{0, 16, 100, 4096, static_cast<u64>(-1), static_cast<u64>(-64)};
  Values values(3);
  for (int i = 0; i < 2000; ++i) {
    Scalar x = values.around(values.value());
    int steps = 0;
    for (int turn = 0; turn < 300; ++turn) {
      const u64 member = values.value();
      const Scalar next = join(x, Scalar::constant(member));
      const Scalar wider = widen(x, next, thresholds);
      ASSERT_TRUE(wider.contains(member) && wider.covers(x) && wider.covers(next));
      steps += wider != x;
      x = wider;
    }
    ASSERT_LE(steps, 40);
  }
}

struct TextCase {
  const char* expected;
  Scalar value;
};

TEST(Scalar, Text) {
  const Scalar any = Scalar::unknown(), hundred = Scalar::constant(100);
  const u64 thresholds[] = {100};
  const TextCase cases[] = {
      {"unknown", any},
      {"7", Scalar::constant(7)},
      {"-7", Scalar::constant(static_cast<u64>(-7))},
      {"0x7fffffffffffffff", Scalar::constant(INT64_MAX)},
      {"[0, 10]", Scalar::range(0, 10)},
      {"[-5, 5]", Scalar::signed_range(-5, 5)},
      {"[0, 255]", Scalar::loaded(1)},
      {"[-32768, 32767]", Scalar::loaded_signed(2)},
      {"[0, 60] bits ...0xxxx00", Scalar::bits(0, 0x3c)},
      {"[0, 1020] bits ...0xxxxxxxx00", apply(Op::Lsh, Scalar::loaded(1), Scalar::constant(2), 64)},
      {"low [0, 99]", refine(Op::Jlt, true, any, hundred, 32)->x},
      {"[0, 99]", refine(Op::Jlt, true, any, hundred, 64)->x},
      {"low [0, 2147483647]", refine(Op::Jslt, false, any, Scalar::constant(0), 32)->x},
      {"low unsigned [1, 4294967295]", refine(Op::Jne, true, any, Scalar::constant(0), 32)->x},
      {"[0, 100]", widen(Scalar::constant(0), Scalar::range(0, 1), thresholds)},
  };
  for (const TextCase& each : cases) EXPECT_EQ(text(each.value), each.expected);
}

}  // namespace
}  // namespace skep
