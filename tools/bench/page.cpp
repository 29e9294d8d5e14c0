// A result as a page of HTML, of itself alone: bars per program and engine. A bar's length is the
// logarithm of its ratio to the reference, from the line of 1: to the right slower, to the left
// faster; without a reference, of its time. See result.h.
#include <algorithm>
#include <cmath>

#include "tools/bench/result.h"

namespace skep::bench {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>skep bench</title><style>
:root { --ink: #1d2328; --soft: #66707a; --line: #dfe3e7; --paper: #fff; --shade: #f5f7f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #98a2ac; --line: #363d45; --paper: #16191d; --shade: #1e2328; } }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1.5rem; color: var(--ink);
  background: var(--paper); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .3rem 0; color: var(--soft); } code { font-size: .92em; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: 1rem 0 0; }
.key i, .bar { border-radius: 2px; } .key i { display: inline-block; width: .9rem; height: .9rem;
  margin-right: .45rem; vertical-align: -.12rem; }
.program { display: grid; grid-template-columns: 8.5rem 1fr; border-top: 1px solid var(--line);
  padding: .45rem 0; break-inside: avoid; }
.name { font-weight: 600; } .name small { display: block; font-weight: 400; color: var(--soft); }
.lane { display: grid; grid-template-columns: 1fr 11.5rem; align-items: center; height: 1.15rem; }
.track { position: relative; height: 100%; } .bar { position: absolute; top: 15%; height: 70%; }
.tick { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--line); }
.tick.one { background: var(--soft); }
.value { padding-left: .8rem; font-size: .82rem; white-space: nowrap;
  font-variant-numeric: tabular-nums; } .value b { display: inline-block; min-width: 4.3rem;
  font-weight: 400; text-align: right; } .value span { color: var(--soft); display: inline-block;
  min-width: 4rem; text-align: right; } .none { color: var(--soft); }
.axis { font-size: .75rem; color: var(--soft); } .axis .track span { position: absolute;
  transform: translateX(-50%); }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } th, td { padding: .2rem .7rem; text-align: right;
  border-top: 1px solid var(--line); white-space: nowrap; } th:first-child, td:first-child
  { text-align: left; } thead th { border: 0; } summary { cursor: pointer; margin-top: 2rem; }
li { color: var(--soft); overflow-wrap: anywhere; } .wrong { color: #c0392b; font-weight: 600; }
</style></head><body>
)";

// Chosen to differ in lightness too.
constexpr const char* kColors[] = {"#3d7fc1", "#8db8e2", "#e0a526", "#4a9c6d", "#6b7580",
                                   "#a9b1b8", "#b5533c", "#d99a86", "#7d5ba6"};

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

// Where numbers lie on a logarithmic axis, in percent of its width.
struct Axis {
  double low = 0, high = 1;
  double origin = 0;  // where bars begin
  std::vector<double> ticks;
  const char* unit = "";

  double at(double number) const {
    return 100 * std::clamp((std::log(number) - low) / (high - low), 0.0, 1.0);
  }
};

Axis make_axis(double least, double largest, bool ratios) {
  Axis axis;
  if (ratios) {
    least = std::min(least, 0.5);
    largest = std::max(largest, 2.0);
  }
  axis.low = std::log(least * 0.9);
  axis.high = std::log(largest * 1.1);
  axis.origin = ratios ? axis.at(1) : 0;
  axis.unit = ratios ? "×" : " ns";
  for (double decade = 1e-3; decade < 1e9; decade *= 10) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double tick = decade * step;
      const bool small = ratios && tick < 20;
      if ((step == 1 || small) && tick >= least * 0.9 && tick <= largest * 1.1)
        axis.ticks.push_back(tick);
    }
  }
  return axis;
}

std::string short_number(double number) {
  if (number >= 100) return grouped(static_cast<u64>(std::llround(number)));
  return fmt::format("{:.{}f}", number, number >= 10 ? 1 : 2);
}

