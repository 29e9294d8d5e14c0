// What `skep bench` measured: programs by engines, in ns a run, and the numbers made of it. Ratios
// are of least times within one run of the command, so that what else the machine did falls out.
// Tested by tests/tools/bench_result_test.cpp.
#pragma once

#include <map>
#include <optional>

#include "tools/output.h"

namespace skep::bench {

// The times of one program on one engine.
struct Cell {
  std::string refused;  // why it did not run: the engine can't
  std::string wrong;    // why its times mean nothing: another r0 than others gave
  double least = 0;     // ns a run
  double median = 0;
  double base = 0;  // of these, what the engine needs for an empty program: taken off already
  u64 samples = 0;
  bool ran() const { return samples != 0 && wrong.empty(); }
};

struct Column {
  std::string name;
  std::string absent;  // why the engine is not there; "" if it is
};

struct Row {
  std::string name;
  std::string group;
  u64 insns = 0;  // executed in one run; 0 if no engine counted
  u64 r0 = 0;
  std::map<std::string, Cell> cells;  // by the engine's name
};

struct Result {
  std::string machine;
  std::string kernel;
  u32 rounds = 0;
  std::string reference;  // name of a column, "" for none
  std::vector<Column> columns;
  std::vector<Row> rows;
};

// Below this the kernel's clock says nothing: it counts whole nanoseconds.
inline constexpr double kLeastTime = 1.0;

const Cell* find_cell(const Row& row, const std::string& engine);  // that ran; else null
std::optional<double> ns_per_insn(const Row& row, const std::string& engine);
// Time by the reference's time.
std::optional<double> ratio(const Result& result, const Row& row, const std::string& engine);

struct Summary {
  u32 count = 0;
  double geomean = 0;
  double largest = 0;
};
Summary summarise(const std::vector<double>& numbers);
// Of the ratios of a group, "" for all of them.
Summary summarise_ratios(const Result& result, std::string_view group, const std::string& engine);
// Of ns an insn executed.
Summary summarise_insns(const Result& result, std::string_view group, const std::string& engine);
// The groups, in the order of the rows.
std::vector<std::string> groups(const Result& result);
bool any_wrong(const Result& result);

Json to_json(const Result& result);
// What to_json() made; a Failure that names `place` for anything else.
Result from_json(const Json& document, const std::string& place);

// ---- shown -------------------------------------------------------------------------------------
void print(const Result& result, Output& output);
// A page with bars, of itself alone.
std::string page(const Result& result);

// How the ratios of `now` compare with those of `before`; of engines and programs in both.
struct Change {
  std::string program, engine;
  double before = 0, now = 0;
  double factor() const { return now / before; }
};
std::vector<Change> compare(const Result& before, const Result& now);
// Prints them, and says which became slower by more than `limit` percent: their number.
u32 print_changes(const std::vector<Change>& changes, double limit, Output& output);
Json changes_json(const std::vector<Change>& changes, double limit);

}  // namespace skep::bench
