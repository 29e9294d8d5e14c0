// Numbers of a result, and its form in JSON. See result.h.
#include "tools/bench/result.h"

#include <algorithm>
#include <cmath>

namespace skep::bench {
namespace {

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json summary_json(const Summary& summary) {
  return {{"count", summary.count}, {"geomean", summary.geomean}, {"largest", summary.largest}};
}

Json cell_json(const Result& result, const Row& row, const std::string& engine, const Cell& cell) {
  if (!cell.refused.empty()) return {{"refused", cell.refused}};
  if (!cell.wrong.empty()) return {{"error", cell.wrong}};
  Json document{{"min_ns", cell.least}, {"median_ns", cell.median}, {"samples", cell.samples}};
  if (cell.base != 0) document["base_ns"] = cell.base;
  document["ns_per_insn"] = number(ns_per_insn(row, engine));
  document["ratio"] = number(ratio(result, row, engine));
  return document;
}

Json group_json(const Result& result, std::string_view group) {
  Json ratios = Json::object();
  Json insns = Json::object();
  for (const Column& column : result.columns) {
    if (const Summary sum = summarise_ratios(result, group, column.name); sum.count != 0)
      ratios[column.name] = summary_json(sum);
    if (const Summary sum = summarise_insns(result, group, column.name); sum.count != 0)
      insns[column.name] = summary_json(sum);
  }
  return {{"ratio", std::move(ratios)}, {"ns_per_insn", std::move(insns)}};
}

Cell cell_of(const Json& document) {
  Cell cell;
  cell.refused = document.value("refused", "");
  cell.wrong = document.value("error", "");
  cell.least = document.value("min_ns", 0.0);
  cell.median = document.value("median_ns", 0.0);
  cell.base = document.value("base_ns", 0.0);
  cell.samples = document.value("samples", u64{0});
  return cell;
}

}  // namespace

const Cell* find_cell(const Row& row, const std::string& engine) {
  const auto found = row.cells.find(engine);
  return found != row.cells.end() && found->second.ran() ? &found->second : nullptr;
}

std::optional<double> ns_per_insn(const Row& row, const std::string& engine) {
  const Cell* cell = find_cell(row, engine);
  if (cell == nullptr || row.insns == 0) return {};
  return cell->least / static_cast<double>(row.insns);
}

std::optional<double> ratio(const Result& result, const Row& row, const std::string& engine) {
  const Cell* cell = find_cell(row, engine);
  const Cell* reference = find_cell(row, result.reference);
  if (cell == nullptr || reference == nullptr) return {};
  if (cell->least < kLeastTime || reference->least < kLeastTime) return {};
  return cell->least / reference->least;
}

Summary summarise(const std::vector<double>& numbers) {
  Summary summary;
  double logs = 0;
  for (const double number : numbers) {
    logs += std::log(number);
    summary.largest = std::max(summary.largest, number);
  }
  summary.count = static_cast<u32>(numbers.size());
  if (summary.count != 0) summary.geomean = std::exp(logs / summary.count);
  return summary;
}

Summary summarise_ratios(const Result& result, std::string_view group, const std::string& engine) {
  std::vector<double> ratios;
  for (const Row& row : result.rows) {
    if (!group.empty() && row.group != group) continue;
    if (const auto value = ratio(result, row, engine)) ratios.push_back(*value);
  }
  return summarise(ratios);
}

Summary summarise_insns(const Result& result, std::string_view group, const std::string& engine) {
  std::vector<double> times;
  for (const Row& row : result.rows) {
    if (!group.empty() && row.group != group) continue;
    const auto value = ns_per_insn(row, engine);
    if (value && *value > 0) times.push_back(*value);
  }
  return summarise(times);
}

std::vector<std::string> groups(const Result& result) {
  std::vector<std::string> names;
  for (const Row& row : result.rows) {
    if (std::ranges::find(names, row.group) == names.end()) names.push_back(row.group);
  }
  return names;
}

bool any_wrong(const Result& result) {
  return std::ranges::any_of(result.rows, [](const Row& row) {
    return std::ranges::any_of(row.cells,
                               [](const auto& cell) { return !cell.second.wrong.empty(); });
  });
}

Json to_json(const Result& result) {
  Json columns = Json::array();
  for (const Column& column : result.columns) {
    Json entry{{"name", column.name}, {"present", column.absent.empty()}};
    if (!column.absent.empty()) entry["reason"] = column.absent;
    columns.push_back(std::move(entry));
  }
  Json rows = Json::array();
  for (const Row& row : result.rows) {
    Json cells = Json::object();
    for (const Column& column : result.columns) {
      const auto cell = row.cells.find(column.name);
      if (cell != row.cells.end())
        cells[column.name] = cell_json(result, row, column.name, cell->second);
    }
    rows.push_back({{"name", row.name},
                    {"group", row.group},
                    {"insns", row.insns},
                    {"r0", row.r0},
                    {"engines", std::move(cells)}});
  }
  Json per_group = Json::object();
  for (const std::string& group : groups(result)) per_group[group] = group_json(result, group);
  return {{"machine", result.machine},      {"kernel", result.kernel},
          {"rounds", result.rounds},        {"reference", result.reference},
          {"engines", std::move(columns)},  {"programs", std::move(rows)},
          {"groups", std::move(per_group)}, {"all", group_json(result, "")}};
}

Result from_json(const Json& document, const std::string& place) {
  try {
    Result result;
    result.machine = document.value("machine", "");
    result.kernel = document.value("kernel", "");
    result.rounds = document.at("rounds").get<u32>();
    result.reference = document.at("reference").get<std::string>();
    for (const Json& entry : document.at("engines"))
      result.columns.push_back({entry.at("name").get<std::string>(), entry.value("reason", "")});
    for (const Json& entry : document.at("programs")) {
      Row row;
      row.name = entry.at("name").get<std::string>();
      row.group = entry.at("group").get<std::string>();
      row.insns = entry.at("insns").get<u64>();
      row.r0 = entry.at("r0").get<u64>();
      for (const auto& [engine, cell] : entry.at("engines").items())
        row.cells[engine] = cell_of(cell);
      result.rows.push_back(std::move(row));
    }
    return result;
  } catch (const Json::exception& error) {
    raise<Code::bad_json>(place, error.what());
  }
}

std::vector<Change> compare(const Result& before, const Result& now) {
  std::vector<Change> changes;
  for (const Row& row : now.rows) {
    const auto same = std::ranges::find(before.rows, row.name, &Row::name);
    if (same == before.rows.end()) continue;
    for (const Column& column : now.columns) {
      if (column.name == now.reference) continue;
      const auto old_ratio = ratio(before, *same, column.name);
      const auto new_ratio = ratio(now, row, column.name);
      if (old_ratio && new_ratio)
        changes.push_back({row.name, column.name, *old_ratio, *new_ratio});
    }
  }
  return changes;
}

}  // namespace skep::bench
