// The limiter itself: an operation that asks properly is told so, and each way to go wrong without
// memory is seen. Without this, limits_test could pass because nothing was limited.
#include "tests/limits/limiter.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

namespace skep::test {
namespace {

constexpr std::size_t kMega = 1 << 20;

Outcome asks_nothrow(std::string& text) {
  std::unique_ptr<char[]> memory(new (std::nothrow) char[64 * kMega]);
  if (memory != nullptr) memory[5] = 1;
  text = "asked";
  return memory == nullptr ? Outcome::NoMemory : Outcome::Done;
}

Outcome throws(std::string&) {
  std::vector<char> memory(64 * kMega);
  memory[5] = 1;
  return Outcome::Done;
}

Outcome grows(std::string&) {
  std::vector<int> numbers;
  for (int i = 0; i < 16'000'000; ++i) numbers.push_back(i);
  return numbers.back() == 15'999'999 ? Outcome::Done : Outcome::Wrong;
}

Outcome small_pieces(std::string& text) {
  std::vector<std::unique_ptr<std::string>> pieces;
  for (int i = 0; i < 100; ++i) pieces.push_back(std::make_unique<std::string>(1000, 'x'));
  text = *pieces.back();
  return Outcome::Done;
}

Outcome aborts(std::string&) {
  std::abort();
}
Outcome is_wrong(std::string&) {
  return Outcome::Wrong;
}

struct Case {
  const char* name;
  Outcome (*operation)(std::string&);
  std::size_t extra;
  Outcome outcome;
};

const Case kCases[] = {
    {"enough", asks_nothrow, 200 * kMega, Outcome::Done},
    {"too_little", asks_nothrow, 10 * kMega, Outcome::NoMemory},
    {"throwing_enough", throws, 200 * kMega, Outcome::Done},
    {"small_pieces", small_pieces, 0, Outcome::Done},
    {"wrong", is_wrong, 10 * kMega, Outcome::Wrong},
    {"throwing", throws, 10 * kMega, Outcome::Died},
    {"growing", grows, 10 * kMega, Outcome::Died},
    {"aborting", aborts, 10 * kMega, Outcome::Died},
};

class LimiterTest : public testing::TestWithParam<Case> {};

TEST_P(LimiterTest, Allocator) {
  const Trial trial = run_limited(Limiter::Allocator, GetParam().extra, GetParam().operation);
  EXPECT_EQ(trial.outcome, GetParam().outcome) << trial.text;
}

#ifdef SKEP_LIMIT_ADDRESS_SPACE
TEST_P(LimiterTest, AddressSpace) {
  const Trial trial = run_limited(Limiter::AddressSpace, GetParam().extra, GetParam().operation);
  EXPECT_EQ(trial.outcome, GetParam().outcome) << trial.text;
}

TEST(Limiter, AddressSpaceCanBeLimited) {
  EXPECT_TRUE(address_space_can_be_limited());
}
#endif

INSTANTIATE_TEST_SUITE_P(Ways, LimiterTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Limiter, TellsWhatWasSaid) {
  EXPECT_EQ(run_limited(Limiter::Allocator, kMega, asks_nothrow).text, "asked");
  EXPECT_EQ(run_limited(Limiter::Allocator, kMega, throws).text,
            "no memory for a throwing new of 67108864 bytes");
}

}  // namespace
}  // namespace skep::test