class Page {
 public:
  explicit Page(const Result& result) : result_(result), ratios_(!result.reference.empty()) {
    for (const Column& column : result.columns) {
      const auto ran = [&](const Row& row) { return find_cell(row, column.name) != nullptr; };
      if (std::ranges::any_of(result.rows, ran)) engines_.push_back(column.name);
    }
    double least = 1e300, largest = 0;
    for (const Row& row : result.rows) {
      for (const std::string& engine : engines_) {
        const auto value = number(row, engine);
        if (!value || *value <= 0) continue;
        least = std::min(least, *value);
        largest = std::max(largest, *value);
      }
    }
    axis_ = largest == 0 ? make_axis(1, 10, false) : make_axis(least, largest, ratios_);
  }

  std::string text() {
    out_ = kHead;
    heading();
    if (ratios_) means();
    for (const std::string& group : groups(result_)) {
      add("<h2>{}</h2>\n", group.empty() ? "programs" : escape(group));
      axis_line();
      for (const Row& row : result_.rows) {
        if (row.group == group) program(row);
      }
    }
    numbers();
    remarks();
    out_ += "</body></html>\n";
    return std::move(out_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
  }

  // What a bar shows.
  std::optional<double> number(const Row& row, const std::string& engine) const {
    if (ratios_) return ratio(result_, row, engine);
    const Cell* cell = find_cell(row, engine);
    return cell == nullptr ? std::optional<double>() : cell->least;
  }
  const char* color(const std::string& engine) const {
    const auto index = std::ranges::find(engines_, engine) - engines_.begin();
    return kColors[static_cast<std::size_t>(index) % std::size(kColors)];
  }

  void heading() {
    add("<h1>skep bench</h1>\n<p>{} · {} · least of {} interleaved rounds</p>\n",
        escape(result_.machine), escape(result_.kernel), result_.rounds);
    if (ratios_) {
      add("<p>Bars are times by that of <code>{}</code>, on a logarithmic axis: to the left of 1× "
          "is "
          "faster, to the right slower.</p>\n",
          escape(result_.reference));
    } else {
      add("<p>Bars are nanoseconds a run, on a logarithmic axis.</p>\n");
    }
    out_ += "<div class=\"key\">";
    for (const std::string& engine : engines_)
      add("<span><i style=\"background:{}\"></i>{}</span>", color(engine), escape(engine));
    for (const Column& column : result_.columns) {
      if (!column.absent.empty())
        add("<span class=\"none\">{}: absent</span>", escape(column.name));
    }
    out_ += "</div>\n";
  }

  void ticks() {
    for (const double tick : axis_.ticks) {
      add("<div class=\"tick{}\" style=\"left:{:.2f}%\"></div>", ratios_ && tick == 1 ? " one" : "",
          axis_.at(tick));
    }
  }

  void axis_line() {
    out_ +=
        "<div class=\"program axis\" style=\"border:0\"><div></div><div class=\"lane\">"
        "<div class=\"track\">";
    for (const double tick : axis_.ticks)
      add("<span style=\"left:{:.2f}%\">{:g}{}</span>", axis_.at(tick), tick, axis_.unit);
    out_ += "</div><div></div></div></div>\n";
  }

  // One bar with its numbers; `first` and `second` are texts.
  void lane(const std::string& engine, double value, const std::string& first,
            const std::string& second) {
    const double from = std::min(axis_.origin, axis_.at(value));
    const double to = std::max(axis_.origin, axis_.at(value));
    out_ += "<div class=\"lane\"><div class=\"track\">";
    ticks();
    add("<div class=\"bar\" style=\"left:{:.2f}%;width:max(3px,{:.2f}%);background:{}\" "
        "title=\"{}\">"
        "</div></div><div class=\"value\"><b>{}</b> <span>{}</span></div></div>",
        from, to - from, color(engine), escape(engine), first, second);
  }

  void empty_lane(const std::string& engine, const Cell& cell) {
    out_ += "<div class=\"lane\"><div class=\"track\">";
    ticks();
    const bool wrong = !cell.wrong.empty();
    add("</div><div class=\"value {}\" title=\"{}\">{}: {}</div></div>", wrong ? "wrong" : "none",
        escape(wrong ? cell.wrong : cell.refused), escape(engine),
        wrong                  ? "error"
        : cell.refused.empty() ? fmt::format("{:.0f} ns", cell.least)
                               : "not run");
  }

  void begin_program(std::string_view name, const std::string& remark) {
    add("<div class=\"program\"><div class=\"name\">{}<small>{}</small></div><div>", escape(name),
        remark);
  }

  void program(const Row& row) {
    begin_program(row.name, row.insns == 0 ? "" : grouped(row.insns) + " insns");
    for (const std::string& engine : engines_) {
      const auto cell = row.cells.find(engine);
      if (cell == row.cells.end()) continue;
      const auto value = number(row, engine);
      if (!value || *value <= 0) {
        empty_lane(engine, cell->second);
      } else {
        lane(engine, *value, short_number(cell->second.least) + " ns",
             ratios_ ? short_number(*value) + "×" : "");
      }
    }
    out_ += "</div></div>\n";
  }

  void means() {
    out_ += "<h2>Geometric means</h2>\n";
    axis_line();
    std::vector<std::string> names = groups(result_);
    if (names.size() > 1) names.insert(names.begin(), "");
    for (const std::string& group : names) {
      u32 count = 0;
      for (const Row& row : result_.rows) count += group.empty() || row.group == group ? 1 : 0;
      begin_program(group.empty() ? "all" : group,
                    fmt::format("{} program{}", count, count == 1 ? "" : "s"));
      for (const std::string& engine : engines_) {
        const Summary sum = summarise_ratios(result_, group, engine);
        if (sum.count != 0)
          lane(engine, sum.geomean, short_number(sum.geomean) + "×",
               sum.count == count ? "" : fmt::format("of {}", sum.count));
      }
      out_ += "</div></div>\n";
    }
  }

  void numbers() {
    out_ +=
        "<details><summary>Numbers: ns a run, least (median)</summary><div class=\"wide\"><table>"
        "<thead><tr><th>program</th><th>insns</th>";
    for (const std::string& engine : engines_) add("<th>{}</th>", escape(engine));
    out_ += "</tr></thead>\n";
    for (const Row& row : result_.rows) {
      add("<tr><td>{}</td><td>{}</td>", escape(row.name), grouped(row.insns));
      for (const std::string& engine : engines_) {
        const Cell* cell = find_cell(row, engine);
        if (cell == nullptr) {
          out_ += "<td>–</td>";
        } else {
          add("<td>{:.1f} ({:.1f})</td>", cell->least, cell->median);
        }
      }
      out_ += "</tr>\n";
    }
    out_ += "</table></div></details>\n";
  }

  void remarks() {
    std::string list;
    for (const Column& column : result_.columns) {
      if (!column.absent.empty())
        list += fmt::format("<li>{}: {}</li>\n", escape(column.name), escape(column.absent));
    }
    for (const Row& row : result_.rows) {
      for (const auto& [engine, cell] : row.cells) {
        const std::string& reason = cell.wrong.empty() ? cell.refused : cell.wrong;
        if (reason.empty()) continue;
        list +=
            fmt::format("<li{}>{} on {}: {}</li>\n", cell.wrong.empty() ? "" : " class=\"wrong\"",
                        escape(row.name), escape(engine), escape(reason));
      }
    }
    if (!list.empty()) add("<h2>Not run</h2>\n<ul>\n{}</ul>\n", list);
  }

  const Result& result_;
  bool ratios_;
  std::vector<std::string> engines_;
  Axis axis_;
  std::string out_;
};

}  // namespace

std::string page(const Result& result) {
  return Page(result).text();
}

}  // namespace skep::bench
