// What an entry makes of its arguments: what it checks in which mode, and what each breach is
// called.
#include "helpers/bodies/bind.h"

#include "helpers/bodies/args.h"
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

using test::BodyTest;
using test::NotedMap;

class Binding : public BodyTest {};

TEST_F(Binding, HasEntriesForBodiesOnly) {
  EXPECT_EQ(helper_entry(0), nullptr);
  EXPECT_EQ(helper_entry(12), nullptr) << "tail calls are the engines'";
  EXPECT_EQ(helper_entry(kHelperCount + 1), nullptr);
  EXPECT_EQ(helper_entry(~0u), nullptr);
  u32 bodies = 0;
  for (const HelperProto& helper : helpers()) bodies += helper_entry(helper.id) != nullptr;
  EXPECT_EQ(bodies, 106u);
}

// Rows and parameters that do or don't belong together, as the static assertion sees them.
template <class T>
constexpr bool matches(const Arg& arg, const Arg& next = {}) {
  const Arg args[] = {arg, next};
  return Parameter<T>::matches(args);
}
namespace words = helper_words;
static_assert(matches<u32>(words::Anything) && !matches<u32>(words::Context));
static_assert(matches<Map*>(words::Map(kLookup)) && !matches<Map*>(words::Anything));
static_assert(matches<Bytes>(words::Mem, words::Size) &&
              matches<Bytes>(words::Mem, words::SizeOrZero));
static_assert(!matches<Bytes>(words::Mem) && !matches<Bytes>(words::UninitMem, words::Size));
static_assert(!matches<OutBytes>(words::Mem, words::Size));
static_assert(matches<OutBytes>(words::UninitMem, words::Size));
static_assert(matches<Out<u64>>(words::UninitFixedMem(8)));
static_assert(!matches<Out<u64>>(words::UninitFixedMem(4)) &&
              !matches<Out<u64>>(words::FixedMem(8)));
static_assert(matches<Key>(words::MapKey) && !matches<Key>(words::MapValue));
static_assert(matches<Value>(words::MapValue) && !matches<ValueOut>(words::MapValue));
static_assert(matches<Frame*>(words::Context) && !matches<Frame*>(words::ContextOrNull));
static_assert(matches<HeldRecord>(words::Release(words::Record)));

TEST_F(Binding, MapHandlesAreCheckedInEveryMode) {
  start(ProgramType::xdp);
  NotedMap map(MapType::hash), ring(MapType::ringbuf);
  u32 key = 1;
  const u64 address = lend_all(key);
  for (Mode mode : {Mode::Checked, Mode::Trusted, Mode::Proved}) {
    run.mode = mode;
    EXPECT_EQ(fault_of("map_lookup_elem", {0, address}), "bad_map_handle");
    EXPECT_EQ(fault_of("map_lookup_elem", {kMapBase + 7, address}), "bad_map_handle");
    EXPECT_EQ(fault_of("map_lookup_elem", {address, address}), "bad_map_handle");
    maps.clear();
    const u64 of_ring = add_map(&ring);
    EXPECT_EQ(fault_of("map_lookup_elem", {of_ring, address}), "bad_map_handle")
        << "no look-ups in ring buffers";
    EXPECT_EQ(call("map_lookup_elem", {add_map(&map), address}), 0u);
  }
}

TEST_F(Binding, FaultsNameTheCallAndTheAddress) {
  start(ProgramType::xdp);
  NotedMap map(MapType::hash);
  const u64 handle = add_map(&map);
  u32 key = 1;
  const u64 address = lend(&key, 3);
  run.pc = {42};
  EXPECT_EQ(helper_entry(1)(run, handle, address, 0, 0, 0), 0u);
  EXPECT_EQ(run.fault.code, Code::bad_access);
  EXPECT_EQ(run.fault.pc.value, 42u);
  EXPECT_EQ(run.fault.address, address);
  EXPECT_EQ(run.fault.size, 4u);
  EXPECT_EQ(run.fault.access, kRead);
  EXPECT_TRUE(map.notes.empty()) << "the body is not reached";
}

