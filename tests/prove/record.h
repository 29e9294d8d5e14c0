// The record of proofs, tests/data/proofs.tsv: a row a lemma, with a hash of what it is about.
//
// Who changes a function of isa/domain changes its hash, and that of all that call it; the record
// is then stale until ./dev test prove has solved the lemmas again and written it. Without z3 the
// record can be read and compared, which the ordinary tests do. Tested by
// tests/isa/domain/proofs_test.cpp.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace skep::domain {

// What a lemma is about (a function of isa/domain, or "function/Row" for what it does with a row of
// insn.def, or "function(Type)" for one of several), what it says, and of words of how many bits.
struct LemmaName {
  std::string subject;
  std::string says;
  int width = 0;
  friend auto operator<=>(const LemmaName&, const LemmaName&) = default;
};

std::string text(const LemmaName& name);

// All lemmas that there must be.
std::vector<LemmaName> expected_lemmas();

// The files of isa/domain by name, or of another folder that has the like: name -> text.
using Sources = std::map<std::string, std::string>;
Sources read_sources(const std::string& folder);

// A hash of the text that a subject consists of: its function, and all of isa/domain that this
// calls. Comments and spaces do not count. Empty if there is no such function.
class Hashes {
 public:
  explicit Hashes(const Sources& sources);
  std::string of(const std::string& subject) const;

 private:
  std::map<std::string, std::vector<std::string>> functions_;  // name -> texts of that name
};

// A hash of what lemmas say: of the files of tests/prove, but for those that solve and record them.
std::string hash_of(const Sources& sources);

struct Proof {
  std::string hash;
  std::string seconds;
};

struct Record {
  std::string prover;  // hash of its sources
  std::map<LemmaName, Proof> proofs;
};

std::string print(const Record& record);
Record parse_record(std::string_view text);

// What is wrong with a record: lemmas that are missing, stale or unknown. Nothing if it is good.
std::vector<std::string> faults(const Record& record, const Hashes& hashes,
                                const std::string& prover);

}  // namespace skep::domain
