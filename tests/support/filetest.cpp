// Reads a filetest, runs its programs in each mode, and compares with what its comments say.

#include "tests/support/filetest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

#include "helpers/contexts/access.h"
#include "helpers/spec/proto.h"
#include "isa/asm.h"
#include "isa/disasm.h"
#include "vm/vm.h"

namespace skep::test {
namespace {

using Bytes = std::vector<u8>;

// ---- reading -----------------------------------------------------------------------------------

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool is_comment(const std::string& line) {
  return trim(line).starts_with(";");
}

bool starts_program(const std::string& line) {
  return !line.empty() && !std::isspace(static_cast<u8>(line[0])) && !is_comment(line) &&
         trim(line.substr(0, line.find(';'))).ends_with(":");
}

std::optional<u64> number(std::string_view text) {
  const bool negative = text.starts_with("-");
  if (negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  u64 value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return {};
  return negative ? 0 - value : value;
}

std::optional<Bytes> hex_bytes(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (char c : text) {
    if (!std::isspace(static_cast<u8>(c))) digits += c;
  }
  if (digits.size() % 2 != 0) return {};
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const auto value = number("0x" + digits.substr(i, 2));
    if (!value) return {};
    bytes.push_back(static_cast<u8>(*value));
  }
  return bytes;
}

std::string hex_text(std::span<const u8> bytes) {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// One comment, taken apart: "name: rest", "name[key] = rest" or "name = rest".
struct Directive {
  u32 line = 0;
  std::string name, key, rest;
  bool assigns = false;
};

std::optional<Directive> parse_directive(u32 line, const std::string& comment) {
  const auto colon = comment.find(": ");
  const auto equals = comment.find(" = ");
  Directive out;
  out.line = line;
  if (equals != std::string::npos && (colon == std::string::npos || equals < colon)) {
    out.assigns = true;
    out.name = trim(comment.substr(0, equals));
    out.rest = trim(comment.substr(equals + 3));
    if (const auto open = out.name.find('[');
        open != std::string::npos && out.name.ends_with("]")) {
      out.key = out.name.substr(open + 1, out.name.size() - open - 2);
      out.name.resize(open);
    }
    return out;
  }
  if (colon == std::string::npos) return {};
  out.name = trim(comment.substr(0, colon));
  out.rest = trim(comment.substr(colon + 2));
  return out;
}

std::map<std::string, std::string> settings(const std::string& text) {
  std::map<std::string, std::string> out;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    out[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return out;
}

// ---- one program -------------------------------------------------------------------------------

struct Put {
  std::string map;
  Bytes key, value;
};

// Where something must happen, and what.
struct Expected {
  u32 line = 0;
  std::optional<Pc> pc;
  std::string code;
};

struct Test {
  std::string name;
  u32 line = 0;
  std::string type = "raw";
  std::vector<std::string> modes = {"checked", "trusted"};
  std::vector<MapSpec> maps;
  std::vector<Put> puts, results;
  std::vector<std::pair<std::string, u64>> fields;
  Bytes memory;
  std::optional<u64> r0, insns;
  std::optional<Bytes> memory_after;
  std::vector<std::string> printed;
  std::optional<Expected> fault, error;
  i64 budget = INT64_MAX;
  u32 cpu = 0;
};

class File {
 public:
  File(std::string path, bool bless, std::span<const FiletestEngine> engines, const FiletestIr& ir,
       std::vector<FiletestCase>* cases = nullptr)
      : path_(std::move(path)), bless_(bless), engines_(engines), ir_(ir), cases_(cases) {}

  std::vector<std::string> run() {
    std::ifstream in(path_);
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
    std::vector<std::size_t> labels;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (starts_program(lines_[i])) labels.push_back(i);
    }
    if (labels.empty()) problem(1, "no program: a label in the first column starts one");
    std::vector<std::size_t> preambles;
    for (std::size_t label : labels) {
      std::size_t at = label;
      while (at > 0 && is_comment(lines_[at - 1])) --at;
      preambles.push_back(at);
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
      Test test;
      test.name = trim(lines_[labels[i]].substr(0, lines_[labels[i]].find(':')));
      test.line = static_cast<u32>(labels[i] + 1);
      for (std::size_t at = 0; at < preambles[0]; ++at) read_comment(test, at);
      for (std::size_t at = preambles[i]; at < labels[i]; ++at) read_comment(test, at);
      const std::size_t end = i + 1 < labels.size() ? preambles[i + 1] : lines_.size();
      run_program(test, labels[i], end);
    }
    if (bless_) write_back();
    return problems_;
  }

 private:
  void problem(u32 line, const std::string& text) {
    problems_.push_back(fmt::format("{}:{}: {}", path_, line, text));
  }

  void read_comment(Test& test, std::size_t at) {
    if (!is_comment(lines_[at])) return;
    if (auto directive =
            parse_directive(static_cast<u32>(at + 1), trim(trim(lines_[at]).substr(1)))) {
      apply(test, *directive, {});
    }
  }

  void declare_map(Test& test, const std::string& name, const Directive& directive) {
    auto options = settings(directive.rest);
    const std::string type = directive.rest.substr(0, directive.rest.find(' '));
    const MapKind* kind = find_map_kind(type);
    if (kind == nullptr) return problem(directive.line, fmt::format("no map type '{}'", type));
    MapSpec spec;
    spec.name = name;
    spec.type = kind->type;
    const auto value = [&](const char* key) {
      return static_cast<u32>(number(options.count(key) ? options[key] : "0").value_or(0));
    };
    spec.key_size = value("key");
    spec.value_size = value("value");
    spec.max_entries = value("entries");
    spec.flags = value("flags");
    test.maps.push_back(spec);
  }

  bool apply_put(std::vector<Put>& list, const std::string& map, const Directive& directive) {
    const auto key = hex_bytes(directive.key);
    const auto value = directive.rest == "none" ? Bytes{} : hex_bytes(directive.rest);
    if (!key || !value) {
      problem(directive.line, "keys and values are hex bytes");
      return true;
    }
    list.push_back({map, *key, *value});
    return true;
  }

  // Whether the comment was a directive of ours; others are prose.
  bool apply(Test& test, const Directive& directive, std::optional<Pc> pc) {
    const auto is_map = [&](const std::string& name) {
      return std::ranges::find(test.maps, name, &MapSpec::name) != test.maps.end();
    };
    const std::string& name = directive.name;
    const std::string& rest = directive.rest;
    if (directive.assigns) {
      if (name == "r0") return test.r0 = need(directive), true;
      if (name == "insns") return test.insns = need(directive), true;
      if (name == "mem") return test.memory_after = hex_bytes(rest), true;
      if (name.starts_with("ctx "))
        return test.fields.emplace_back(name.substr(4), need(directive)), true;
      if (name.starts_with("put ")) return apply_put(test.puts, name.substr(4), directive);
      if (name.starts_with("slot ")) return add_slot(test, name.substr(5), directive);
      if (is_map(name)) return apply_put(test.results, name, directive);
      return false;
    }
    if (name == "run") return apply_run(test, rest), true;
    if (name == "mem") return test.memory = hex_bytes(rest).value_or(Bytes{}), true;
    if (name == "budget") return test.budget = static_cast<i64>(need(directive)), true;
    if (name == "cpu") return test.cpu = static_cast<u32>(need(directive)), true;
    if (name == "print") return test.printed.push_back(rest), true;
    if (name == "fault") return test.fault = Expected{directive.line, pc, rest}, true;
    if (name == "error") return test.error = Expected{directive.line, pc, rest}, true;
    if (name.starts_with("map ")) return declare_map(test, name.substr(4), directive), true;
    return false;
  }

  bool add_slot(Test& test, const std::string& map, const Directive& directive) {
    const auto spec = std::ranges::find(test.maps, map, &MapSpec::name);
    const auto index = number(directive.key);
    if (spec == test.maps.end() || !index) {
      problem(directive.line, "slot MAP[INDEX] = PROGRAM, of a map declared above");
    } else {
      spec->slots.push_back({static_cast<u32>(*index), directive.rest, 0});
    }
    return true;
  }

  u64 need(const Directive& directive) {
    const auto value = number(directive.rest);
    if (!value) problem(directive.line, fmt::format("'{}' is not a number", directive.rest));
    return value.value_or(0);
  }

  static void apply_run(Test& test, const std::string& text) {
    auto options = settings(text);
    if (options.count("type")) test.type = options["type"];
    if (!options.count("modes")) return;
    test.modes.clear();
    std::istringstream modes(options["modes"]);
    for (std::string mode; std::getline(modes, mode, ',');) test.modes.push_back(mode);
  }

  // ---- running ---------------------------------------------------------------------------------

  void run_program(Test& test, std::size_t first, std::size_t end) {
    std::string text;
    for (std::size_t i = first; i < end; ++i) text += lines_[i] + "\n";
    AsmOptions options;
    options.file = path_;
    options.first_line = static_cast<u32>(first + 1);
    for (const MapSpec& spec : test.maps) options.maps.push_back(spec.name);
    options.helper = [](std::string_view name) -> std::optional<i32> {
      const HelperProto* proto = find_helper(name);
      return proto == nullptr ? std::nullopt : std::optional<i32>(static_cast<i32>(proto->id));
    };
    auto assembly = assemble(text, options);
    if (!assembly) {
      return problem(assembly.error().pc ? test.line : test.line, assembly.error().text);
    }
    std::size_t listing = 0;
    std::optional<std::string> passes;  // of an `ir:` block
    for (const LineNote& note : assembly->notes) {
      if (listing != 0) continue;
      const std::string head = trim(note.text);
      if (note.alone && (head == "dis:" || head.starts_with("ir:"))) {
        listing = note.line;
        if (head != "dis:") passes = trim(head.substr(3));
        continue;
      }
      if (auto directive = parse_directive(note.line, note.text)) {
        apply(test, *directive, note.alone ? std::nullopt : std::optional<Pc>(note.pc));
      }
    }
    auto program = make_program(std::move(*assembly));
    if (!program && cases_ != nullptr)
      return cases_->push_back({.name = test.name, .loads = false});
    if (!program) return check_error(test, program.error());
    if (listing != 0 && !passes && cases_ == nullptr) {
      compare_listing(disassemble(*program), listing, end);
    }
    Image image;
    image.name = test.name;
    image.section = test.type;
    image.program = std::move(*program);
    const ProgramTypeRow* type = find_program_type(test.type);
    if (type == nullptr) return problem(test.line, fmt::format("no program type '{}'", test.type));
    image.type = type->type;
    image.maps = std::make_shared<const std::vector<MapSpec>>(test.maps);
    earlier_.push_back(std::make_shared<const Image>(std::move(image)));
    if (cases_ != nullptr) return add_case(test);
    if (passes && ir_) {
      compare_listing(ir_(*earlier_.back(), *passes, mode_of(test.modes.front())), listing, end);
    }
    for (const FiletestEngine& engine : engines_) {
      for (const std::string& mode : test.modes) run_mode(test, engine, mode);
    }
  }

  void add_case(const Test& test) {
    FiletestCase out{.name = test.name};
    out.loads = !test.error;
    out.faults = test.fault.has_value();
    out.limited = test.budget != INT64_MAX;
    out.bytes = test.memory;
    out.fields = test.fields;
    for (const Put& put : test.puts) out.elements.push_back({put.map, put.key, put.value});
    for (const auto& image : images()) {
      const bool is_slot = std::ranges::any_of(test.maps, [&](const MapSpec& map) {
        return std::ranges::find(map.slots, image->name, &MapSlot::program) != map.slots.end();
      });
      if (is_slot || image->name == test.name) out.images.push_back(image);
    }
    cases_->push_back(std::move(out));
  }

  // Programs above in the file are there too, so that tail calls can name them; they share the maps
  // of the last one.
  std::vector<std::shared_ptr<const Image>> images() const {
    std::vector<std::shared_ptr<const Image>> images;
    for (const auto& earlier : earlier_) {
      Image copy = *earlier;
      copy.maps = earlier_.back()->maps;
      images.push_back(std::make_shared<const Image>(std::move(copy)));
    }
    return images;
  }

  void check_error(const Test& test, const Error& error) {
    if (!test.error) return problem(test.line, fmt::format("{}: {}", test.name, error.text));
    if (std::string(name(error.code)) != test.error->code) {
      problem(test.error->line, fmt::format("expected {}, got {}: {}", test.error->code,
                                            name(error.code), error.text));
    } else if (test.error->pc && error.pc != test.error->pc) {
      problem(test.error->line, fmt::format("the error is elsewhere: {}", error.text));
    }
  }

  static Mode mode_of(const std::string& mode) {
    return mode == "trusted" ? Mode::Trusted : mode == "proved" ? Mode::Proved : Mode::Checked;
  }

  void run_mode(const Test& test, const FiletestEngine& engine, const std::string& mode) {
    const auto fail = [&](u32 line, const std::string& text) {
      problem(line, fmt::format("{} ({}, {}): {}", test.name, engine.name, mode, text));
    };
    const auto backend = engine.make(mode_of(mode));
    Vm vm({.cpus = 4});
    auto instance = vm.load(images(), *backend);
    if (!instance) return check_error(test, instance.error());
    const InstanceProgram& loaded = (*instance)->programs().back();
    if (loaded.error) return check_error(test, *loaded.error);
    if (test.error)
      return fail(test.error->line, fmt::format("expected {}, but it loads", test.error->code));
    for (const Put& put : test.puts) {
      Map* map = (*instance)->map(put.map);
      const int error = map == nullptr ? kENOENT : map->write(put.key.data(), put.value.data(), 0);
      if (error != 0) fail(test.line, fmt::format("put {}: {}", put.map, error));
    }
    run_and_compare(test, **instance, *loaded.loaded, fail);
  }

  template <class Fail>
  void run_and_compare(const Test& test, Instance& instance, Loaded& loaded, const Fail& fail) {
    Bytes memory = test.memory;
    Frame frame;
    frame.type = earlier_.back()->type;
    auto buffer = PacketBuffer::make(memory, frame.type);
    if (frame.type == ProgramType::raw) {
      frame.memory = memory.data();
      frame.size = memory.size();
    } else if (buffer) {
      frame.packet = buffer->packet();
    }
    for (const auto& [field, value] : test.fields) {
      if (auto ok = set_field(frame, field, value); !ok) fail(test.line, ok.error().text);
    }
    std::vector<std::string> printed;
    Env env = Env::deterministic(1);
    env.cpus = 4;
    env.user = &printed;
    env.print = [](void* user, std::string_view line) {
      static_cast<std::vector<std::string>*>(user)->push_back(trim(line));
    };
    const RunResult result =
        loaded.run(frame, {.env = &env, .cpu = test.cpu, .budget = test.budget});
    compare_end(test, result, fail);
    if (test.insns && result.insns != *test.insns) {
      fail(test.line, fmt::format("executed {} insns, expected {}", result.insns, *test.insns));
    }
    if (printed != test.printed) {
      fail(test.line, fmt::format("printed [{}], expected [{}]", fmt::join(printed, " | "),
                                  fmt::join(test.printed, " | ")));
    }
    if (test.memory_after) {
      const Bytes after =
          frame.type == ProgramType::raw ? memory : Bytes(frame.packet.data, frame.packet.end);
      if (after != *test.memory_after) {
        fail(test.line, fmt::format("memory is {}, expected {}", hex_text(after),
                                    hex_text(*test.memory_after)));
      }
    }
    for (const Put& want : test.results) compare_element(instance, want, test, fail);
  }

  template <class Fail>
  void compare_end(const Test& test, const RunResult& result, const Fail& fail) {
    if (test.fault) {
      if (result.ok())
        return fail(test.fault->line, fmt::format("expected the fault {}, but r0 = {:#x}",
                                                  test.fault->code, result.r0));
      if (std::string(name(result.fault.code)) != test.fault->code) {
        fail(test.fault->line, fmt::format("expected {}, got {}: {}", test.fault->code,
                                           name(result.fault.code), result.message));
      } else if (test.fault->pc && result.fault.pc != *test.fault->pc) {
        fail(test.fault->line, fmt::format("the fault is elsewhere: {}", result.message));
      }
      return;
    }
    if (!result.ok()) return fail(test.line, result.message);
    if (test.r0 && result.r0 != *test.r0) {
      fail(test.line, fmt::format("r0 = {:#x}, expected {:#x}", result.r0, *test.r0));
    }
  }

  template <class Fail>
  void compare_element(Instance& instance, const Put& want, const Test& test, const Fail& fail) {
    Map* map = instance.map(want.map);
    if (map == nullptr) return;
    Bytes value(map->host_value_size());
    const int error = map->read(want.key.data(), value.data());
    const bool differs = want.value.empty() ? error == 0 : error != 0 || value != want.value;
    if (differs) {
      fail(test.line, fmt::format("{}[{}] is {}, expected {}", want.map, hex_text(want.key),
                                  error == 0 ? hex_text(value) : std::to_string(error),
                                  want.value.empty() ? "none" : hex_text(want.value)));
    }
  }

  // ---- listings --------------------------------------------------------------------------------

  // The lines of a `dis:` or `ir:` block, after its head at line `head` (1-based).
  void compare_listing(const std::string& text, std::size_t head, std::size_t end) {
    std::size_t last = head;
    while (last < end && is_comment(lines_[last])) ++last;
    std::vector<std::string> want;
    std::istringstream listing(text);
    for (std::string line; std::getline(listing, line);) want.push_back(";   " + line);
    const std::vector<std::string> have(lines_.begin() + static_cast<std::ptrdiff_t>(head),
                                        lines_.begin() + static_cast<std::ptrdiff_t>(last));
    if (have == want) return;
    if (bless_) {
      blessed_.push_back({head, last, want});
    } else {
      problem(
          static_cast<u32>(head),
          fmt::format("the listing is now (./dev bless accepts it):\n{}", fmt::join(want, "\n")));
    }
  }

  void write_back() {
    std::ranges::reverse(blessed_);
    for (const auto& [first, last, text] : blessed_) {
      const auto begin = lines_.begin();
      lines_.erase(begin + static_cast<std::ptrdiff_t>(first),
                   begin + static_cast<std::ptrdiff_t>(last));
      lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(first), text.begin(), text.end());
    }
    if (blessed_.empty()) return;
    std::ofstream out(path_);
    for (const std::string& line : lines_) out << line << "\n";
  }

  struct Blessed {
    std::size_t first, last;
    std::vector<std::string> text;
  };

  std::string path_;
  bool bless_;
  std::span<const FiletestEngine> engines_;
  FiletestIr ir_;
  std::vector<FiletestCase>* cases_;  // programs go there instead of being run
  std::vector<std::string> lines_;
  std::vector<std::string> problems_;
  std::vector<std::shared_ptr<const Image>> earlier_;
  std::vector<Blessed> blessed_;
};

}  // namespace

std::vector<std::string> run_filetest(const std::string& path, bool bless,
                                      std::span<const FiletestEngine> engines,
                                      const FiletestIr& ir) {
  return File(path, bless, engines, ir).run();
}

std::vector<FiletestCase> filetest_cases(const std::string& path) {
  std::vector<FiletestCase> cases;
  File(path, false, {}, {}, &cases).run();
  return cases;
}

}  // namespace skep::test
