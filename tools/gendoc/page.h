// What the reference pages are made with: Markdown tables, and words for the tables' values.
// Tested by the ctest case docs/reference, which compares the committed pages.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/spec/program_type.h"
#include "isa/types.h"

namespace skep::gendoc {

// One page, built from top to bottom.
class Page {
 public:
  Page(std::string_view title, std::string_view source);

  Page& heading(std::string_view text);
  Page& paragraph(std::string_view text);
  // A table's head; rows follow.
  Page& table(std::initializer_list<std::string_view> columns);
  Page& row(std::vector<std::string> cells);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// "6.6", and "none" for what no Linux has.
std::string text(Version version);

// `word`, as code.
std::string code(std::string_view word);

// "any", "xdp, sched_cls" or "any but xdp", whichever is shortest.
std::string text(TypeSet types);

// The names of the bits that are set, in the order given.
struct BitName {
  u32 bit;
  std::string_view name;
};
std::string bit_names(u32 bits, std::initializer_list<BitName> names);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// ---- the pages, each in a file of its subject ---------------------------------------------------
Page instructions_page();
Page helpers_page();
Page maps_page();
Page program_types_page();
Page contexts_page();
Page diagnostics_page();
Page kernels_page();
Page support_page();

}  // namespace skep::gendoc
