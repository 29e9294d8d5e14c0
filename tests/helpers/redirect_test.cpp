// Redirects are results in the Frame, and their verdicts are the kernel's.
#include "tests/support/body_fixture.h"
#include "tests/support/map_specs.h"

namespace skep {
namespace {

constexpr i64 kXdpAborted = 0, kXdpRedirect = 4, kActShot = 2, kActRedirect = 7;

using Redirects = test::BodyTest;
using test::NotedMap;

TEST_F(Redirects, OfXdpToAnInterface) {
  start(ProgramType::xdp);
  EXPECT_EQ(call_signed("redirect", {7, 0}), kXdpRedirect);
  EXPECT_EQ(frame.redirect.kind, Redirect::Kind::Interface);
  EXPECT_EQ(frame.redirect.ifindex, 7u);
  EXPECT_EQ(call_signed("redirect", {8, 1}), kXdpAborted);
  EXPECT_EQ(frame.redirect.ifindex, 7u);
}

TEST_F(Redirects, OfTcToAnInterface) {
  start(ProgramType::sched_cls);
  EXPECT_EQ(call_signed("redirect", {7, 1}), kActRedirect);
  EXPECT_EQ(frame.redirect.flags, 1u);
  EXPECT_EQ(call_signed("redirect", {7, 2}), kActShot);
  EXPECT_EQ(call_signed("redirect_peer", {8, 0}), kActRedirect);
  EXPECT_EQ(frame.redirect.kind, Redirect::Kind::Peer);
  EXPECT_EQ(call_signed("redirect_peer", {8, 1}), kActShot);
  EXPECT_EQ(call_signed("redirect_neigh", {9, 0, 0, 0}), kActRedirect);
  EXPECT_EQ(frame.redirect.kind, Redirect::Kind::Neighbour);
  const u8 next_hop[20] = {};
  const u64 at = lend(next_hop, 20, kRead);
  EXPECT_EQ(call_signed("redirect_neigh", {9, at, 20, 0}), kActRedirect);
  EXPECT_EQ(call_signed("redirect_neigh", {9, at, 19, 0}), kActShot);
  EXPECT_EQ(call_signed("redirect_neigh", {9, 0, 0, 1}), kActShot);
}

TEST_F(Redirects, ThroughAMap) {
  start(ProgramType::xdp);
  NotedMap devices(MapType::devmap), sockets(MapType::xskmap);
  const u64 devmap = add_map(&devices), xskmap = add_map(&sockets);
  EXPECT_EQ(call_signed("redirect_map", {devmap, 3, 2}), 2) << "XDP_PASS where the entry is empty";
  EXPECT_EQ(devices.notes.back(), "lookup 03 00 00 00");
  EXPECT_EQ(frame.redirect.kind, Redirect::Kind::None);
  u8 entry[8] = {};
  devices.found = entry;
  EXPECT_EQ(call_signed("redirect_map", {devmap, 0x1'0000'0003, 2}), kXdpRedirect);
  EXPECT_EQ(frame.redirect.map, &devices);
  EXPECT_EQ(frame.redirect.key, 3u);
  EXPECT_EQ(call_signed("redirect_map", {devmap, 3, 4}), kXdpAborted);
  devices.found = nullptr;
  EXPECT_EQ(call_signed("redirect_map", {devmap, 3, 8 | 16}), kXdpRedirect) << "to all of them";
  EXPECT_EQ(frame.redirect.flags, 24u);
  EXPECT_EQ(call_signed("redirect_map", {xskmap, 3, 8}), kXdpAborted);
  EXPECT_EQ(call_signed("redirect_map", {xskmap, 3, 1}), 1);
}

// Of maps that are filled as the host fills them: sent away for an entry, the flags' low bits
// without one, and only devices take broadcasts.
TEST_F(Redirects, ThroughFilledMaps) {
  constexpr u32 kFull = 1, kEmpty = 2;
  for (const MapType type :
       {MapType::devmap, MapType::devmap_hash, MapType::cpumap, MapType::xskmap}) {
    SCOPED_TRACE(find_map_kind(type)->name);
    auto made = create_map(map_spec(type, 4, 4, 4), {.cpus = 4});
    ASSERT_TRUE(made) << made.error().text;
    Map& map = **made;
    const u32 entry = 1;
    ASSERT_EQ(
        map.write(reinterpret_cast<const u8*>(&kFull), reinterpret_cast<const u8*>(&entry), 0), 0);
    start(ProgramType::xdp);
    const u64 argument = add_map(&map);
    const bool devices = type == MapType::devmap || type == MapType::devmap_hash;
    for (u64 action = 0; action < 4; ++action) {
      EXPECT_EQ(call_signed("redirect_map", {argument, kFull, action}), kXdpRedirect);
      EXPECT_EQ(frame.redirect.map, &map);
      EXPECT_EQ(call_signed("redirect_map", {argument, kEmpty, action}), static_cast<i64>(action));
      EXPECT_EQ(frame.redirect.kind, Redirect::Kind::None);
      EXPECT_EQ(call_signed("redirect_map", {argument, 4, action}), static_cast<i64>(action));
      EXPECT_EQ(call_signed("redirect_map", {argument, kEmpty, 8 | action}),
                devices ? kXdpRedirect : kXdpAborted);
      EXPECT_EQ(call_signed("redirect_map", {argument, kEmpty, 16 | action}),
                devices ? static_cast<i64>(action) : kXdpAborted);
    }
    EXPECT_EQ(call_signed("redirect_map", {argument, kFull, 4}), kXdpAborted);
    ASSERT_EQ(map.erase(reinterpret_cast<const u8*>(&kFull)), 0);
    EXPECT_EQ(call_signed("redirect_map", {argument, kFull, 2}), 2);
  }
}

TEST_F(Redirects, ClonesAreShownToTheHost) {
  start(ProgramType::sched_cls, {1, 2, 3});
  struct Seen {
    u32 ifindex = 0;
    u64 flags = 0;
    std::vector<u8> bytes;
  } seen;
  frame.user = &seen;
  frame.on_clone = [](void* user, const Clone& clone) {
    auto& to = *static_cast<Seen*>(user);
    to = {clone.ifindex, clone.flags, {clone.bytes.begin(), clone.bytes.end()}};
  };
  EXPECT_EQ(call_signed("clone_redirect", {run.context, 5, 1}), 0);
  EXPECT_EQ(seen.ifindex, 5u);
  EXPECT_EQ(seen.flags, 1u);
  EXPECT_EQ(seen.bytes, (std::vector<u8>{1, 2, 3}));
  EXPECT_EQ(call_signed("clone_redirect", {run.context, 5, 2}), kEINVAL);
  frame.on_clone = nullptr;
  EXPECT_EQ(call_signed("clone_redirect", {run.context, 5, 0}), 0);
  EXPECT_EQ(frame.clones, 2u);
  EXPECT_EQ(frame.redirect.kind, Redirect::Kind::None);
}

}  // namespace
}  // namespace skep
