// Sharing of frames, identities, and which state covers which.
#include "verifier/state.h"

#include <gtest/gtest.h>

namespace skep::abstract {
namespace {

class StateTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(values_.init());
    ASSERT_TRUE(store_.init());
    ASSERT_TRUE(store_.push_frame(state_, kNoCall, 0));
  }
  void set(State& state, u32 reg, ValueId value, u32 id = 0) {
    store_.own_top(state).regs[reg] = Cell{.value = value, .id = id};
    if (id >= state.next_id) state.next_id = id + 1;
  }
  ValueId null_or_value(u32 object) {
    return values_.put(Value{
        .type = Type::MapValue, .may_be_null = true, .object = object, .number = Values::kZero});
  }
  MemoryMeter meter_{.limit = 1 << 26};
  Values values_{meter_};
  Store store_{meter_, values_};
  State state_;
};

TEST_F(StateTest, CopiesAreWrittenApart) {
  set(state_, 1, values_.put_constant(1));
  store_.own_slot(state_, 0, 63).bytes[0] = Byte::Misc;
  State copy = store_.copy(state_);
  set(copy, 1, values_.put_constant(2));
  store_.own_slot(copy, 0, 63).bytes[0] = Byte::Zero;
  EXPECT_EQ(store_.top(state_).regs[1].value, values_.put_constant(1));
  EXPECT_EQ(store_.slot(state_, 0, 63).bytes[0], Byte::Misc);
  EXPECT_EQ(store_.slot(copy, 0, 63).bytes[0], Byte::Zero);
  store_.release(copy);
  EXPECT_EQ(store_.slot(state_, 0, 63).bytes[0], Byte::Misc);
}

TEST_F(StateTest, IdentitiesAreNumberedByPlace) {
  State other = store_.copy(state_);
  set(state_, 1, Values::kAnyNumber, 7);
  set(state_, 2, Values::kAnyNumber, 7);
  set(state_, 3, Values::kAnyNumber, 9);
  set(other, 1, Values::kAnyNumber, 3);
  set(other, 2, Values::kAnyNumber, 3);
  set(other, 3, Values::kAnyNumber, 0);
  store_.canonicalise(state_);
  store_.canonicalise(other);
  EXPECT_TRUE(store_.equal(state_, other));
  EXPECT_EQ(store_.top(state_).regs[1].id, 1u);
  EXPECT_EQ(store_.top(state_).regs[3].id, 0u);  // like no other
}

TEST_F(StateTest, CoversOnlyWhatIsAsRelated) {
  State related = store_.copy(state_), apart = store_.copy(state_);
  set(related, 1, Values::kAnyNumber, 1);
  set(related, 2, Values::kAnyNumber, 1);
  set(apart, 1, Values::kAnyNumber);
  set(apart, 2, Values::kAnyNumber);
  EXPECT_FALSE(store_.covers(related, apart));
  EXPECT_TRUE(store_.covers(apart, related));
  // Constants are as related as they are equal.
  set(apart, 1, values_.put_constant(5));
  set(apart, 2, values_.put_constant(5));
  EXPECT_TRUE(store_.covers(related, apart));
  set(apart, 2, values_.put_constant(6));
  EXPECT_FALSE(store_.covers(related, apart));
}

TEST_F(StateTest, NullGroupsStandTogether) {
  State before = store_.copy(state_), now = store_.copy(state_);
  set(before, 1, null_or_value(0), 1);
  set(before, 2, null_or_value(0), 1);
  set(now, 1, null_or_value(0), 1);
  set(now, 2, null_or_value(0), 2);
  EXPECT_FALSE(store_.covers(before, now));
  set(now, 2, null_or_value(0), 1);
  EXPECT_TRUE(store_.covers(before, now));
}

TEST_F(StateTest, StackBytes) {
  const auto slot_with = [&](State& state, Byte byte, ValueId value) {
    Slot& slot = store_.own_slot(state, 0, 63);
    slot.bytes.fill(byte);
    slot.cell = Cell{.value = value};
  };
  State before = store_.copy(state_), now = store_.copy(state_);
  slot_with(now, Byte::Zero, Values::kNothing);
  EXPECT_TRUE(store_.covers(before, now));  // nothing was known
  EXPECT_FALSE(store_.covers(now, before));
  slot_with(before, Byte::Misc, Values::kNothing);
  EXPECT_TRUE(store_.covers(before, now));
  EXPECT_FALSE(store_.covers(now, before));
  slot_with(now, Byte::Spill, values_.put_constant(5));
  EXPECT_TRUE(store_.covers(before, now));
  slot_with(now, Byte::Spill, null_or_value(0));
  EXPECT_FALSE(store_.covers(before, now));
  slot_with(before, Byte::Spill, null_or_value(0));
  EXPECT_TRUE(store_.covers(before, now));
  slot_with(before, Byte::Spill, null_or_value(1));
  EXPECT_FALSE(store_.covers(before, now));
}

TEST_F(StateTest, ReferencesAndLocks) {
  State held = store_.copy(state_);
  held.references[held.reference_count++] = {1, {3}};
  EXPECT_FALSE(store_.covers(state_, held));
  EXPECT_FALSE(store_.covers(held, state_));
  State locked = store_.copy(state_);
  locked.locked = true;
  EXPECT_FALSE(store_.covers(state_, locked));
}

TEST_F(StateTest, FramesNestEightDeep) {
  for (u32 i = 1; i < kMaxFrames; ++i) EXPECT_TRUE(store_.push_frame(state_, {i}, 0));
  EXPECT_FALSE(store_.push_frame(state_, {9}, 0));
  for (u32 i = 1; i < kMaxFrames; ++i) store_.pop_frame(state_);
  EXPECT_EQ(state_.depth, 0);
}

}  // namespace
}  // namespace skep::abstract
