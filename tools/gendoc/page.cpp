// Markdown, and words for the tables' values. Tested by the ctest case docs/reference.
#include "tools/gendoc/page.h"

#include "isa/insn.h"

namespace skep::gendoc {
namespace {

// A cell may hold what Markdown would take for the end of a column.
std::string escaped(std::string_view cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::vector<std::string> names_in(TypeSet types) {
  std::vector<std::string> names;
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type != ProgramType::unspec && types.has(row.type)) names.emplace_back(row.name);
  }
  return names;
}

}  // namespace

Page::Page(std::string_view title, std::string_view source) {
  text_ = fmt::format("# {}\n\nGenerated from {} by `./dev doc`; do not edit.\n", title, source);
}

Page& Page::heading(std::string_view text) {
  text_ += fmt::format("\n## {}\n", text);
  return *this;
}

Page& Page::paragraph(std::string_view text) {
  text_ += fmt::format("\n{}\n", text);
  return *this;
}

Page& Page::table(std::initializer_list<std::string_view> columns) {
  text_ += "\n|";
  for (const std::string_view column : columns) text_ += fmt::format(" {} |", column);
  text_ += "\n|";
  for (std::size_t i = 0; i < columns.size(); ++i) text_ += "---|";
  text_ += "\n";
  return *this;
}

Page& Page::row(std::vector<std::string> cells) {
  text_ += "|";
  for (const std::string& cell : cells) text_ += fmt::format(" {} |", escaped(cell));
  text_ += "\n";
  return *this;
}

std::string text(Version version) {
  if (version == kNever) return "none";
  return fmt::format("{}.{}", version.major, version.minor);
}

std::string code(std::string_view word) {
  return word.empty() ? "" : fmt::format("`{}`", word);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string text(TypeSet types) {
  const auto in = names_in(types);
  const auto out = names_in(where::Any - types);
  if (in.empty()) return "none";
  if (out.empty()) return "any";
  return out.size() < in.size() ? "any but " + join(out, ", ") : join(in, ", ");
}

std::string bit_names(u32 bits, std::initializer_list<BitName> names) {
  std::vector<std::string> parts;
  for (const BitName& entry : names) {
    if ((bits & entry.bit) != 0) parts.emplace_back(entry.name);
  }
  return join(parts, ", ");
}

}  // namespace skep::gendoc
