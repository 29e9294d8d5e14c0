// Calls helper bodies through their entries, with a Run whose regions the test gives. It stands in
// for an engine: it finds regions, and calls back into a function of the test.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "helpers/bodies/bind.h"
#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "helpers/maps/map.h"
#include "helpers/spec/proto.h"
#include "isa/diagnostic.h"
#include "tests/support/map_specs.h"

namespace skep::test {

class BodyTest : public testing::Test {
 protected:
  BodyTest() {
    env.user = this;
    env.print = [](void* user, std::string_view line) {
      static_cast<BodyTest*>(user)->printed.emplace_back(line);
    };
    run.env = &env;
    run.records = records;
    run.engine = this;
    run.probe = probe;
    run.invoke = invoke;
    run.forget = [](skep::Run& of) { ++static_cast<BodyTest*>(of.engine)->forgotten; };
  }

  // Makes `type` the program's type, with this packet in a buffer that has rooms.
  void start(ProgramType type, std::vector<u8> packet = std::vector<u8>(64), u32 headroom = 256,
             u32 tailroom = 256) {
    frame = {};
    frame.type = type;
    auto made = PacketBuffer::make(packet, headroom, tailroom);
    ASSERT_TRUE(made);
    buffer = std::move(*made);
    frame.packet = buffer.packet();
    ASSERT_TRUE(prepare(frame, run));
  }

  // Lets the program touch these bytes; gives their address.
  u64 lend(const void* bytes, u64 size, u8 access = kRead | kWrite,
           AddressClass cls = AddressClass::Stack) {
    regions.push_back({reinterpret_cast<u64>(bytes), size, cls, access});
    return reinterpret_cast<u64>(bytes);
  }
  template <class T>
  u64 lend_all(T& object, u8 access = kRead | kWrite) {
    return lend(&object, sizeof object, access);
  }
  u64 lend_text(std::string_view text) {
    texts.push_back(std::make_unique<std::string>(text));
    return lend(texts.back()->c_str(), text.size() + 1, kRead, AddressClass::ReadOnly);
  }
  // The handle of a map that the program has from now on.
  u64 add_map(Map* map) {
    maps.push_back(map);
    run.maps = maps.data();
    run.map_count = static_cast<u32>(maps.size());
    return kMapBase + maps.size() - 1;
  }

  // Calls the helper; a fault fails the test unless the test asks for one with fault_of().
  u64 call(std::string_view helper, std::vector<u64> args = {}) {
    const u64 r0 = call_unchecked(helper, std::move(args));
    EXPECT_FALSE(run.faulted()) << helper << ": " << name(run.fault.code);
    return r0;
  }
  i64 call_signed(std::string_view helper, std::vector<u64> args = {}) {
    return static_cast<i64>(call(helper, std::move(args)));
  }
  // Calls the helper, which must end the run; the fault's code by name.
  std::string fault_of(std::string_view helper, std::vector<u64> args = {}) {
    EXPECT_EQ(call_unchecked(helper, std::move(args)), 0u);
    if (!run.faulted()) return "none";
    const std::string code(name(run.fault.code));
    run.fault = {};
    return code;
  }

  Packet& packet() { return frame.packet; }
  i64 packet_length() const { return frame.packet.end - frame.packet.data; }

  skep::Run run;  // testing::Test has a Run() of its own
  Env env = Env::deterministic(1);
  Frame frame;
  PacketBuffer buffer;
  Region records[kMaxRecords];
  std::vector<Region> regions;
  std::vector<Map*> maps;
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<std::string> printed;
  u32 forgotten = 0;
  std::function<u64(u64 function, const u64 (&args)[5])> callback;

 private:
  u64 call_unchecked(std::string_view helper, std::vector<u64> args) {
    args.resize(5);
    const HelperProto* proto = find_helper(helper);
    if (proto == nullptr || helper_entry(proto->id) == nullptr) {
      ADD_FAILURE() << "no body of " << helper;
      return 0;
    }
    return helper_entry(proto->id)(run, args[0], args[1], args[2], args[3], args[4]);
  }

  static bool take(const Region& region, u64 address, u64 size, u8 access, Region& found) {
    if (!region.holds(address, size) || (region.access & access) != access) return false;
    found = region;
    return true;
  }
  static bool probe(skep::Run& of, u64 address, u64 size, u8 access, Region& found) {
    const auto& self = *static_cast<BodyTest*>(of.engine);
    for (const Region& region : self.regions) {
      if (take(region, address, size, access, found)) return true;
    }
    for (u32 i = 0; i < of.record_count; ++i) {
      if (take(of.records[i], address, size, access, found)) return true;
    }
    return false;
  }
  static u64 invoke(skep::Run& of, u64 function, const u64 (&args)[5]) {
    return static_cast<BodyTest*>(of.engine)->callback(function, args);
  }
};

// A map whose every operation notes that it was called, and answers what the test says.
class NotedMap final : public Map {
 public:
  explicit NotedMap(MapType type, u32 key_size = 4, u32 value_size = 8, u32 entries = 4)
      : Map(map_spec(type, key_size, value_size, entries, 0, "noted")) {}

  u8* lookup(const u8* key, u32 cpu) override {
    note("lookup", key, spec().key_size);
    last_cpu = cpu;
    return found;
  }
  int emit(u32 index, u32 cpu, std::span<const u8> record) override {
    note("emit", record.data(), static_cast<u32>(record.size()));
    last_index = index;
    last_cpu = cpu;
    return result;
  }
  int output(std::span<const u8> record, u64 flags) override {
    note("output", record.data(), static_cast<u32>(record.size()));
    last_flags = flags;
    return result;
  }
  u64 query(u64 what) override { return what * 100; }
  u32 host_value_size() const override { return host_size != 0 ? host_size : spec().value_size; }

  std::vector<std::string> notes;
  u8* found = nullptr;
  int result = 0;
  u32 last_cpu = 0;
  u32 last_index = 0;
  u64 last_flags = 0;
  u32 host_size = 0;

 protected:
  int do_update(const u8* key, const u8* value, u64 flags, u32 cpu) override {
    note("update", key, spec().key_size);
    note("value", value, spec().value_size);
    last_flags = flags;
    last_cpu = cpu;
    return result;
  }
  int do_push(const u8* value, u64 flags) override {
    note("push", value, spec().value_size);
    last_flags = flags;
    return result;
  }
  int do_pop(u8* value) override { return give("pop", value); }
  int do_peek(u8* value) override { return give("peek", value); }
  int do_remove(const u8* key) override {
    note("remove", key, spec().key_size);
    return result;
  }

 private:
  void note(std::string what, const u8* bytes, u32 size) {
    for (u32 i = 0; i < size; ++i) what += fmt::format(" {:02x}", bytes[i]);
    notes.push_back(std::move(what));
  }
  int give(const char* what, u8* value) {
    notes.emplace_back(what);
    if (result == 0) std::memset(value, 0x5a, spec().value_size);
    return result;
  }
};

}  // namespace skep::test
