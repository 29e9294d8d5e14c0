// The committed record of proofs (tests/data/proofs.tsv) is of the functions that are here: no
// lemma is missing, none was proved of another text. And whether that is noticed: texts changed in
// each way that matters, or that doesn't.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/prove/record.h"

namespace skep::domain {
namespace {

const std::string kRoot = SKEP_SOURCE_DIR;

const Sources& domain() {
  static const Sources sources = read_sources(kRoot + "/isa/domain");
  return sources;
}

const std::string& prover() {
  static const std::string hash = hash_of(read_sources(kRoot + "/tests/prove"));
  return hash;
}

Record committed() {
  std::ostringstream text;
  text << std::ifstream(kRoot + "/tests/data/proofs.tsv").rdbuf();
  return parse_record(text.str());
}

// The sources with one place of a file changed.
Sources changed(const std::string& file, const std::string& there, const std::string& instead) {
  Sources sources = domain();
  std::string& text = sources.at(file);
  const auto at = text.find(there);
  EXPECT_NE(at, text.npos) << there;
  if (at != text.npos) text.replace(at, there.size(), instead);
  return sources;
}

std::vector<std::string> faults_of(const Record& record, const Sources& sources) {
  return faults(record, Hashes(sources), prover());
}

TEST(Proofs, AreOfTheFunctionsThatAreHere) {
  const Record record = committed();
  EXPECT_GE(record.proofs.size(), 150u);
  for (const std::string& fault : faults_of(record, domain())) {
    ADD_FAILURE() << fault << " (./dev test prove proves and writes the record)";
  }
}

TEST(Proofs, PrintAndReadBack) {
  const Record record = committed();
  EXPECT_EQ(print(parse_record(print(record))), print(record));
}

struct Planted {
  const char* file;
  const char* there;
  const char* instead;
  const char* noticed;  // by a lemma with this in its name; null: by none
};

TEST(ProofsPlanted, ChangedTextIsStale) {
  const Planted cases[] = {
      {"tnum.h", "least & ~mask", "least", "transfer/Add"},
      {"bounds.h", "return {x.umin, x.umax};", "return {x.umin, x.smax};", "transfer/Sub"},
      {"word.h", "return select(x < y, x, y);", "return select(x > y, x, y);", "reduced"},
      {"compare.h", "case Op::Jlt: return taken", "case Op::Jlt: return !taken", "outcome/Jlt"},
      {"transfer.h", "case Op::Or: return bit_or(x.low", "case Op::Or: return add(x.low",
       "low_half_of/Or"},
      {"tnum.h", "template <class W>\nconstexpr Tnum<W> join(", "constexpr Tnum<int> joint(",
       "join(Tnum)"},
      {"tnum.h", "// Tristate", "// Three-state", nullptr},
      {"tnum.h", "{W(0), ~W(0)}", "{W(0),\n          ~W(0)}", nullptr},
  };
  for (const Planted& each : cases) {
    const auto found = faults_of(committed(), changed(each.file, each.there, each.instead));
    if (each.noticed == nullptr) {
      EXPECT_TRUE(found.empty()) << each.instead << ": " << (found.empty() ? "" : found[0]);
      continue;
    }
    const bool noticed = std::any_of(found.begin(), found.end(), [&](const std::string& fault) {
      return fault.find(each.noticed) != fault.npos;
    });
    EXPECT_TRUE(noticed) << each.instead;
  }
  // What a row does is its own: other rows' proofs hold on, but for what is made of all rows.
  for (const std::string& fault : faults_of(
           committed(),
           changed("compare.h", "case Op::Jlt: return taken", "case Op::Jlt: return !taken"))) {
    EXPECT_TRUE(fault.find("Jlt") != fault.npos || fault.find("outcome_at_") != fault.npos)
        << fault;
  }
}

TEST(ProofsPlanted, MissingAndUnknownLemmasAreFound) {
  Record record = committed();
  ASSERT_FALSE(record.proofs.empty());
  const auto first = record.proofs.extract(record.proofs.begin());
  EXPECT_EQ(faults_of(record, domain()).size(), 1u);
  record.proofs[{"nonsense", "is true", 64}] = first.mapped();
  EXPECT_EQ(faults_of(record, domain()).size(), 2u);
  record.prover = "0";
  EXPECT_EQ(faults_of(record, domain()).size(), 3u);
}

}  // namespace
}  // namespace skep::domain
