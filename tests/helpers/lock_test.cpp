// Locks in values: programs take them one at a time, everybody waits for them in bounded time, and
// copies of values leave them and other fields of the system out.
#include <thread>

#include "helpers/bodies/bind.h"
#include "helpers/maps/value_lock.h"
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

constexpr u32 kLockAt = 4, kTimerAt = 16, kEnd = 40;  // of 40 bytes

MapSpec locked_spec(MapType type) {
  MapSpec spec = map_spec(type, 4, kEnd, 2);
  spec.fields = {{FieldKind::SpinLock, kLockAt, 4}, {FieldKind::Timer, kTimerAt, 16}};
  return spec;
}

class Locks : public test::BodyTest {
 protected:
  void make(MapType type) {
    start(ProgramType::xdp);
    auto made = create_map(locked_spec(type), {});
    ASSERT_TRUE(made) << made.error().text;
    map = std::move(*made);
    handle = add_map(map.get());
    if (type == MapType::hash) {
      ASSERT_EQ(map->write(bytes(key), ones(), 0), 0);
    }
    value = map->lookup(bytes(key), 0);
    ASSERT_NE(value, nullptr);
  }
  static const u8* bytes(const u32& number) { return reinterpret_cast<const u8*>(&number); }
  static const u8* ones() {
    static const std::vector<u8> all(kEnd, 0x11);
    return all.data();
  }
  u64 lock() const { return reinterpret_cast<u64>(value) + kLockAt; }
  u32 lock_word() const { return load_shared<u32>(value + kLockAt); }
  // The bytes that are 0x11, as ranges.
  static std::string ones_in(const u8* from) {
    std::string text;
    for (u32 i = 0; i < kEnd; ++i) text += from[i] == 0x11 ? '1' : from[i] == 0 ? '.' : '?';
    return text;
  }

  std::unique_ptr<Map> map;
  u64 handle = 0;
  u32 key = 0;
  u8* value = nullptr;
};

TEST_F(Locks, AreHeldOneAtATime) {
  make(MapType::array);
  run.budget = 100;
  EXPECT_EQ(call("spin_lock", {lock()}), 0u);
  EXPECT_EQ(lock_word(), 1u);
  EXPECT_EQ(fault_of("spin_lock", {lock()}), "lock_held");
  EXPECT_EQ(call("spin_unlock", {lock()}), 0u);
  EXPECT_EQ(lock_word(), 0u);
  EXPECT_EQ(run.spin_lock, nullptr);
  EXPECT_EQ(fault_of("spin_unlock", {lock()}), "lock_not_held");
}

TEST_F(Locks, AreWhereTheTypeSays) {
  make(MapType::array);
  u32 own = 0;
  const u64 stack = lend_all(own);
  for (const u64 address : {lock() - 4, lock() + 1, lock() + 4, stack, u64{0}, ~u64{3}}) {
    EXPECT_EQ(fault_of("spin_lock", {address}), "bad_lock") << address;
  }
  const u32 second = 1;
  value = map->lookup(bytes(second), 0);
  EXPECT_EQ(call("spin_lock", {lock()}), 0u) << "each value has its own";
  release_held(run);
}

TEST_F(Locks, AreLostWhenTheRunEnds) {
  make(MapType::array);
  run.budget = 100;
  call("spin_lock", {lock()});
  release_held(run);
  EXPECT_EQ(lock_word(), 0u);
  EXPECT_EQ(run.spin_lock, nullptr);
}

TEST_F(Locks, WaitingCostsTheBudget) {
  make(MapType::array);
  ASSERT_TRUE(try_lock_value(value + kLockAt));
  run.budget = 1000;
  EXPECT_EQ(fault_of("spin_lock", {lock()}), "budget_spent");
  EXPECT_EQ(run.spin_lock, nullptr);
  unlock_value(value + kLockAt);
}

TEST_F(Locks, AnUpdateOfOnesOwnIsAFault) {
  make(MapType::array);
  const u64 k = lend_all(key), v = lend(ones(), kEnd, kRead);
  run.budget = 100;
  call("spin_lock", {lock()});
  EXPECT_EQ(fault_of("map_update_elem", {handle, k, v, update_flags::kLock}), "lock_held");
  call("spin_unlock", {lock()});
  EXPECT_EQ(call("map_update_elem", {handle, k, v, update_flags::kLock}), 0u);
}

// "." is what was zero before: the lock and the timer.
TEST_F(Locks, CopiesLeaveThemOut) {
  constexpr const char* kCopied = "1111....11111111................11111111";
  for (const MapType type : {MapType::array, MapType::hash}) {
    for (const u64 flags : {update_flags::kAny, update_flags::kLock}) {
      make(type);
      ASSERT_EQ(map->write(bytes(key), ones(), flags), 0);
      value = map->lookup(bytes(key), 0);
      EXPECT_EQ(ones_in(value), kCopied);
      store_shared<u64>(value + kTimerAt, 0x1111111111111111);
      u8 copy[kEnd];
      std::memset(copy, 0x77, sizeof copy);
      ASSERT_EQ(map->read(bytes(key), copy, flags), 0);
      EXPECT_EQ(ones_in(copy), kCopied) << "the host reads zeros";
    }
  }
}

// What an update finds in place: an array keeps its fields, a hash puts a new element there, but
// under BPF_F_LOCK.
TEST_F(Locks, UpdatesInPlaceKeepThem) {
  const struct {
    MapType type;
    u64 flags;
    bool kept;
  } cases[] = {{MapType::array, 0, true},
               {MapType::array, update_flags::kLock, true},
               {MapType::hash, 0, false},
               {MapType::hash, update_flags::kLock, true}};
  for (const auto& expected : cases) {
    make(expected.type);
    store_shared<u64>(value + kTimerAt, 7);
    ASSERT_EQ(map->update(bytes(key), ones(), expected.flags, 0), 0);
    EXPECT_EQ(load_shared<u64>(map->lookup(bytes(key), 0) + kTimerAt), expected.kept ? 7u : 0u);
  }
}

TEST_F(Locks, TheHostGivesUp) {
  for (const MapType type : {MapType::array, MapType::hash}) {
    make(type);
    ASSERT_TRUE(try_lock_value(value + kLockAt));
    EXPECT_EQ(map->write(bytes(key), ones(), update_flags::kLock), kEBUSY);
    u8 copy[kEnd];
    EXPECT_EQ(map->read(bytes(key), copy, update_flags::kLock), kEBUSY);
    EXPECT_EQ(map->read(bytes(key), copy), 0) << "without the flag nobody waits";
    unlock_value(value + kLockAt);
    EXPECT_EQ(map->read(bytes(key), copy, update_flags::kLock), 0);
  }
}

TEST_F(Locks, AreForSomeTypes) {
  for (const MapType type : {MapType::lru_hash, MapType::percpu_array, MapType::queue}) {
    MapSpec spec = locked_spec(type);
    if (type == MapType::queue) spec.key_size = 0;
    EXPECT_FALSE(create_map(spec, {})) << static_cast<u32>(type);
  }
  MapSpec spec = locked_spec(MapType::array);
  spec.value_size = 31;
  EXPECT_FALSE(create_map(spec, {})) << "the timer is not whole";
  const auto plain = create_map(map_spec(MapType::array, 4, 8, 1), {});
  EXPECT_EQ((*plain)->write(bytes(key), ones(), update_flags::kLock), kEINVAL);
}

}  // namespace
}  // namespace skep
