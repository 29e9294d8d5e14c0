// Stack traces: what the helpers take of Env's stacks, and what becomes of them in a map.
#include "helpers/maps/map.h"
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

constexpr u64 kUser = 1 << 8, kFast = 1 << 9, kReuse = 1 << 10, kBuildId = 1 << 11;

class Stack : public test::BodyTest {
 protected:
  Stack() {
    start(ProgramType::kprobe);
    env.kernel_stack = kernel;
    env.user_stack = user;
    env.task.address = 0xffff888000002000;
  }
  std::unique_ptr<Map> make(u32 value_size, u32 entries, u32 flags = 0) {
    auto map =
        create_map(map_spec(MapType::stack_trace, 4, value_size, entries, flags, "stacks"), {});
    EXPECT_TRUE(map);
    return std::move(*map);
  }
  i64 id(u64 handle, u64 flags) { return call_signed("get_stackid", {run.context, handle, flags}); }
  std::vector<u64> read(Map& map, u32 id, u32 words) {
    std::vector<u64> value(words, ~u64{0});
    const int error =
        map.read(reinterpret_cast<const u8*>(&id), reinterpret_cast<u8*>(value.data()));
    if (error != 0) value = {static_cast<u64>(static_cast<i64>(error))};
    return value;
  }

  u64 kernel[3] = {0xffffffff81000010, 0xffffffff81000020, 0xffffffff81000030};
  u64 user[2] = {0x401000, 0x402000};
};

TEST_F(Stack, CopiesAreCutSkippedAndPadded) {
  struct Case {
    u64 size;
    u64 flags;
    i64 result;
    std::vector<u64> left;  // the buffer's words
  };
  const u64 k0 = kernel[0], k1 = kernel[1], k2 = kernel[2];
  const Case cases[] = {
      {32, 0, 24, {k0, k1, k2, 0}},
      {16, 0, 16, {k0, k1, 0x5a, 0x5a}},
      {16, 1, 16, {k1, k2, 0x5a, 0x5a}},
      {32, 3, 0, {0, 0, 0, 0}},
      {32, 4, kEFAULT, {0, 0, 0, 0}},
      {32, kUser, 16, {user[0], user[1], 0, 0}},
      {32, kUser | kBuildId, 32, {2, 0, 0, user[0]}},
      {32, kBuildId, kEINVAL, {0, 0, 0, 0}},
      {31, 0, kEINVAL, {0, 0, 0, 0}},
      {32, 1 << 12, kEINVAL, {0, 0, 0, 0}},
      {0, 0, 0, {0x5a, 0x5a, 0x5a, 0x5a}},
  };
  for (const Case& c : cases) {
    u64 words[4] = {0x5a, 0x5a, 0x5a, 0x5a};
    EXPECT_EQ(call_signed("get_stack", {run.context, lend_all(words), c.size, c.flags}), c.result);
    if (c.size == 31) words[3] = 0;  // its last byte is not the helper's
    EXPECT_EQ(std::vector<u64>(words, words + 4), c.left) << c.size << " " << c.flags;
  }
}

TEST_F(Stack, TasksAreTheCurrentOneOrUnknown) {
  u64 words[4];
  const u64 to = lend_all(words), other = env.task.address + 64;
  EXPECT_EQ(call_signed("get_task_stack", {env.task.address, to, 32, 0}), 24);
  EXPECT_EQ(call_signed("get_task_stack", {other, to, 32, 0}), 0);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(call_signed("get_task_stack", {other, to, 32, kUser}), kEOPNOTSUPP);
}

TEST_F(Stack, AnIdIsTheHashOfTheTrace) {
  const auto map = make(4 * 8, 1024);
  const u64 handle = add_map(map.get());
  const i64 all = id(handle, 0);
  ASSERT_GE(all, 0);
  EXPECT_EQ(id(handle, 0), all);
  EXPECT_EQ(id(handle, kFast), all);
  EXPECT_EQ(read(*map, static_cast<u32>(all), 4),
            (std::vector<u64>{kernel[0], kernel[1], kernel[2], 0}));
  const i64 skipped = id(handle, 1);
  EXPECT_EQ(read(*map, static_cast<u32>(skipped), 4),
            (std::vector<u64>{kernel[1], kernel[2], 0, 0}));
  EXPECT_EQ(id(handle, 3), kEFAULT);
  EXPECT_EQ(id(handle, kBuildId), kEINVAL);
  EXPECT_EQ(read(*map, 1024, 4), std::vector<u64>{static_cast<u64>(i64{kENOENT})});
}

TEST_F(Stack, OneBucketHasOneTrace) {
  const auto map = make(4 * 8, 1);  // every hash is in bucket 0
  const u64 handle = add_map(map.get());
  EXPECT_EQ(id(handle, 0), 0);
  EXPECT_EQ(id(handle, kUser), kEEXIST);
  EXPECT_EQ(id(handle, kUser | kReuse), kENOMEM);  // the kernel takes the new one's room first
  const u32 key = 0;
  u32 next = 7;
  const auto* k = reinterpret_cast<const u8*>(&key);
  EXPECT_EQ(map->next_key(nullptr, reinterpret_cast<u8*>(&next)), 0);
  EXPECT_EQ(next, 0u);
  EXPECT_EQ(map->next_key(k, reinterpret_cast<u8*>(&next)), kENOENT);
  EXPECT_EQ(map->write(k, reinterpret_cast<const u8*>(kernel), 0), kEINVAL);
  EXPECT_EQ(map->erase(k), 0);
  EXPECT_EQ(map->erase(k), kENOENT);
  EXPECT_EQ(id(handle, kUser), 0);
  EXPECT_EQ(read(*map, 0, 4), (std::vector<u64>{user[0], user[1], 0, 0}));
  u64 taken[4];
  EXPECT_EQ(map->read_and_erase(k, reinterpret_cast<u8*>(taken)), 0);
  EXPECT_EQ(taken[1], user[1]);
  EXPECT_EQ(map->read_and_erase(k, reinterpret_cast<u8*>(taken)), kENOENT);
  EXPECT_EQ(id(handle, 0), 0);
}

TEST_F(Stack, ReusePushesTheOldTraceOut) {
  const auto map = make(4 * 8, 2);
  const u64 handle = add_map(map.get());
  const i64 first = id(handle, 0);
  ASSERT_GE(first, 0);
  for (u32 skip = 1; skip < 3; ++skip) {
    const i64 other = id(handle, skip | kReuse);
    if (other != first) continue;
    EXPECT_EQ(read(*map, static_cast<u32>(first), 1 + 3)[0], kernel[skip]);
  }
  EXPECT_EQ(map->erase(reinterpret_cast<const u8*>("\3\0\0\0")), kE2BIG);
}

TEST_F(Stack, BuildIdsOfUnknownFilesAreAddresses) {
  const auto map = make(2 * 32, 16, map_flags::kStackBuildId);
  const u64 handle = add_map(map.get());
  const i64 at = id(handle, kUser);
  ASSERT_GE(at, 0);
  EXPECT_EQ(read(*map, static_cast<u32>(at), 8),
            (std::vector<u64>{2, 0, 0, user[0], 2, 0, 0, user[1]}));
  const i64 cut = id(handle, kReuse);  // three frames, room for two
  ASSERT_GE(cut, 0);
  EXPECT_EQ(read(*map, static_cast<u32>(cut), 8)[7], kernel[1]);
}

}  // namespace
}  // namespace skep
