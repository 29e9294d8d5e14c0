// Interning of values, and which covers which.
#include "verifier/value.h"

#include <gtest/gtest.h>

namespace skep::abstract {
namespace {

class ValueTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(values_.init()); }
  ValueId pointer(bool null, i32 offset, NumberId number, u32 range = 0) {
    return values_.put(Value{.type = Type::Packet,
                             .may_be_null = null,
                             .offset = offset,
                             .number = number,
                             .range = range});
  }
  MemoryMeter meter_{.limit = 1 << 24};
  Values values_{meter_};
};

TEST_F(ValueTest, EqualValuesHaveOneHandle) {
  EXPECT_EQ(values_.put_constant(7), values_.put_constant(7));
  EXPECT_NE(values_.put_constant(7), values_.put_constant(8));
  EXPECT_EQ(values_.put(Scalar::unknown()), Values::kUnknown);
  EXPECT_EQ(values_.put(Scalar::constant(0)), Values::kZero);
  EXPECT_EQ(values_.put_number(Scalar::unknown()), Values::kAnyNumber);
  for (u64 i = 0; i < 10000; ++i) values_.put_constant(i);
  EXPECT_EQ(values_.number_of(values_.put_constant(9999)).umin(), 9999u);
}

TEST_F(ValueTest, Covers) {
  const ValueId seven = values_.put_constant(7), any = Values::kAnyNumber;
  EXPECT_TRUE(values_.covers(any, seven));
  EXPECT_FALSE(values_.covers(seven, any));
  EXPECT_TRUE(values_.covers(Values::kNothing, seven));
  EXPECT_FALSE(values_.covers(seven, Values::kNothing));
  const ValueId packet = pointer(false, 0, Values::kZero, 10);
  EXPECT_FALSE(values_.covers(any, packet));
  EXPECT_FALSE(values_.covers(packet, any));
  EXPECT_TRUE(values_.covers(packet, pointer(false, 0, Values::kZero, 20)));
  EXPECT_FALSE(values_.covers(packet, pointer(false, 0, Values::kZero, 9)));
  EXPECT_FALSE(values_.covers(packet, pointer(false, 1, Values::kZero, 20)));
  EXPECT_TRUE(values_.covers(pointer(true, 0, Values::kZero), pointer(false, 0, Values::kZero)));
  EXPECT_FALSE(values_.covers(pointer(false, 0, Values::kZero), pointer(true, 0, Values::kZero)));
}

TEST_F(ValueTest, Text) {
  EXPECT_EQ(values_.text(values_.put_constant(7), ""), "a number 7");
  EXPECT_EQ(values_.text(values_.put_number(Scalar::range(1, 9)), ""), "a number in [1, 9]");
  const Value value{
      .type = Type::MapValue, .may_be_null = true, .offset = 8, .number = Values::kZero};
  EXPECT_EQ(values_.text(values_.put(value), "counts"), "a map value 'counts' + 8 or null");
}

TEST(Values, SayWhenMemoryIsOut) {
  MemoryMeter meter{.limit = 1 << 20};
  Values values(meter);
  ASSERT_TRUE(values.init());
  for (u64 i = 0; i < 100000 && !meter.exhausted; ++i) values.put_constant(i);
  EXPECT_TRUE(meter.exhausted);
  EXPECT_LE(meter.peak, meter.limit);
}

}  // namespace
}  // namespace skep::abstract
