// Maps in the kernel, through the interface of every map. Skipped where bpf(2) is refused.
#include <gtest/gtest.h>

#include <cstring>

#include "kernel/map.h"
#include "tests/support/map_specs.h"

namespace skep {
namespace {

class KernelMaps : public testing::Test {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  }
};

const u8* bytes(const u32& value) {
  return reinterpret_cast<const u8*>(&value);
}

TEST_F(KernelMaps, ElementsOfAHash) {
  auto map = KernelMap::create(map_spec(MapType::hash, 4, 4, 2), {});
  ASSERT_TRUE(map) << map.error().text;
  const u32 key = 7, value = 9;
  u32 read = 0, next = 0;
  EXPECT_EQ((*map)->read(bytes(key), reinterpret_cast<u8*>(&read)), kENOENT);
  EXPECT_EQ((*map)->write(bytes(key), bytes(value), 0), 0);
  EXPECT_EQ((*map)->write(bytes(key), bytes(value), update_flags::kNoExist), kEEXIST);
  EXPECT_EQ((*map)->read(bytes(key), reinterpret_cast<u8*>(&read)), 0);
  EXPECT_EQ(read, value);
  EXPECT_EQ((*map)->next_key(nullptr, reinterpret_cast<u8*>(&next)), 0);
  EXPECT_EQ(next, key);
  EXPECT_EQ((*map)->next_key(bytes(key), reinterpret_cast<u8*>(&next)), kENOENT);
  EXPECT_EQ((*map)->erase(bytes(key)), 0);
  EXPECT_EQ((*map)->erase(bytes(key)), kENOENT);
}

TEST_F(KernelMaps, BatchesOfAnArray) {
  auto map = KernelMap::create(map_spec(MapType::hash, 4, 4, 8), {});
  ASSERT_TRUE(map) << map.error().text;
  const u32 keys[] = {1, 2, 3}, values[] = {10, 20, 30};
  const auto wrote = (*map)->write_batch(bytes(keys[0]), bytes(values[0]), 3, 0);
  EXPECT_EQ(wrote.error, 0);
  EXPECT_EQ(wrote.count, 3u);
  u8 position[4];
  u32 keys_out[8], values_out[8];
  const auto read = (*map)->read_batch(position, true, reinterpret_cast<u8*>(keys_out),
                                       reinterpret_cast<u8*>(values_out), 8, true);
  EXPECT_EQ(read.error, kENOENT);  // the end
  EXPECT_EQ(read.count, 3u);
  for (u32 i = 0; i < read.count; ++i) EXPECT_EQ(values_out[i], keys_out[i] * 10);
  u32 next;
  EXPECT_EQ((*map)->next_key(nullptr, reinterpret_cast<u8*>(&next)), kENOENT);
}

TEST_F(KernelMaps, MappedArrayAndFreeze) {
  MapSpec spec = map_spec(MapType::array, 4, 8, 4);
  spec.flags = map_flags::kMmapable;
  auto map = KernelMap::create(spec, {});
  ASSERT_TRUE(map) << map.error().text;
  {
    auto memory = (*map)->values();
    ASSERT_TRUE(memory) << memory.error().text;
    const u64 value = 77;
    std::memcpy(memory->data() + 8, &value, 8);
  }
  const u32 key = 1;
  u64 read = 0;
  EXPECT_EQ((*map)->read(bytes(key), reinterpret_cast<u8*>(&read)), 0);
  EXPECT_EQ(read, 77u);
  ASSERT_TRUE((*map)->freeze());
  EXPECT_EQ((*map)->write(bytes(key), reinterpret_cast<u8*>(&read), 0), kEPERM);
}

TEST_F(KernelMaps, PerCpuValuesComeTogether) {
  auto map = KernelMap::create(map_spec(MapType::percpu_array, 4, 4, 1), {});
  ASSERT_TRUE(map) << map.error().text;
  EXPECT_EQ((*map)->host_value_size(), 8 * possible_cpus());
}

TEST_F(KernelMaps, ByIdItIsTheSameMap) {
  auto map = KernelMap::create(map_spec(MapType::array, 4, 4, 1), {});
  ASSERT_TRUE(map) << map.error().text;
  const u32 key = 0, value = 5;
  ASSERT_EQ((*map)->write(bytes(key), bytes(value), 0), 0);
  auto again = KernelMap::open_id((*map)->id());
  ASSERT_TRUE(again) << again.error().text;
  u32 read = 0;
  EXPECT_EQ((*again)->read(bytes(key), reinterpret_cast<u8*>(&read)), 0);
  EXPECT_EQ(read, value);
  EXPECT_EQ((*again)->spec().name, "m");
  EXPECT_EQ((*again)->spec().type, MapType::array);
}

TEST_F(KernelMaps, QueuesAndStacks) {
  auto map = KernelMap::create(map_spec(MapType::queue, 0, 4, 2), {});
  ASSERT_TRUE(map) << map.error().text;
  const u32 one = 1, two = 2;
  u32 out = 0;
  EXPECT_EQ((*map)->push(bytes(one), 0), 0);
  EXPECT_EQ((*map)->push(bytes(two), 0), 0);
  EXPECT_EQ((*map)->push(bytes(two), 0), kE2BIG);
  EXPECT_EQ((*map)->peek(reinterpret_cast<u8*>(&out)), 0);
  EXPECT_EQ(out, 1u);
  EXPECT_EQ((*map)->pop(reinterpret_cast<u8*>(&out)), 0);
  EXPECT_EQ((*map)->pop(reinterpret_cast<u8*>(&out)), 0);
  EXPECT_EQ(out, 2u);
  EXPECT_EQ((*map)->pop(reinterpret_cast<u8*>(&out)), kENOENT);
}

TEST_F(KernelMaps, RefusalsSayWhy) {
  const auto map = KernelMap::create(map_spec(MapType::array, 3, 4, 1), {});
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, Code::kernel_refused);
  EXPECT_NE(map.error().text.find("EINVAL"), std::string::npos) << map.error().text;
}

}  // namespace
}  // namespace skep
