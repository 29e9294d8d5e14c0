// Reads the headers of isa/domain as text: top-level pieces, which clang-format lets begin and end
// in the first column, and the names in them. Tested by tests/isa/domain/proofs_test.cpp.
#include "tests/prove/record.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "isa/insn.h"

namespace skep::domain {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_name(text[end])) ++end;
    if (end > i) names.emplace_back(text.substr(i, end - i));
    i = end > i ? end : i + 1;
  }
  return names;
}

// Without comments, and without white space but where it parts two names.
std::string plain(std::string_view text) {
  std::string result;
  bool space = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "//") i = std::min(text.find('\n', i), text.size() - 1);
    if (text[i] == ' ' || text[i] == '\n') {
      space = true;
      continue;
    }
    if (space && !result.empty() && is_name(result.back()) && is_name(text[i])) result += ' ';
    result += text[i];
    space = false;
  }
  return result;
}

// What a piece defines: the name before its first ( { = or ;, or after `struct`.
std::string name_of(const std::string& piece) {
  std::string_view rest = piece;
  while (rest.starts_with("template")) {  // its parameters have no > of their own
    const auto end = rest.find('>');
    rest.remove_prefix(std::min(end == rest.npos ? rest.size() : end + 2, rest.size()));
  }
  const auto names = names_in(rest.substr(0, rest.find_first_of("({=;")));
  if (names.empty()) return "";
  return names[0] == "struct" && names.size() > 1 ? names[1] : names.back();
}

// Pieces of a file: each from a line that begins in the first column to one that ends it there.
std::vector<std::string> pieces_of(const std::string& text) {
  std::vector<std::string> pieces;
  std::string piece;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool outside = piece.empty();
    if (outside && (line.empty() || line[0] == '#' || line[0] == '/' || line[0] == '}' ||
                    line.starts_with("namespace"))) {
      continue;
    }
    piece += line + "\n";
    if (line[0] == '}' || (line[0] != ' ' && line.ends_with(';'))) {
      pieces.push_back(plain(piece));
      piece.clear();
    }
  }
  return pieces;
}

std::string hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  std::ostringstream stream;
  stream << std::hex << hash;
  return stream.str();
}

// What a function does with a row: from its case to the end of the first `return` after it.
std::string case_of(const std::string& text, const std::string& row_name) {
  const auto start = text.find("case Op::" + row_name + ":");
  if (start == text.npos) return text.substr(std::min(text.find("default:"), text.size()));
  const auto end = text.find(';', text.find("return", start));
  return text.substr(start, end - start);
}

void add_rows(std::vector<LemmaName>& list, OpKind which, const std::string& function,
              const std::vector<std::string>& says, const std::vector<int>& widths) {
  for (int i = 0; i < kOps; ++i) {
    const OpRow& each = row(static_cast<Op>(i));
    if (each.kind != which) continue;
    for (const std::string& what : says) {
      for (const int width : widths) {
        list.push_back({function + "/" + std::string(each.name), what, width});
      }
    }
  }
}

struct Entry {
  const char* subject;
  const char* says;
  std::vector<int> widths;
};

constexpr const char* kKeeps = "keeps members";

// What is not about one row.
std::vector<Entry> entries() {
  return {
      {"laws", "hold for the integers", {0}},
      {"is_empty", "no members", {64}},
      {"join(Tnum)", "members of both", {64}},
      {"meet(Tnum)", "common members", {64}},
      {"covers(Tnum)", "all members", {64}},
      {"common_bits", kKeeps, {64, 32}},
      {"widened(Tnum)", "members of both", {64}},
      {"mul(Tnum)", "members of both give members", {10}},
      {"join(Bounds)", "members of both", {64, 32}},
      {"meet(Bounds)", "common members", {64, 32}},
      {"covers(Bounds)", "all members", {64, 32}},
      {"bounds_of(Tnum)", kKeeps, {64, 32}},
      {"bounds_of(Arc)", kKeeps, {64, 32}},
      {"bounds_of(Halves)", kKeeps, {64, 32}},
      {"halves", kKeeps, {64, 32}},
      {"tightened", kKeeps, {64, 32}},
      {"unsigned_arc", kKeeps, {64, 32}},
      {"signed_arc", kKeeps, {64, 32}},
      {"shorter", "common members", {64, 32}},
      {"negated(Arc)", kKeeps, {64, 32}},
      {"add(Arc)", "members of both give members", {64, 32}},
      {"mul(Bounds)", "members of both give members", {64, 32}},
      {"div", "members of both give members", {64, 32}},
      {"mod", "members of both give members", {64, 32}},
      {"div_signed", "members of both give members", {64, 32}},
      {"mod_signed", "members of both give members", {64, 32}},
      {"low_half(Bounds)", kKeeps, {64}},
      {"with_low_half(Bounds)", kKeeps, {64}},
      {"zero_extended(Part)", kKeeps, {64}},
      {"widened(Bounds)", "members of both", {64, 32}},
      {"reduced", kKeeps, {64, 8}},
      {"reduced", "only takes away", {8}},
      {"constant_number", "has its value", {64}},
      {"join(Number)", "members of both", {64}},
      {"meet(Number)", "common members", {64}},
      {"covers(Number)", "all members", {64}},
      {"widened(Number)", "members of both", {64}},
      {"truncated", kKeeps, {64}},
      {"at_width", "members of both give members", {64}},
      {"at_half_width", "members of both give members", {64}},
      {"outcome_at_width", kKeeps, {64}},
      {"outcome_at_half_width", kKeeps, {64}},
  };
}

}  // namespace

