// Every script of map_scripts.h on skep's maps.
#include "tests/helpers/map_scripts.h"

namespace skep {
namespace {

class OurMap final : public ScriptedMap {
 public:
  explicit OurMap(Map& map) : map_(map) {}
  int write(const ByteString& key, const ByteString& value, u64 flags) override {
    return map_.write(key.data(), value.data(), flags);
  }
  int read(const ByteString& key, ByteString& value, u64 flags) override {
    EXPECT_EQ(map_.host_value_size(), value.size());
    return map_.read(key.data(), value.data(), flags);
  }
  int take(const ByteString& key, ByteString& value, u64 flags) override {
    return map_.read_and_erase(key.data(), value.data(), flags);
  }
  int erase(const ByteString& key) override { return map_.erase(key.data()); }
  int next(const ByteString* key, ByteString& next) override {
    return map_.next_key(key != nullptr ? key->data() : nullptr, next.data());
  }
  int update(const ByteString& key, const ByteString& value, u64 flags) override {
    return map_.update(key.data(), value.data(), flags, 0);
  }
  int lookup(const ByteString& key, bool& found, u32& value) override {
    const u8* memory = map_.lookup(key.data(), 0);
    found = memory != nullptr;
    value = static_cast<u32>(number_at(memory, 4));
    return 0;
  }
  int remove(const ByteString& key) override { return map_.remove(key.data()); }
  int push(const ByteString& value, u64 flags) override { return map_.push(value.data(), flags); }
  int pop(u32& value) override {
    ByteString bytes(map_.spec().value_size, 0xff);
    const int error = map_.pop(bytes.data());
    value = static_cast<u32>(number_at(bytes.data(), 4));
    return error;
  }
  int peek(u32& value) override {
    ByteString bytes(map_.spec().value_size, 0xff);
    const int error = map_.peek(bytes.data());
    value = static_cast<u32>(number_at(bytes.data(), 4));
    return error;
  }
  int output(u32 size, u64 flags) override {
    const ByteString record(size, static_cast<u8>(size));
    return map_.output(record, flags);
  }
  int records(const std::vector<Reservation>& records, u64 flags, u32& reserved) override {
    if (flags != 0) return 0;  // the helper's affair: reserve() is not called
    std::vector<u8*> memory;
    for (const Reservation& record : records) {
      memory.push_back(map_.reserve(record.size));
      if (memory.back() == nullptr) continue;
      reserved |= 1u << (memory.size() - 1);
      std::memset(memory.back(), static_cast<u8>(record.size), record.size);
    }
    for (u64 i = records.size(); i-- > 0;) {
      if (memory[i] != nullptr) map_.commit(memory[i], records[i].discard, 0);
    }
    return 0;
  }
  u32 query(u64 what) override { return static_cast<u32>(map_.query(what)); }
  std::vector<ByteString> consume() override {
    std::vector<ByteString> all;
    const u64 count = map_.consume(
        [&](std::span<const u8> record) { all.emplace_back(record.begin(), record.end()); });
    EXPECT_EQ(count, all.size());
    return all;
  }

 private:
  Map& map_;
};

class MapScript : public testing::TestWithParam<Script> {};

// The maps that scripts put into maps of maps, by number.
struct ScriptInners {
  std::shared_ptr<Map> fits = make(map_spec(MapType::array, 4, 8, 1));
  std::shared_ptr<Map> unfit = make(unfit_inner());
  MapIds ids{[](void* self, u32 id) {
               auto& inners = *static_cast<ScriptInners*>(self);
               return id == 1 ? inners.fits : id == 2 ? inners.unfit : nullptr;
             },
             this};
  ScriptInners() { fits->set_table_id(1); }
};

TEST_P(MapScript, AnswersAsLinux) {
  ScriptInners inners;
  const auto map = make(GetParam().spec, {.cpus = kScriptCpus, .maps = &inners.ids});
  ASSERT_NE(map, nullptr);
  OurMap ours(*map);
  ScriptRunner(GetParam().spec, ours).run(GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Scripts, MapScript, testing::ValuesIn(map_scripts()), case_name<Script>);

}  // namespace
}  // namespace skep
