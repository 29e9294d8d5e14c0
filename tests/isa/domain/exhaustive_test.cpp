// The templates of isa/domain on words of 4 bits with halves of 2: all sets that can be told apart,
// their members enumerated. Results must have the members that they should; and how many are the
// best that the domain could say is measured and must not fall.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>
#include <vector>

#include "isa/domain/compare.h"
#include "isa/domain/widen.h"
#include "tests/support/small_word.h"

namespace skep::domain {
namespace {

using W = Small<4>;
constexpr int kValues = 16;
using Set = u32;  // of values, a bit each

W word(int value) {
  return W(static_cast<u64>(value));
}

template <class Sets>
Set members(const Sets& x) {
  Set set = 0;
  for (int i = 0; i < kValues; ++i) set |= Set{contains(x, word(i))} << i;
  return set;
}

// The smallest number that has them all.
Number<W> best(Set set) {
  Number<W> result = constant_number(word(std::countr_zero(set)));
  for (int i = 0; i < kValues; ++i) {
    if ((set >> i & 1) == 0) continue;
    const Number<W> one = constant_number(word(i));
    result = {join(result.bits, one.bits), join(result.wide, one.wide), join(result.low, one.low)};
  }
  return result;
}

// All numbers that are the smallest for some set, by their members.
const std::vector<Set>& all_numbers() {
  static const std::vector<Set> numbers = [] {
    std::vector<bool> seen(1u << kValues);
    std::vector<Set> found;
    for (Set set = 1; set < 1u << kValues; ++set) {
      const Set closed = members(best(set));
      if (!seen[closed]) found.push_back(closed);
      seen[closed] = true;
    }
    return found;
  }();
  return numbers;
}

const std::vector<Number<W>>& best_numbers() {
  static const std::vector<Number<W>> numbers = [] {
    std::vector<Number<W>> all;
    for (const Set set : all_numbers()) all.push_back(best(set));
    return all;
  }();
  return numbers;
}

int with_sign(int value, int bits) {
  return value >= 1 << (bits - 1) ? value - (1 << bits) : value;
}

// The meaning of a row on words of so many bits, as plain integers.
int meaning(Op op, int x, int y, int bits) {
  const int ones = (1 << bits) - 1;
  x &= ones;
  y &= ones;
  const int sx = with_sign(x, bits), sy = with_sign(y, bits), by = y & (bits - 1);
  switch (op) {
    case Op::Add: return (x + y) & ones;
    case Op::Sub: return (x - y) & ones;
    case Op::Mul: return (x * y) & ones;
    case Op::Div: return y == 0 ? 0 : x / y;
    case Op::SDiv: return sy == 0 ? 0 : (sx / sy) & ones;
    case Op::Or: return x | y;
    case Op::And: return x & y;
    case Op::Lsh: return (x << by) & ones;
    case Op::Rsh: return x >> by;
    case Op::Mod: return y == 0 ? x : x % y;
    case Op::SMod: return sy == 0 ? x : (sx % sy) & ones;
    case Op::Xor: return x ^ y;
    case Op::Mov: return y;
    case Op::Arsh: return (sx >> by) & ones;
    default: return -x & ones;  // Neg
  }
}

bool jumps(Op op, int x, int y, int bits) {
  const int ones = (1 << bits) - 1;
  x &= ones;
  y &= ones;
  const int sx = with_sign(x, bits), sy = with_sign(y, bits);
  switch (op) {
    case Op::Jeq: return x == y;
    case Op::Jgt: return x > y;
    case Op::Jge: return x >= y;
    case Op::Jset: return (x & y) != 0;
    case Op::Jne: return x != y;
    case Op::Jsgt: return sx > sy;
    case Op::Jsge: return sx >= sy;
    case Op::Jlt: return x < y;
    case Op::Jle: return x <= y;
    case Op::Jslt: return sx < sy;
    default: return sx <= sy;  // Jsle
  }
}

// What comes of two sets, value by value.
Set image(Op op, Set x, Set y, int bits) {
  Set result = 0;
  for (int a = 0; a < kValues; ++a) {
    for (int b = 0; b < kValues; ++b) {
      if ((x >> a & 1) != 0 && (y >> b & 1) != 0) result |= 1u << meaning(op, a, b, bits);
    }
  }
  return result;
}

TEST(SmallWord, ComputesLikeIntegers) {
  for (int a = 0; a < kValues; ++a) {
    for (int b = 0; b < kValues; ++b) {
      const W x = word(a), y = word(b);
      EXPECT_EQ(x + y, word(a + b));
      EXPECT_EQ(x - y, word(a - b + 16));
      EXPECT_EQ(x * y, word(a * b));
      EXPECT_EQ(x < y, a < b);
      EXPECT_EQ(signed_less(x, y), with_sign(a, 4) < with_sign(b, 4));
      EXPECT_EQ(divide(x, y), word(b == 0 ? 15 : a / b));
      EXPECT_EQ(shift_left(x, y), word(b < 4 ? a << b : 0));
      EXPECT_EQ(shift_right(x, y), word(b < 4 ? a >> b : 0));
      EXPECT_EQ(shift_right_signed(x, y), word((with_sign(a, 4) >> (b < 4 ? b : 3)) & 15));
      EXPECT_EQ(product_overflows(x, y), a * b > 15);
      EXPECT_EQ(from_halves(high_half(x), low_half(x)), x);
    }
    EXPECT_EQ(fill_down(word(a)), word(a == 0 ? 0 : a < 2 ? 1 : a < 4 ? 3 : a < 8 ? 7 : 15));
    EXPECT_EQ(sign_extended(word(a), 2), word(with_sign(a & 3, 2) & 15));
  }
}

// Machine words keep the same contract where the language would not define it.
TEST(MachineWord, IsTotal) {
  EXPECT_EQ(shift_left<u64>(1, 64), 0u);
  EXPECT_EQ(shift_right<u32>(~0u, 32), 0u);
  EXPECT_EQ(shift_right_signed<u64>(u64{1} << 63, 200), ~u64{0});
  EXPECT_EQ(divide<u64>(5, 0), ~u64{0});
  EXPECT_EQ(fill_down<u64>(0), 0u);
  EXPECT_EQ(fill_down<u32>(0x80), 0xffu);
  EXPECT_EQ(low_ones<u64>(64), ~u64{0});
}

std::vector<Tnum<W>> all_bits() {
  std::vector<Tnum<W>> all;
  for (int value = 0; value < kValues; ++value) {
    for (int mask = 0; mask < kValues; ++mask) {
      if ((value & mask) == 0) all.push_back({word(value), word(mask)});
    }
  }
  return all;
}

using BitsFunction = Tnum<W> (*)(const Tnum<W>&, const Tnum<W>&);
struct BitsCase {
  Op op;
  BitsFunction function;
  int best;  // percent of results, at least, that are the best possible
};

TEST(Exhaustive, BitsOfResults) {
  const BitsCase cases[] = {{Op::Add, add<W>, 100},     {Op::Sub, sub<W>, 100},
                            {Op::And, bit_and<W>, 100}, {Op::Or, bit_or<W>, 100},
                            {Op::Xor, bit_xor<W>, 100}, {Op::Mul, mul<W>, 76}};
  for (const BitsCase& each : cases) {
    int total = 0, optimal = 0;
    for (const Tnum<W>& x : all_bits()) {
      for (const Tnum<W>& y : all_bits()) {
        const Set wanted = image(each.op, members(x), members(y), 4);
        const Tnum<W> result = each.function(x, y);
        ASSERT_EQ(wanted & ~members(result), 0u) << row(each.op).name;
        ++total;
        optimal += result == best(wanted).bits;
      }
    }
    RecordProperty(std::string(row(each.op).name), 100 * optimal / total);
    EXPECT_GE(100 * optimal, each.best * total) << row(each.op).name;
  }
}

// Each pair of bounds that has members and cannot be tightened.
std::vector<Bounds<W>> all_bounds() {
  std::vector<Bounds<W>> all;
  for (int low = 0; low < 1 << 7; ++low) {
    for (int high = 0; high < 1 << 7; ++high) {
      const Halves<W> halves{(low & 64) != 0,    (high & 64) != 0,     word(low & 7),
                             word(low >> 3 & 7), word((high & 7) | 8), word((high >> 3 & 7) | 8)};
      const bool meaningful = (halves.low || low == 0) && (halves.high || high == 0) &&
                              halves.low_min <= halves.low_max &&
                              halves.high_min <= halves.high_max && (halves.low || halves.high);
      if (meaningful) all.push_back(bounds_of(halves));
    }
  }
  return all;
}

TEST(Exhaustive, BoundsOfResults) {
  struct Case {
    Op op;
    Bounds<W> (*function)(const Bounds<W>&, const Bounds<W>&);
  };
  const Case cases[] = {{Op::Add, add<W>},         {Op::Sub, sub<W>},     {Op::Mul, mul<W>},
                        {Op::Div, div<W>},         {Op::Mod, mod<W>},     {Op::SDiv, div_signed<W>},
                        {Op::SMod, mod_signed<W>}, {Op::And, bit_and<W>}, {Op::Or, bit_or<W>},
                        {Op::Xor, bit_xor<W>}};
  const std::vector<Bounds<W>> all = all_bounds();
  ASSERT_EQ(all.size(), 37u * 37 - 1);
  std::mt19937 random(1);
  for (const Case& each : cases) {
    for (int i = 0; i < 40'000; ++i) {
      const Bounds<W>&x = all[random() % all.size()], &y = all[random() % all.size()];
      const Set wanted = image(each.op, members(x), members(y), 4);
      ASSERT_EQ(wanted & ~members(each.function(x, y)), 0u) << row(each.op).name;
    }
  }
}

TEST(Exhaustive, ReductionKeepsAllAndOnlyTakesAway) {
  const auto& numbers = best_numbers();
  std::mt19937 random(1);
  int total = 0, optimal = 0;
  for (int i = 0; i < 80'000; ++i) {
    const Number<W> mixed{numbers[random() % numbers.size()].bits,
                          numbers[random() % numbers.size()].wide,
                          numbers[random() % numbers.size()].low};
    const Set set = members(mixed);
    const Number<W> result = reduced(mixed);
    ASSERT_EQ(is_empty(result), set == 0) << "emptiness must show, and only where it is";
    if (set == 0) continue;
    ASSERT_EQ(members(result), set);
    ASSERT_TRUE(covers(mixed, result));
    ASSERT_EQ(reduced(result), result);
    ++total;
    optimal += result == best(set);
  }
  RecordProperty("best", 100 * optimal / total);
  EXPECT_GE(100 * optimal, 79 * total);
}

TEST(Exhaustive, SetsOfNumbers) {
  const auto& numbers = best_numbers();
  const auto& sets = all_numbers();
  ASSERT_EQ(numbers.size(), 3175u);
  std::mt19937 random(1);
  const std::vector<W> thresholds{word(3), word(9)};
  for (int i = 0; i < 80'000; ++i) {
    const std::size_t a = random() % numbers.size(), b = random() % numbers.size();
    const Number<W>&x = numbers[a], &y = numbers[b];
    const Set both = sets[a] | sets[b], common = sets[a] & sets[b];
    ASSERT_EQ(members(join(x, y)), members(best(both)));
    ASSERT_EQ(covers(x, y), common == sets[b]);
    const Number<W> met = meet(x, y);
    ASSERT_EQ(is_empty(met), common == 0);
    ASSERT_EQ(common == 0 ? 0 : members(met), common);
    const Number<W> wide = widened(x, y, std::span<const W>(thresholds));
    ASSERT_EQ(both & ~members(wide), 0u);
  }
}

// A row and what share of its results, in percent, are the best possible at least: of the whole
// word's row, and of the half word's.
struct RowCase {
  Op op;
  int best, best_half;
};

TEST(Exhaustive, Rows) {
  const RowCase cases[] = {{Op::Add, 82, 100},  {Op::Sub, 82, 100}, {Op::Mul, 40, 85},
                           {Op::Div, 53, 63},   {Op::SDiv, 33, 80}, {Op::Or, 50, 94},
                           {Op::And, 50, 94},   {Op::Lsh, 4, 67},   {Op::Rsh, 10, 79},
                           {Op::Mod, 5, 72},    {Op::SMod, 60, 79}, {Op::Xor, 69, 94},
                           {Op::Mov, 100, 100}, {Op::Arsh, 67, 96}, {Op::Neg, 93, 100}};
  const auto& numbers = best_numbers();
  const auto& sets = all_numbers();
  for (const RowCase& each : cases) {
    for (const int bits : {4, 2}) {
      std::mt19937 random(1);
      int optimal = 0;
      const int total = 8'000;
      for (int i = 0; i < total; ++i) {
        const std::size_t a = random() % numbers.size(), b = random() % numbers.size();
        const Set wanted = image(each.op, sets[a], sets[b], bits);
        const Number<W> result = bits == 4 ? at_width(each.op, numbers[a], numbers[b])
                                           : at_half_width(each.op, numbers[a], numbers[b]);
        ASSERT_EQ(wanted & ~members(result), 0u) << row(each.op).name << " of " << bits << " bits";
        optimal += result == best(wanted);
      }
      RecordProperty(std::string(row(each.op).name) + std::to_string(bits), 100 * optimal / total);
      EXPECT_GE(100 * optimal, (bits == 4 ? each.best : each.best_half) * total)
          << row(each.op).name << " of " << bits << " bits: " << optimal << " of " << total;
    }
  }
}

// Whether every edge that is dead is known to be, but for &, where bits alone are looked at.
TEST(Exhaustive, Jumps) {
  const auto& numbers = best_numbers();
  const auto& sets = all_numbers();
  for (int row_number = 0; row_number < kOps; ++row_number) {
    const Op op = static_cast<Op>(row_number);
    if (kind(op) != OpKind::Jump) continue;
    for (const int bits : {4, 2}) {
      std::mt19937 random(1);
      for (int i = 0; i < 6'000; ++i) {
        const bool taken = i % 2 == 0;
        const std::size_t a = random() % numbers.size(), b = random() % numbers.size();
        Set x = 0, y = 0;
        for (int v = 0; v < kValues; ++v) {
          for (int w = 0; w < kValues; ++w) {
            if ((sets[a] >> v & 1) == 0 || (sets[b] >> w & 1) == 0) continue;
            if (jumps(op, v, w, bits) != taken) continue;
            x |= 1u << v;
            y |= 1u << w;
          }
        }
        const Numbers<W> result = bits == 4
                                      ? outcome_at_width(op, taken, numbers[a], numbers[b])
                                      : outcome_at_half_width(op, taken, numbers[a], numbers[b]);
        const bool dead = is_empty(result.x) || is_empty(result.y);
        if (op != Op::Jset || taken) {
          ASSERT_EQ(dead, x == 0) << row(op).name;
        }
        if (x == 0) continue;
        ASSERT_FALSE(dead) << row(op).name;
        ASSERT_EQ(x & ~members(result.x), 0u) << row(op).name;
        ASSERT_EQ(y & ~members(result.y), 0u) << row(op).name;
        ASSERT_TRUE(covers(numbers[a], result.x) && covers(numbers[b], result.y));
      }
    }
  }
}

}  // namespace
}  // namespace skep::domain
