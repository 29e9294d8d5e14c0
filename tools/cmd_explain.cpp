// `skep explain`: what a code in brackets means, and what to do about it. Everything it says is in
// isa/diagnostics.def. Tested by tests/tools/cli_test.cpp.
#include <algorithm>

#include "tools/command.h"

namespace skep {
namespace {

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::Rejected: return "the program breaks a rule";
    case Kind::Fault: return "a run was ended";
    case Kind::Usage: return "wrong use";
    case Kind::Unreadable: return "the input can't be read";
    case Kind::Unsupported: return "not supported";
    case Kind::Internal: return "internal";
  }
  return "internal";
}

Json to_json(const DiagnosticRow& row) {
  return {{"code", row.name},
          {"title", row.title},
          {"meaning", describe(row.kind)},
          {"exit", static_cast<int>(exit_of(row.kind))},
          {"message", row.message},
          {"kernel", row.kernel},
          {"explanation", row.explanation}};
}

// Text of a table row in lines of at most 80 columns.
std::string wrapped(std::string_view text) {
  std::string lines;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (column != 0 && column + 1 + end > 80) {
      lines += '\n';
      column = 0;
    } else if (column != 0) {
      lines += ' ';
      ++column;
    }
    lines += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1])});
      corner = above;
    }
  }
  return row[b.size()];
}

// "; did you mean ...?" for what was nearly a code.
std::string suggestion(std::string_view wanted) {
  const auto* nearest = std::ranges::min_element(
      kDiagnostics, {}, [&](const DiagnosticRow& row) { return distance(wanted, row.name); });
  return distance(wanted, nearest->name) <= 3 ? fmt::format("; did you mean '{}'?", nearest->name)
                                              : "";
}

void explain(const DiagnosticRow& row, Output& output) {
  output.text("{}: {}\n\n{}\n\n", output.strong(row.name), row.title, wrapped(row.explanation));
  output.text("It reads:      {}\n", row.message);
  if (!row.kernel.empty()) output.text("Linux says:    {}\n", row.kernel);
  output.text("Kind:          {}, exit code {}\n", describe(row.kind),
              static_cast<int>(exit_of(row.kind)));
  output.document(to_json(row));
}

void list(Output& output) {
  Table table({"code", "exit", "title"});
  Json all = Json::array();
  for (const DiagnosticRow& row : kDiagnostics) {
    table.add({std::string(row.name), std::to_string(static_cast<int>(exit_of(row.kind))),
               std::string(row.title)});
    all.push_back(to_json(row));
  }
  output.text("{}", table.text(""));
  output.document(all);
}

}  // namespace

const Verb kExplainVerb{
    "explain", "Say what an error code means",
    "  skep explain bad_access    what it means, what Linux says, what to do\n"
    "  skep explain               all codes",
    [](CLI::App& app) -> Action {
      const auto code = std::make_shared<std::string>();
      app.add_option("code", *code, "The code that stood in brackets")->type_name("CODE");
      return [code](Output& output) {
        std::string_view name = *code;
        if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
        if (name.empty()) {
          list(output);
        } else if (const DiagnosticRow* row = find_diagnostic(name)) {
          explain(*row, output);
        } else {
          raise<Code::unknown_code>(name, suggestion(name));
        }
        return Exit::Good;
      };
    }};

}  // namespace skep
