// LPM tries against the plainest model: a list of prefixes, searched from one end to the other.
// map_scripts.h has the answers of Linux; this is for the shapes that nobody thinks of.
#include <map>
#include <random>

#include "tests/helpers/map_support.h"

namespace skep {
namespace {

struct Key {
  u32 length;
  u8 data[4];
};
static_assert(sizeof(Key) == 8);

u32 bits_of(const Key& key, u32 length) {
  u32 bits = 0;
  std::memcpy(&bits, key.data, 4);
  bits = __builtin_bswap32(bits);
  return length == 0 ? 0 : bits & ~u32{0} << (32 - length);
}

Key random_key(std::mt19937& random) {
  // Few distinct bits, so that prefixes nest and part often.
  const u32 bits = (random() & 0x3) << 30 | (random() & 0x3) << 15 | (random() & 0x3);
  Key key{static_cast<u32>(random() % 33), {}};
  const u32 swapped = __builtin_bswap32(bits);
  std::memcpy(key.data, &swapped, 4);
  return key;
}

const u8* bytes(const Key& key) {
  return reinterpret_cast<const u8*>(&key);
}

using Model = std::map<std::pair<u32, u32>, u64>;  // (length, bits) -> value

u64 model_lookup(const Model& model, const Key& key) {
  for (u32 length = key.length + 1; length-- > 0;) {
    const auto found = model.find({length, bits_of(key, length)});
    if (found != model.end()) return found->second;
  }
  return 0;
}

u32 count_keys(Map& map) {
  u32 count = 0;
  Key key{}, next{};
  for (int error = map.next_key(nullptr, reinterpret_cast<u8*>(&next)); error == 0; ++count) {
    key = next;
    error = map.next_key(bytes(key), reinterpret_cast<u8*>(&next));
  }
  return count;
}

TEST(MapLpmTrie, AnswersAsAList) {
  const auto map = make(map_spec(MapType::lpm_trie, 8, 8, 40, map_flags::kNoPrealloc));
  Model model;
  std::mt19937 random(7);
  for (u64 round = 1; round < 20'000; ++round) {
    const Key key = random_key(random);
    const std::pair id{key.length, bits_of(key, key.length)};
    const bool there = model.contains(id);
    if (random() % 2 == 0) {
      const u64 flags = random() % 3;
      const Bytes value(round);
      const int expected = there                ? (flags == 1 ? kEEXIST : 0)
                           : flags == 2         ? kENOENT
                           : model.size() == 40 ? kENOSPC
                                                : 0;
      ASSERT_EQ(map->update(bytes(key), value, flags, 0), expected) << round;
      if (expected == 0) model[id] = round;
    } else {
      ASSERT_EQ(map->remove(bytes(key)), there ? 0 : kENOENT) << round;
      model.erase(id);
    }
    for (int i = 0; i < 4; ++i) {
      const Key wanted = random_key(random);
      ASSERT_EQ(number_at(map->lookup(bytes(wanted), 0)), model_lookup(model, wanted)) << round;
    }
    if (round % 100 == 0) {
      ASSERT_EQ(count_keys(*map), model.size());
    }
  }
}

TEST(MapLpmTrie, LongestKeys) {
  const auto map = make(map_spec(MapType::lpm_trie, 260, 8, 4, map_flags::kNoPrealloc));
  std::vector<u8> key(260, 0xab);
  const u32 length = 2048;
  std::memcpy(key.data(), &length, 4);
  EXPECT_EQ(map->update(key.data(), Bytes(5), 0, 0), 0);
  EXPECT_EQ(number_at(map->lookup(key.data(), 0)), 5u);
  key.back() ^= 1;
  EXPECT_EQ(map->lookup(key.data(), 0), nullptr);
  EXPECT_EQ(map->update(key.data(), Bytes(6), 0, 0), 0);
  EXPECT_EQ(number_at(map->lookup(key.data(), 0)), 6u);
  EXPECT_EQ(map->remove(key.data()), 0);
  key.back() ^= 1;
  EXPECT_EQ(number_at(map->lookup(key.data(), 0)), 5u);
}

}  // namespace
}  // namespace skep