std::string text(const LemmaName& name) {
  return name.subject + ": " + name.says + ", " + std::to_string(name.width) + " bits";
}

std::vector<LemmaName> expected_lemmas() {
  std::vector<LemmaName> list;
  const std::vector<std::string> gives{"members give members"}, outcomes{"taken", "not taken"};
  for (const OpKind each : {OpKind::Alu, OpKind::Unary, OpKind::MovSx}) {
    add_rows(list, each, "transfer", gives, {64, 32});
    add_rows(list, each, "low_half_of", gives, {64});
  }
  add_rows(list, OpKind::Swap, "transfer", gives, {64});
  add_rows(list, OpKind::Swap, "low_half_of", gives, {64});
  add_rows(list, OpKind::Jump, "outcome", outcomes, {64, 32});
  for (const Entry& each : entries()) {
    for (const int width : each.widths) list.push_back({each.subject, each.says, width});
  }
  return list;
}

Sources read_sources(const std::string& folder) {
  Sources sources;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cpp") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    sources[entry.path().filename().string()] = text.str();
  }
  return sources;
}

std::string hash_of(const Sources& sources) {
  std::string all;
  for (const auto& [name, text] : sources) {
    if (name == "prove.cpp" || name.starts_with("record.")) continue;
    all += name + "\n" + plain(text) + "\n";
  }
  return hash_text(all);
}

Hashes::Hashes(const Sources& sources) {
  for (const auto& [file, text] : sources) {
    if (!file.ends_with(".h") || file == "scalar.h") continue;
    for (const std::string& piece : pieces_of(text)) functions_[name_of(piece)].push_back(piece);
  }
}

std::string Hashes::of(const std::string& subject) const {
  const std::string function = subject.substr(0, subject.find_first_of("/("));
  const auto slash = subject.find('/');
  std::string all;
  if (function == "laws") return hash_text(function);  // about integers, not about us
  const auto found = functions_.find(function);
  if (found == functions_.end()) return "";
  std::vector<std::string> todo;
  std::set<std::string> done;
  if (slash == subject.npos) {
    todo.push_back(function);
  } else {
    all = case_of(found->second.at(0), subject.substr(slash + 1));
    todo = names_in(all);
    done.insert(function);
  }
  while (!todo.empty()) {
    const std::string name = todo.back();
    todo.pop_back();
    const auto texts = functions_.find(name);
    if (texts == functions_.end() || !done.insert(name).second) continue;
    for (const std::string& text : texts->second) {
      for (std::string& each : names_in(text)) todo.push_back(std::move(each));
    }
  }
  for (const std::string& name : done) {
    if (slash != subject.npos && name == function) continue;
    for (const std::string& text : functions_.at(name)) all += "\n" + text;
  }
  return hash_text(all);
}

std::string print(const Record& record) {
  std::string result =
      "# Proofs of isa/domain, written by ./dev test prove; see docs/testing.md.\n"
      "# subject\tlemma\twidth\thash of its text\tseconds\nprover\t" +
      record.prover + "\n";
  for (const auto& [name, proof] : record.proofs) {
    result += name.subject + "\t" + name.says + "\t" + std::to_string(name.width) + "\t" +
              proof.hash + "\t" + proof.seconds + "\n";
  }
  return result;
}

Record parse_record(std::string_view text) {
  Record record;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
    if (fields.size() == 2 && fields[0] == "prover") record.prover = fields[1];
    if (fields.size() != 5) continue;
    record.proofs[{fields[0], fields[1], std::atoi(fields[2].c_str())}] = {fields[3], fields[4]};
  }
  return record;
}

std::vector<std::string> faults(const Record& record, const Hashes& hashes,
                                const std::string& prover) {
  std::vector<std::string> found;
  if (record.prover != prover) found.push_back("the prover has changed since the record was made");
  std::set<LemmaName> expected;
  for (const LemmaName& name : expected_lemmas()) {
    expected.insert(name);
    const auto proof = record.proofs.find(name);
    const std::string hash = hashes.of(name.subject);
    if (hash.empty()) {
      found.push_back(text(name) + ": no such function in isa/domain");
    } else if (proof == record.proofs.end()) {
      found.push_back(text(name) + ": not proved");
    } else if (proof->second.hash != hash) {
      found.push_back(text(name) + ": its function has changed since it was proved");
    }
  }
  for (const auto& [name, proof] : record.proofs) {
    if (!expected.contains(name)) found.push_back(text(name) + ": no such lemma");
  }
  return found;
}

}  // namespace skep::domain
