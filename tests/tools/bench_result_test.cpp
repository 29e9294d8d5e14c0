// Rounds, ratios, means, JSON, comparison and page of `skep bench`, on engines that make up their
// times: nothing here depends on how fast anything is.
#include <gtest/gtest.h>

#include "tools/bench/input.h"
#include "tools/bench/rounds.h"

namespace skep::bench {
namespace {

// Takes `ns` a run, `extra` more in each odd sample; gives `r0`.
class Fake final : public Contender {
 public:
  Fake(double ns, u64 r0, u64 mask = ~u64{0}) : ns_(ns), r0_(r0), mask_(mask) {}
  Sample run(u32 repeat) override {
    if (fail_at_ != 0 && ++calls_ >= fail_at_) raise<Code::not_runnable>(0, "planted");
    const double extra = odd_ ? 100 : 0;
    odd_ = !odd_;
    return {r0_, (ns_ + extra) * repeat, 10 * u64{repeat}};
  }
  u64 r0_mask() const override { return mask_; }
  Fake* failing(u32 call) {
    fail_at_ = call;
    return this;
  }

 private:
  double ns_;
  u64 r0_, mask_;
  u32 fail_at_ = 0, calls_ = 0;
  bool odd_ = false;
};

// One program on the engines given.
Result race(std::vector<std::pair<std::string, Fake*>> fakes, std::optional<u64> expected = {},
            std::shared_ptr<Contender> base = {}) {
  Result result;
  result.reference = "native";
  result.rows.push_back({"program", "group", 0, 0, {}});
  std::vector<Job> jobs;
  for (const auto& [name, fake] : fakes) {
    result.columns.push_back({name, ""});
    jobs.push_back({0, name, std::unique_ptr<Contender>(fake), name == "kernel" ? base : nullptr});
  }
  measure(jobs, {expected}, {.rounds = 6, .sample_ns = 1000}, result);
  return result;
}

TEST(BenchRounds, TakeTheLeastAndTheMedian) {
  const Result result = race({{"interpreter", new Fake(50, 7)}, {"native", new Fake(5, 7)}}, 7);
  const Cell& cell = result.rows[0].cells.at("interpreter");
  EXPECT_TRUE(cell.wrong.empty()) << cell.wrong;
  EXPECT_DOUBLE_EQ(cell.least, 50);
  EXPECT_DOUBLE_EQ(cell.median, 150);
  EXPECT_EQ(cell.samples, 6u);
  EXPECT_EQ(result.rows[0].insns, 10u);
  EXPECT_EQ(result.rows[0].r0, 7u);
  EXPECT_DOUBLE_EQ(*ratio(result, result.rows[0], "interpreter"), 10);
  EXPECT_DOUBLE_EQ(*ns_per_insn(result.rows[0], "interpreter"), 5);
}

TEST(BenchRounds, TheBaseIsTakenOff) {
  const Result result = race({{"kernel", new Fake(40, 7)}, {"native", new Fake(5, 7)}}, 7,
                             std::make_shared<Fake>(30, 1));
  const Cell& cell = result.rows[0].cells.at("kernel");
  EXPECT_DOUBLE_EQ(cell.least, 10);
  EXPECT_DOUBLE_EQ(cell.median, 10);
  EXPECT_DOUBLE_EQ(cell.base, 30);
}

TEST(BenchRounds, AnotherResultIsAnErrorAndNoTime) {
  const Result result = race({{"interpreter", new Fake(50, 8)}, {"native", new Fake(5, 7)}}, 7);
  EXPECT_EQ(result.rows[0].cells.at("interpreter").wrong, "r0 is 0x8, not 0x7");
  EXPECT_TRUE(result.rows[0].cells.at("native").ran());
  EXPECT_FALSE(ratio(result, result.rows[0], "interpreter"));
  EXPECT_TRUE(any_wrong(result));
}

TEST(BenchRounds, TheFirstEngineSetsTheResultIfNobodyElseDoes) {
  const Result result = race({{"interpreter", new Fake(50, 8)}, {"native", new Fake(5, 7)}});
  EXPECT_FALSE(result.rows[0].cells.at("native").wrong.empty());
}

TEST(BenchRounds, AnEngineThatGivesHalfOfR0IsComparedWithThatHalf) {
  constexpr u64 kHalf = 0xffff'ffff;
  const u64 whole = 0xaaaa'0000'0000'0007;
  for (const u64 half : {u64{7}, u64{8}}) {
    const Result result =
        race({{"kernel", new Fake(9, half, kHalf)}, {"interpreter", new Fake(50, whole)}});
    EXPECT_EQ(result.rows[0].cells.at("kernel").ran(), half == 7);
    EXPECT_TRUE(result.rows[0].cells.at("interpreter").ran());
  }
}

TEST(BenchRounds, AFaultEndsOneCellAlone) {
  for (const u32 call : {1u, 2u, 5u}) {
    const Result result =
        race({{"interpreter", (new Fake(50, 7))->failing(call)}, {"native", new Fake(5, 7)}});
    EXPECT_NE(result.rows[0].cells.at("interpreter").wrong.find("planted"), std::string::npos);
    EXPECT_FALSE(result.rows[0].cells.at("interpreter").ran());
    EXPECT_TRUE(result.rows[0].cells.at("native").ran());
  }
}

Cell timed(double ns) {
  Cell cell;
  cell.least = ns;
  cell.median = ns + 1;
  cell.samples = 3;
  return cell;
}

// Two groups; the kernel refused one program, the JIT is absent.
Result sample() {
  Result result;
  result.machine = "a <machine>";
  result.rounds = 3;
  result.reference = "native";
  result.columns = {
      {"interpreter", ""}, {"jit", "not in this build"}, {"kernel", ""}, {"native", ""}};
  result.rows = {
      {"alu",
       "chain",
       100,
       1,
       {{"interpreter", timed(80)}, {"kernel", timed(10)}, {"native", timed(10)}}},
      {"fnv",
       "chain",
       100,
       2,
       {{"interpreter", timed(20)}, {"kernel", timed(40)}, {"native", timed(10)}}},
      {"sort", "stack", 0, 3, {{"interpreter", timed(90)}, {"kernel", {}}, {"native", timed(10)}}}};
  result.rows[2].cells["kernel"].refused = "too \"complex\" <by far>";
  return result;
}

TEST(BenchResult, MeansAreGeometricAndOfWhatRan) {
  const Result result = sample();
  EXPECT_EQ(groups(result), (std::vector<std::string>{"chain", "stack"}));
  const Summary chain = summarise_ratios(result, "chain", "interpreter");
  EXPECT_EQ(chain.count, 2u);
  EXPECT_NEAR(chain.geomean, 4, 1e-9);  // of 8 and 2
  EXPECT_NEAR(chain.largest, 8, 1e-9);
  EXPECT_EQ(summarise_ratios(result, "", "interpreter").count, 3u);
  EXPECT_EQ(summarise_ratios(result, "", "kernel").count, 2u);
  EXPECT_EQ(summarise_ratios(result, "stack", "kernel").count, 0u);
  EXPECT_EQ(summarise_insns(result, "", "interpreter").count, 2u);  // one has no count of insns
  EXPECT_NEAR(summarise_insns(result, "", "interpreter").geomean, 0.4, 1e-9);
}

TEST(BenchResult, TimesBelowTheClockGiveNoRatio) {
  Result result = sample();
  result.rows[0].cells["kernel"].least = 0;
  EXPECT_FALSE(ratio(result, result.rows[0], "kernel"));
  EXPECT_EQ(summarise_ratios(result, "", "kernel").count, 1u);
}

TEST(BenchResult, JsonAndBack) {
  const Json document = to_json(sample());
  EXPECT_EQ(document["programs"].size(), 3u);
  EXPECT_EQ(document["engines"][1]["present"], false);
  EXPECT_EQ(document["programs"][0]["engines"]["interpreter"]["ratio"], 8.0);
  EXPECT_TRUE(document["programs"][2]["engines"]["kernel"].contains("refused"));
  EXPECT_EQ(to_json(from_json(document, "x")), document);
}

TEST(BenchResult, WhatIsNoResultIsRefused) {
  for (const char* text :
       {"[]", "{}", "7", R"({"rounds":1,"reference":"","engines":[],"programs":[{}]})",
        R"({"rounds":"x","reference":"","engines":[],"programs":[]})"}) {
    EXPECT_THROW(from_json(Json::parse(text), "before.json"), Failure) << text;
  }
}

TEST(BenchResult, ComparesRatiosNotTimes) {
  const Result before = sample();
  Result now = sample();
  for (Row& row : now.rows) {
    for (auto& [engine, cell] : row.cells) cell.least *= 3;  // a slower machine
  }
  for (const Change& change : compare(before, now)) EXPECT_NEAR(change.factor(), 1, 1e-9);
  now.rows[0].cells["interpreter"].least *= 1.2;
  const auto changes = compare(before, now);
  ASSERT_EQ(changes.size(), 5u);  // interpreter thrice, kernel twice; the reference not
  Output output({.json = true});
  EXPECT_EQ(print_changes(changes, 15, output), 1u);
  EXPECT_EQ(print_changes(changes, 25, output), 0u);
  EXPECT_EQ(changes_json(changes, 15)[0]["slower"], true);
}

TEST(BenchPage, StandsAlone) {
  const std::string text = page(sample());
  for (const char* part : {"a &lt;machine&gt;", "too &quot;complex&quot; &lt;by far&gt;",
                           "jit: absent", "Geometric means", "8.00×", "</html>"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  for (const char* part : {"http:", "https:", "src=", "<script", "nan", "inf%"})
    EXPECT_EQ(text.find(part), std::string::npos) << part;
}

TEST(BenchPage, OfNothingAndWithoutReference) {
  EXPECT_NE(page({}).find("</html>"), std::string::npos);
  Result result = sample();
  result.reference.clear();
  EXPECT_NE(page(result).find("Bars are nanoseconds a run"), std::string::npos);
}

TEST(BenchInput, PatternsFitWholeNames) {
  const struct {
    const char *pattern, *name;
    bool fits;
  } kCases[] = {{"hash", "hash", true},   {"hash", "jhash", false}, {"*hash", "jhash", true},
                {"*", "", true},          {"m*h", "mhash", true},   {"m?ash", "mhash", true},
                {"m?ash", "mash", false}, {"", "x", false},         {"*a*", "marray", true},
                {"?", "", false}};
  for (const auto& test : kCases)
    EXPECT_EQ(matches(test.pattern, test.name), test.fits) << test.pattern << " " << test.name;
}

}  // namespace
}  // namespace skep::bench