TEST_F(Binding, SizesOfKeysAndValuesAreTheMaps) {
  start(ProgramType::xdp);
  NotedMap map(MapType::hash, 3, 5);
  const u64 handle = add_map(&map);
  const u8 bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const u64 key = lend(bytes, 3), value = lend(bytes + 3, 5);
  call("map_update_elem", {handle, key, value, 2});
  EXPECT_EQ(map.notes, (std::vector<std::string>{"update 01 02 03", "value 04 05 06 07 08"}));
  EXPECT_EQ(fault_of("map_update_elem", {handle, key + 1, value, 0}), "bad_access");
  EXPECT_EQ(fault_of("map_update_elem", {handle, key, value + 1, 0}), "bad_access");
}

TEST_F(Binding, MemoryIsCheckedForWhatIsDoneWithIt) {
  start(ProgramType::xdp);
  u8 bytes[16] = {};
  const u64 readable = lend(bytes, 8, kRead), writable = lend(bytes + 8, 8, kWrite);
  EXPECT_EQ(fault_of("get_current_comm", {readable, 8}), "bad_access");
  EXPECT_EQ(call("get_current_comm", {writable, 8}), 0u);
  EXPECT_EQ(fault_of("get_current_comm", {writable, 9}), "bad_access");
  EXPECT_EQ(fault_of("get_current_comm", {writable, ~u64(0)}), "bad_access");
  EXPECT_EQ(fault_of("xdp_store_bytes", {run.context, 0, writable, 4}), "bad_access");
  EXPECT_EQ(call("xdp_store_bytes", {run.context, 0, readable, 4}), 0u);
}

TEST_F(Binding, NoMemoryIsFineWhereNoneIsTouched) {
  start(ProgramType::xdp);
  EXPECT_EQ(call("csum_diff", {0, 0, 0, 0, 5}), 5u);
  EXPECT_EQ(fault_of("csum_diff", {0, 4, 0, 0, 5}), "bad_access");
}

TEST_F(Binding, OtherModesJudgeNoMemory) {
  start(ProgramType::xdp);
  NotedMap map(MapType::hash);
  const u64 handle = add_map(&map);
  u32 key = 1;
  for (Mode mode : {Mode::Trusted, Mode::Proved}) {
    run.mode = mode;
    call("map_lookup_elem", {handle, reinterpret_cast<u64>(&key)});
  }
  EXPECT_EQ(map.notes.size(), 2u);
}

TEST_F(Binding, TheContextIsTheRunsOwn) {
  start(ProgramType::xdp);
  EXPECT_EQ(call("xdp_get_buff_len", {run.context}), 64u);
  EXPECT_EQ(fault_of("xdp_get_buff_len", {run.context + 1}), "not_context");
  EXPECT_EQ(fault_of("xdp_get_buff_len", {0}), "not_context");
}

TEST_F(Binding, HelpersAreForTheirProgramTypes) {
  start(ProgramType::sched_cls);
  EXPECT_EQ(fault_of("xdp_get_buff_len", {run.context}), "helper_not_allowed");
  EXPECT_EQ(fault_of("redirect_map", {}), "helper_not_allowed");
  start(ProgramType::xdp);
  EXPECT_EQ(fault_of("skb_pull_data", {run.context, 0}), "helper_not_allowed");
  EXPECT_EQ(fault_of("probe_read", {0, 0, 0}), "helper_not_allowed");
  run.mode = Mode::Trusted;
  EXPECT_EQ(fault_of("skb_pull_data", {run.context, 0}), "helper_not_allowed");
  run.frame = nullptr;
  EXPECT_EQ(fault_of("skb_pull_data", {run.context, 0}), "helper_not_allowed");
}

TEST_F(Binding, ConstantStringsEndInsideTheirRegion) {
  start(ProgramType::xdp);
  const char text[] = {'a', 'b', 0, 'c', 'd'};
  const u64 ends = lend(text, 3, kRead), open = lend(text + 3, 2, kRead);
  EXPECT_EQ(call_signed("strncmp", {ends, 2, ends}), 0);
  EXPECT_EQ(call_signed("strncmp", {ends, 2, ends + 2}), 1);
  EXPECT_EQ(fault_of("strncmp", {ends, 2, open}), "unterminated_string");
  EXPECT_EQ(fault_of("strncmp", {ends, 2, 16}), "bad_access");
}

TEST_F(Binding, IntegersAreCutToTheirWidth) {
  start(ProgramType::sched_cls);
  EXPECT_EQ(call_signed("skb_pull_data", {run.context, 0xffffffff'00000040}), 0);
  EXPECT_EQ(call_signed("skb_pull_data", {run.context, 0x41}), kENOMEM);
}

}  // namespace
}  // namespace skep
