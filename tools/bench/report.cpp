// A result as text: times, ns an insn, ratios with their means; and two results compared.
// See result.h.
#include <algorithm>

#include "tools/bench/result.h"

namespace skep::bench {
namespace {

// Engines that have a time of any program.
std::vector<std::string> shown(const Result& result) {
  std::vector<std::string> names;
  for (const Column& column : result.columns) {
    const auto ran = [&](const Row& row) { return find_cell(row, column.name) != nullptr; };
    if (std::ranges::any_of(result.rows, ran)) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> heading(std::string first, const std::vector<std::string>& engines) {
  std::vector<std::string> cells{std::move(first)};
  cells.insert(cells.end(), engines.begin(), engines.end());
  return cells;
}

std::string time_text(const Row& row, const std::string& engine) {
  const auto found = row.cells.find(engine);
  if (found == row.cells.end()) return fmt::format("{:>8}", "-");
  if (!found->second.wrong.empty()) return fmt::format("{:>8}", "error");
  if (!found->second.ran()) return fmt::format("{:>8}", "-");
  return fmt::format("{:>8.1f} ({:>8.1f})", found->second.least, found->second.median);
}

std::string number_text(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

void print_times(const Result& result, const std::vector<std::string>& engines, Output& output) {
  auto cells = heading("program", engines);
  cells.insert(cells.begin() + 1, "insns");
  Table table(std::move(cells));
  for (const Row& row : result.rows) {
    std::vector<std::string> line{row.name, grouped(row.insns)};
    for (const std::string& engine : engines) line.push_back(time_text(row, engine));
    table.add(std::move(line));
  }
  output.text("{}\n{}\n",
              output.strong(fmt::format("ns a run: least of {} rounds (median)", result.rounds)),
              table.text());
}

void print_insns(const Result& result, const std::vector<std::string>& engines, Output& output) {
  Table table(heading("program", engines));
  for (const Row& row : result.rows) {
    std::vector<std::string> line{row.name};
    for (const std::string& engine : engines)
      line.push_back(number_text(ns_per_insn(row, engine), 3));
    table.add(std::move(line));
  }
  std::vector<std::string> means{"geomean"}, largest{"largest"};
  for (const std::string& engine : engines) {
    const Summary summary = summarise_insns(result, "", engine);
    means.push_back(fmt::format("{:.3f}", summary.geomean));
    largest.push_back(fmt::format("{:.3f}", summary.largest));
  }
  table.add(std::move(means));
  table.add(std::move(largest));
  output.text("{}\n{}\n", output.strong("ns an instruction executed"), table.text());
}

void print_ratios(const Result& result, const std::vector<std::string>& engines, Output& output) {
  Table table(heading("program", engines));
  const auto add_mean = [&](std::string title, std::string_view group) {
    std::vector<std::string> line{std::move(title)};
    for (const std::string& engine : engines) {
      const Summary summary = summarise_ratios(result, group, engine);
      line.push_back(summary.count == 0 ? "-" : fmt::format("{:.2f}", summary.geomean));
    }
    table.add(std::move(line));
  };
  for (const Row& row : result.rows) {
    std::vector<std::string> line{row.name};
    for (const std::string& engine : engines)
      line.push_back(number_text(ratio(result, row, engine), 2));
    table.add(std::move(line));
  }
  for (const std::string& group : groups(result)) add_mean("geomean " + group, group);
  add_mean("geomean", "");
  output.text("{}\n{}\n", output.strong("time by that of " + result.reference), table.text());
}

void print_remarks(const Result& result, Output& output) {
  for (const Column& column : result.columns) {
    if (!column.absent.empty()) output.text("{}: absent: {}\n", column.name, column.absent);
  }
  for (const Row& row : result.rows) {
    for (const auto& [engine, cell] : row.cells) {
      if (!cell.wrong.empty())
        output.text("{}\n", output.bad(fmt::format("{} on {}: {}", row.name, engine, cell.wrong)));
      if (!cell.refused.empty())
        output.text("{} on {}: not run: {}\n", row.name, engine, cell.refused);
    }
  }
}

}  // namespace

void print(const Result& result, Output& output) {
  const std::vector<std::string> engines = shown(result);
  if (!engines.empty()) {
    print_times(result, engines, output);
    print_insns(result, engines, output);
    if (!result.reference.empty()) print_ratios(result, engines, output);
  }
  print_remarks(result, output);
}

u32 print_changes(const std::vector<Change>& changes, double limit, Output& output) {
  Table table({"program", "engine", "before", "now", "now/before", ""});
  std::map<std::string, std::vector<double>> factors;
  u32 slower = 0;
  for (const Change& change : changes) {
    const bool worse = change.factor() > 1 + limit / 100;
    slower += worse ? 1 : 0;
    factors[change.engine].push_back(change.factor());
    table.add({change.program, change.engine, fmt::format("{:.3f}", change.before),
               fmt::format("{:.3f}", change.now), fmt::format("{:.3f}", change.factor()),
               worse ? "slower" : ""});
  }
  for (const auto& [engine, values] : factors)
    table.add({"geomean", engine, "", "", fmt::format("{:.3f}", summarise(values).geomean), ""});
  output.text("{}\n{}\n", output.strong("ratios against before"), table.text());
  if (slower != 0)
    output.text("{} of {} slower by more than {:g} %\n", slower, changes.size(), limit);
  return slower;
}

Json changes_json(const std::vector<Change>& changes, double limit) {
  Json list = Json::array();
  for (const Change& change : changes) {
    list.push_back({{"program", change.program},
                    {"engine", change.engine},
                    {"before", change.before},
                    {"now", change.now},
                    {"slower", change.factor() > 1 + limit / 100}});
  }
  return list;
}

}  // namespace skep::bench
