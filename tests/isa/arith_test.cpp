// What instructions mean, against knowledge of another kind than the table's expressions: results
// written by hand for the corners where machines and languages differ, and, over a cross product
// of corner values, arithmetic in 128 bits, shifts as multiplication and division, and bitwise
// operations and byte swaps digit by digit.
#include "isa/arith.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace skep {
namespace {

constexpr u64 kMin64 = u64{1} << 63;
constexpr u64 kMax64 = kMin64 - 1;

struct Case {
  const char* name;
  Op op;
  int bits;
  u64 x, y;
  u64 expected;
};

// RFC 9669 section 4.1: division by 0 gives 0, modulo by 0 leaves dst, the quotient of the
// smallest number and -1 wraps, signed operations truncate towards 0, shifts use the low bits.
const Case kCases[] = {
    {"add_wraps", Op::Add, 64, ~u64{0}, 1, 0},
    {"add32_wraps", Op::Add, 32, 0xffff'ffff, 2, 1},
    {"sub_wraps", Op::Sub, 64, 0, 1, ~u64{0}},
    {"sub32_wraps", Op::Sub, 32, 0, 1, 0xffff'ffff},
    {"mul_wraps", Op::Mul, 64, kMin64, 2, 0},
    {"mul32_wraps", Op::Mul, 32, 0x8000'0001, 3, 0x8000'0003},
    {"div_by_zero", Op::Div, 64, 7, 0, 0},
    {"div32_by_zero", Op::Div, 32, 7, 0, 0},
    {"div_is_unsigned", Op::Div, 64, ~u64{0}, 2, kMax64},
    {"sdiv_by_zero", Op::SDiv, 64, 7, 0, 0},
    {"sdiv_truncates", Op::SDiv, 64, static_cast<u64>(-7), 2, static_cast<u64>(-3)},
    {"sdiv_min_by_minus_one", Op::SDiv, 64, kMin64, ~u64{0}, kMin64},
    {"sdiv32_min_by_minus_one", Op::SDiv, 32, 0x8000'0000, 0xffff'ffff, 0x8000'0000},
    {"sdiv32_truncates", Op::SDiv, 32, static_cast<u32>(-7), static_cast<u32>(-2), 3},
    {"mod_by_zero", Op::Mod, 64, 7, 0, 7},
    {"mod32_by_zero", Op::Mod, 32, 7, 0, 7},
    {"mod_is_unsigned", Op::Mod, 64, ~u64{0}, 16, 15},
    {"smod_by_zero", Op::SMod, 64, static_cast<u64>(-7), 0, static_cast<u64>(-7)},
    {"smod_sign_of_dividend", Op::SMod, 64, static_cast<u64>(-7), 3, static_cast<u64>(-1)},
    {"smod_negative_divisor", Op::SMod, 64, 7, static_cast<u64>(-3), 1},
    {"smod_min_by_minus_one", Op::SMod, 64, kMin64, ~u64{0}, 0},
    {"smod32_min_by_minus_one", Op::SMod, 32, 0x8000'0000, 0xffff'ffff, 0},
    {"lsh_by_64", Op::Lsh, 64, 5, 64, 5},
    {"lsh_by_63", Op::Lsh, 64, 3, 63, kMin64},
    {"lsh32_by_32", Op::Lsh, 32, 5, 32, 5},
    {"lsh32_by_minus_one", Op::Lsh, 32, 3, 0xffff'ffff, 0x8000'0000},
    {"rsh_by_65", Op::Rsh, 64, kMin64, 65, kMin64 >> 1},
    {"rsh32_by_31", Op::Rsh, 32, 0x8000'0000, 31, 1},
    {"arsh_keeps_the_sign", Op::Arsh, 64, kMin64, 63, ~u64{0}},
    {"arsh_by_64", Op::Arsh, 64, kMin64, 64, kMin64},
    {"arsh32_keeps_the_sign", Op::Arsh, 32, 0x8000'0000, 31, 0xffff'ffff},
    {"arsh32_positive", Op::Arsh, 32, 0x7fff'ffff, 30, 1},
    {"neg_min", Op::Neg, 64, kMin64, 0, kMin64},
    {"neg32_one", Op::Neg, 32, 1, 0, 0xffff'ffff},
    {"movsx8_negative", Op::MovSx8, 64, 5, 0x1280, 0xffff'ffff'ffff'ff80},
    {"movsx8_positive", Op::MovSx8, 64, 5, 0xff7f, 0x7f},
    {"movsx8_32", Op::MovSx8, 32, 5, 0x80, 0xffff'ff80},
    {"movsx16_negative", Op::MovSx16, 64, 5, 0x8000, 0xffff'ffff'ffff'8000},
    {"movsx16_32", Op::MovSx16, 32, 5, 0x1'8000, 0xffff'8000},
    {"movsx32_negative", Op::MovSx32, 64, 5, 0x8000'0000, 0xffff'ffff'8000'0000},
    {"le16_drops_the_rest", Op::Le16, 64, 0x1122334455667788, 0, 0x7788},
    {"le32_drops_the_rest", Op::Le32, 64, 0x1122334455667788, 0, 0x55667788},
    {"le64_keeps_all", Op::Le64, 64, 0x1122334455667788, 0, 0x1122334455667788},
    {"be16", Op::Be16, 64, 0x1122334455667788, 0, 0x8877},
    {"be32", Op::Be32, 64, 0x1122334455667788, 0, 0x88776655},
    {"be64", Op::Be64, 64, 0x1122334455667788, 0, 0x8877665544332211},
    {"bswap16", Op::Bswap16, 64, 0x1122334455667788, 0, 0x8877},
    {"bswap32", Op::Bswap32, 64, 0x1122334455667788, 0, 0x88776655},
    {"bswap64", Op::Bswap64, 64, 0x1122334455667788, 0, 0x8877665544332211},
};

class ByHand : public testing::TestWithParam<Case> {};

TEST_P(ByHand, Result) {
  const Case& test = GetParam();
  const u64 result = test.bits == 64
                         ? eval<u64>(test.op, test.x, test.y)
                         : eval<u32>(test.op, static_cast<u32>(test.x), static_cast<u32>(test.y));
  EXPECT_EQ(result, test.expected);
}

INSTANTIATE_TEST_SUITE_P(Isa, ByHand, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Numbers around every power of two, from both sides of zero.
std::vector<u64> corner_values() {
  std::vector<u64> values = {0, 1, 2, 3, 5, 7, 10, 0x1122334455667788, 0xdeadbeefcafebabe};
  for (int bit : {7, 8, 15, 16, 31, 32, 33, 62, 63}) {
    const u64 power = u64{1} << bit;
    for (u64 value : {power - 1, power, power + 1}) {
      values.push_back(value);
      values.push_back(0 - value);
    }
  }
  return values;
}

using i128 = __int128;
using u128 = unsigned __int128;

// `value` of `bits` bits as a number.
i128 as_signed(u64 value, int bits) {
  const i128 modulus = i128{1} << bits;
  const i128 number = static_cast<i128>(static_cast<u128>(value) % static_cast<u128>(modulus));
  return number >= modulus / 2 ? number - modulus : number;
}
i128 as_unsigned(u64 value, int bits) {
  const i128 number = as_signed(value, bits);
  return number < 0 ? number + (i128{1} << bits) : number;
}
u64 wrapped(i128 number, int bits) {
  const i128 modulus = i128{1} << bits;
  return static_cast<u64>((number % modulus + modulus) % modulus);
}

std::string digits(u64 value, int bits) {
  std::string out;
  for (int i = 0; i < bits; ++i, value /= 2) out.insert(out.begin(), value % 2 ? '1' : '0');
  return out;
}
u64 number_of(const std::string& digits) {
  u64 out = 0;
  for (char c : digits) out = out * 2 + static_cast<u64>(c - '0');
  return out;
}

u64 bitwise(Op op, u64 x, u64 y, int bits) {
  std::string a = digits(x, bits);
  const std::string b = digits(y, bits);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int ones = (a[i] == '1') + (b[i] == '1');
    a[i] = (op == Op::And ? ones == 2 : op == Op::Or ? ones >= 1 : ones == 1) ? '1' : '0';
  }
  return number_of(a);
}

i128 power_of_two(int exponent) {
  i128 out = 1;
  while (exponent-- > 0) out += out;
  return out;
}

i128 floor_divide(i128 x, i128 y) {
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

// What the RFC says in words, in wide arithmetic.
u64 reference(Op op, u64 x, u64 y, int bits) {
  const i128 ux = as_unsigned(x, bits), uy = as_unsigned(y, bits);
  const i128 sx = as_signed(x, bits), sy = as_signed(y, bits);
  const int shift = static_cast<int>(uy % bits);
  switch (op) {
    case Op::Add: return wrapped(ux + uy, bits);
    case Op::Sub: return wrapped(ux - uy, bits);
    // The product of two 64-bit numbers needs all 128 bits, so it is taken without a sign.
    case Op::Mul:
      return static_cast<u64>(static_cast<u128>(ux) * static_cast<u128>(uy) %
                              (static_cast<u128>(1) << bits));
    case Op::Div: return uy == 0 ? 0 : wrapped(ux / uy, bits);
    case Op::SDiv: return sy == 0 ? 0 : wrapped(sx / sy, bits);
    case Op::Mod: return uy == 0 ? wrapped(ux, bits) : wrapped(ux % uy, bits);
    case Op::SMod: return sy == 0 ? wrapped(sx, bits) : wrapped(sx % sy, bits);
    case Op::Or:
    case Op::And:
    case Op::Xor: return bitwise(op, x, y, bits);
    case Op::Lsh: return number_of((digits(x, bits) + std::string(shift, '0')).substr(shift));
    case Op::Rsh: return wrapped(ux / power_of_two(shift), bits);
    case Op::Arsh: return wrapped(floor_divide(sx, power_of_two(shift)), bits);
    case Op::Mov: return wrapped(uy, bits);
    case Op::Neg: return wrapped(-sx, bits);
    case Op::MovSx8: return wrapped(as_signed(y, 8), bits);
    case Op::MovSx16: return wrapped(as_signed(y, 16), bits);
    case Op::MovSx32: return wrapped(as_signed(y, 32), bits);
    default: break;
  }
  ADD_FAILURE() << "no reference for " << row(op).name;
  return 0;
}

// Digits of the low `width` bits, with the bytes the other way round if asked.
u64 swapped(u64 x, int width, bool swap) {
  std::string text = digits(x, 64).substr(static_cast<std::size_t>(64 - width));
  if (!swap) return number_of(text);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 8) out.insert(0, text.substr(at, 8));
  return number_of(out);
}

bool reference_taken(Op op, u64 x, u64 y, int bits) {
  const i128 ux = as_unsigned(x, bits), uy = as_unsigned(y, bits);
  const i128 sx = as_signed(x, bits), sy = as_signed(y, bits);
  switch (op) {
    case Op::Jeq: return ux - uy == 0;
    case Op::Jne: return ux - uy != 0;
    case Op::Jgt: return ux - uy > 0;
    case Op::Jge: return ux - uy >= 0;
    case Op::Jlt: return ux - uy < 0;
    case Op::Jle: return ux - uy <= 0;
    case Op::Jsgt: return sx - sy > 0;
    case Op::Jsge: return sx - sy >= 0;
    case Op::Jslt: return sx - sy < 0;
    case Op::Jsle: return sx - sy <= 0;
    case Op::Jset: return bitwise(Op::And, x, y, bits) != 0;
    default: break;
  }
  ADD_FAILURE() << "no reference for " << row(op).name;
  return false;
}

template <class Check>
void for_each_op(std::initializer_list<OpKind> kinds, Check check) {
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (std::ranges::count(kinds, kind(op)) == 0) continue;
    for (u64 x : corner_values()) {
      for (u64 y : corner_values()) check(op, x, y);
    }
  }
}

TEST(Arith, AgreesWithWideArithmetic) {
  for_each_op({OpKind::Alu, OpKind::Unary, OpKind::MovSx}, [](Op op, u64 x, u64 y) {
    ASSERT_EQ(eval<u64>(op, x, y), reference(op, x, y, 64)) << row(op).name << " " << x << " " << y;
    ASSERT_EQ(eval<u32>(op, static_cast<u32>(x), static_cast<u32>(y)), reference(op, x, y, 32))
        << row(op).name << " " << x << " " << y;
  });
}

TEST(Arith, JumpsAgreeWithWideArithmetic) {
  for_each_op({OpKind::Jump}, [](Op op, u64 x, u64 y) {
    ASSERT_EQ(taken<u64>(op, x, y), reference_taken(op, x, y, 64)) << row(op).name;
    ASSERT_EQ(taken<u32>(op, static_cast<u32>(x), static_cast<u32>(y)),
              reference_taken(op, x, y, 32))
        << row(op).name << " " << x << " " << y;
  });
}

TEST(Arith, SwapsAgreeWithDigits) {
  struct Swap {
    Op op;
    int width;
    bool swaps;
  };
  const Swap swaps[] = {{Op::Le16, 16, false},   {Op::Le32, 32, false},   {Op::Le64, 64, false},
                        {Op::Be16, 16, true},    {Op::Be32, 32, true},    {Op::Be64, 64, true},
                        {Op::Bswap16, 16, true}, {Op::Bswap32, 32, true}, {Op::Bswap64, 64, true}};
  for (const Swap& swap : swaps) {
    for (u64 x : corner_values()) {
      ASSERT_EQ(eval<u64>(swap.op, x, 0), swapped(x, swap.width, swap.swaps)) << row(swap.op).name;
    }
  }
}

TEST(Arith, AtomicsLeaveInMemory) {
  struct Atomic {
    Op op;
    Op like;  // the arithmetic of the same name
  };
  const Atomic atomics[] = {{Op::AtomicAdd, Op::Add}, {Op::FetchAdd, Op::Add},
                            {Op::AtomicOr, Op::Or},   {Op::FetchOr, Op::Or},
                            {Op::AtomicAnd, Op::And}, {Op::FetchAnd, Op::And},
                            {Op::AtomicXor, Op::Xor}, {Op::FetchXor, Op::Xor}};
  for (u64 m : corner_values()) {
    for (u64 s : corner_values()) {
      for (const Atomic& atomic : atomics) {
        ASSERT_EQ(atomic_result<u64>(atomic.op, m, s, 0), reference(atomic.like, m, s, 64));
        ASSERT_EQ(atomic_result<u32>(atomic.op, static_cast<u32>(m), static_cast<u32>(s), 0),
                  reference(atomic.like, m, s, 32));
      }
      EXPECT_EQ(atomic_result<u64>(Op::Xchg, m, s, 0), s);
      EXPECT_EQ(atomic_result<u64>(Op::CmpXchg, m, s, m), s);
      EXPECT_EQ(atomic_result<u64>(Op::CmpXchg, m, s, m + 1), m);
      EXPECT_EQ(atomic_result<u32>(Op::CmpXchg, 7, 9, 7), 9u);
    }
  }
}

// The meanings are constant expressions: folding and tables may use them when compiled.
static_assert(eval<u64>(Op::SDiv, kMin64, ~u64{0}) == kMin64);
static_assert(eval<u32>(Op::Arsh, 0x8000'0000, 31) == 0xffff'ffff);
static_assert(taken<u32>(Op::Jslt, 0xffff'ffff, 0));
static_assert(!taken<u64>(Op::Jslt, 0xffff'ffff, 0));

static_assert(sign_extended(0x80, 8) == ~u64{0x7f});
static_assert(sign_extended(0xff7f, 8) == 0x7f);
static_assert(sign_extended(1, 1) == ~u64{0});
static_assert(sign_extended(kMin64, 64) == kMin64);

}  // namespace
}  // namespace skep
