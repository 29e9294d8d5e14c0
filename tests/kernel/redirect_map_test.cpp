// bpf_redirect_map of ours against the running kernel's: maps of devices, CPUs and sockets, an
// entry filled and the others empty, every flag. Nothing is sent: a test run ends with the answer.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "kernel/backend.h"
#include "kernel/syscall.h"
#include "tests/support/agree.h"
#include "tests/support/image.h"
#include "tests/support/map_specs.h"

namespace skep {
namespace {

constexpr u32 kFilled = 0, kEntries = 4;
constexpr u64 kKeys[] = {kFilled, 1, kEntries - 1, kEntries, ~u32{0}, u64{1} << 32 | kFilled};
constexpr u64 kFlags[] = {
    0, 1, 2, 3, 4, 7, 8, 9, 8 | 16, 16 | 2, 8 | 4, 32, 64, 1ull << 32, 1ull << 32 | 2, ~0ull};

// Notes what each call returns, 8 bytes a call.
std::string calls() {
  std::string text = "r9 = map[out][0] + 0\n";
  u32 at = 0;
  for (const u64 key : kKeys) {
    for (const u64 flags : kFlags) {
      text += fmt::format(
          "r1 = map[target]\nr2 = {:#x} ll\nr3 = {:#x} ll\ncall redirect_map\n"
          "*(u64 *)(r9 + {}) = r0\n",
          key, flags, at);
      at += 8;
    }
  }
  return text + "r0 = 2\nexit\n";
}

constexpr u32 kOutBytes = 8 * std::size(kKeys) * std::size(kFlags);

u64 answer(const test::Outcome& outcome, std::size_t call) {
  u64 number = 0;
  std::memcpy(&number, &outcome.maps.at("out").begin()->second[8 * call], sizeof number);
  return number;
}

struct Case {
  std::string name;
  MapType type;
  u32 value = 0;  // of the filled entry: an interface, a queue's size, a socket
};

class RedirectMapAgrees : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  }

  // Loads and runs on both and compares call by call; how many answers sent the packet away.
  void compare(const std::vector<test::RunInput::Element>& elements, u64& redirected) {
    const std::shared_ptr<const Image> image =
        test::image_of(calls(), ProgramType::xdp,
                       {test::array_spec("out", kOutBytes, 1),
                        map_spec(GetParam().type, 4, 4, kEntries, 0, "target")});
    const test::RunInput input{.bytes = std::vector<u8>(64), .elements = elements};
    const auto ours = test::run_on(*make_interpreter(), {&image, 1}, input);
    const auto theirs = test::run_on(*make_kernel_backend(), {&image, 1}, input);
    ASSERT_TRUE(ours.ran) << ours.trouble;
    ASSERT_TRUE(theirs.ran) << theirs.trouble;
    std::size_t call = 0;
    for (const u64 key : kKeys) {
      for (const u64 flags : kFlags) {
        EXPECT_EQ(answer(ours, call), answer(theirs, call))
            << fmt::format("key {:#x}, flags {:#x}", key, flags);
        redirected += answer(theirs, call++) == 4;
      }
    }
    EXPECT_EQ(test::Outcome::difference(ours, theirs), "");
  }
};

TEST_P(RedirectMapAgrees, FilledAndEmpty) {
  const bool sockets = GetParam().type == MapType::xskmap;
  const Fd socket(sockets ? ::socket(AF_XDP, SOCK_RAW, 0) : -1);
  const u32 number = sockets ? static_cast<u32>(socket.get()) : GetParam().value;
  u64 of_empty = 0, of_filled = 0;
  compare({}, of_empty);
  if (HasFatalFailure()) return;
  if (sockets && !socket) GTEST_SKIP() << "needs kernel feature: AF_XDP sockets";
  std::vector<u8> key(4), value(4);
  std::memcpy(key.data(), &kFilled, 4);
  std::memcpy(value.data(), &number, 4);
  compare({{"target", key, value}}, of_filled);
  if (HasFatalFailure()) return;
  EXPECT_GT(of_filled, of_empty) << "the filled entry sends it away";
}

const Case kCases[] = {{"devmap", MapType::devmap, 1},  // the loopback device
                       {"devmap_hash", MapType::devmap_hash, 1},
                       {"cpumap", MapType::cpumap, 192},
                       {"xskmap", MapType::xskmap}};
INSTANTIATE_TEST_SUITE_P(Types, RedirectMapAgrees, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace skep
