// Holds the tree to its layers: who includes whom (tests/layering.txt, the twin of the table in
// docs/architecture.md), which system headers a folder may see, how long a file may be.
//
// The checker is a function from texts to findings, so the same one is run over the tree, which
// must be clean, and over planted faults, each of which must be found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr int kMaxLines = 600;

struct Layer {
  std::string name;
  Names files;
  Names may_include;  // names of layers and paths of files
};

struct SystemRule {
  std::string prefix;
  Names files;
};

struct Rules {
  std::vector<Layer> layers;
  std::vector<SystemRule> systems;
  Names free;  // may include any system header that no rule names
  Names long_files;
};

using Tree = std::map<std::string, std::string>;  // path from the root -> text

Names words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

Rules parse_rules(const std::string& text) {
  Rules rules;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::replace(line.begin(), line.end(), '\t', ' ');
    if (line.empty() || line[0] == '#') continue;
    Names parts;
    std::istringstream fields(line);
    for (std::string part; std::getline(fields, part, ':');) parts.push_back(part);
    parts.resize(3);
    const Names head = words(parts[0]);
    if (head[0] == "layer") {
      rules.layers.push_back({head.at(1), words(parts[1]), words(parts[2])});
    } else if (head[0] == "system") {
      rules.systems.push_back({head.at(1), words(parts[1])});
    } else if (head[0] == "free") {
      rules.free = words(parts[1]);
    } else if (head[0] == "long") {
      rules.long_files.insert(rules.long_files.end(), head.begin() + 1, head.end());
    } else {
      ADD_FAILURE() << "layering.txt: not understood: " << line;
    }
  }
  return rules;
}

// How well a path fits a pattern: the length of what fits, 0 if it doesn't.
std::size_t fit(const std::string& path, const std::string& pattern) {
  const bool fits = pattern.ends_with('/') ? path.starts_with(pattern) : path == pattern;
  return fits ? pattern.size() : 0;
}

bool fits_any(const std::string& path, const Names& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return fit(path, pattern) > 0; });
}

const Layer* layer_of(const Rules& rules, const std::string& path) {
  const Layer* best = nullptr;
  std::size_t best_fit = 0;
  for (const Layer& layer : rules.layers) {
    for (const std::string& pattern : layer.files) {
      const std::size_t length = fit(path, pattern);
      if (length > best_fit) best = &layer;
      best_fit = std::max(best_fit, length);
    }
  }
  return best;
}

bool allowed(const Layer& from, const Layer& to, const std::string& path) {
  if (&from == &to) return true;
  return std::any_of(
      from.may_include.begin(), from.may_include.end(),
      [&](const std::string& item) { return item == "*" || item == to.name || item == path; });
}

struct Include {
  bool system = false;
  std::string path;
};

// The includes of a text in order. One whose name a macro makes has an empty path.
std::vector<Include> includes_of(const std::string& text) {
  std::vector<Include> found;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    auto at = line.find_first_not_of(" \t");
    if (at == std::string::npos || line[at] != '#') continue;
    at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
    at = line.find_first_not_of(" \t", at + 7);
    if (at == std::string::npos) continue;
    const char open = line[at];
    if (open != '"' && open != '<') {
      found.push_back({});
      continue;
    }
    const auto end = line.find(open == '<' ? '>' : '"', at + 1);
    found.push_back({open == '<', line.substr(at + 1, end - at - 1)});
  }
  return found;
}

bool is_header(const std::string& path) {
  return path.ends_with(".h");
}

class Checker {
 public:
  Checker(const Rules& rules, const Tree& tree) : rules_(rules), tree_(tree) {}

  Names check() {
    for (const auto& [path, text] : tree_) check_file(path, text);
    return findings_;
  }

 private:
  void check_file(const std::string& path, const std::string& text) {
    const Layer* layer = layer_of(rules_, path);
    if (layer == nullptr) return report(path, "is in no layer of tests/layering.txt");
    for (const Include& include : includes_of(text)) check_include(path, *layer, include);
    check_form(path, text);
    check_tests(path, text);
  }

  void check_include(const std::string& path, const Layer& layer, const Include& include) {
    if (include.path.empty()) return report(path, "includes what a macro names");
    if (include.system) return check_system(path, include.path);
    if (!tree_.contains(include.path)) {
      return report(path, "includes \"" + include.path + "\": no such path from the root");
    }
    const Layer* target = layer_of(rules_, include.path);
    if (target != nullptr && !allowed(layer, *target, include.path)) {
      report(path, "of layer " + layer.name + " may not include " + include.path);
    }
  }

  void check_system(const std::string& path, const std::string& header) {
    for (const SystemRule& rule : rules_.systems) {
      if (!header.starts_with(rule.prefix)) continue;
      if (!fits_any(path, rule.files)) report(path, "may not include <" + header + ">");
      return;
    }
    const bool standard = header.find_first_of("./") == std::string::npos;
    if (!standard && !fits_any(path, rules_.free))
      report(path, "includes <" + header + ">, which layering.txt does not name");
  }

  // A test that a comment names, by its path from the root, is there.
  void check_tests(const std::string& path, const std::string& text) {
    constexpr std::string_view kFolder = "tests/", kEnd = "_test.cpp";
    for (auto at = text.find(kFolder); at != text.npos; at = text.find(kFolder, at + 1)) {
      const auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_/", at);
      if (end == text.npos || text.compare(end - 5, kEnd.size(), kEnd) != 0) continue;
      const std::string test = text.substr(at, end - 5 + kEnd.size() - at);
      if (!tree_.contains(test)) report(path, "names " + test + ", which is not there");
    }
  }

  // What every file of ours has: a comment at its head, a bounded length, its own header first.
  void check_form(const std::string& path, const std::string& text) {
    if (!text.starts_with("//") && !text.starts_with("/*")) {
      report(path, "does not begin with what it is for");
    }
    if (is_header(path) && text.find("#pragma once") == std::string::npos &&
        !path.ends_with("skep.h")) {
      report(path, "lacks #pragma once");
    }
    const auto lines = std::count(text.begin(), text.end(), '\n');
    if (lines > kMaxLines && !path.ends_with(".def") && !fits_any(path, rules_.long_files)) {
      report(path, "has " + std::to_string(lines) + " lines");
    }
    const auto dot = path.rfind('.');
    const std::string own = path.substr(0, dot) + ".h";
    if (path.ends_with(".cpp") && tree_.contains(own)) {
      const auto includes = includes_of(text);
      if (includes.empty() || includes.front().path != own)
        report(path, "does not include its own header first");
    }
  }

  void report(const std::string& path, const std::string& what) {
    findings_.push_back(path + " " + what);
  }

  const Rules& rules_;
  const Tree& tree_;
  Names findings_;
};

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Rules real_rules() {
  return parse_rules(read(fs::path(SKEP_SOURCE_DIR) / "tests/layering.txt"));
}

// All C++ sources and tables of ours; BPF programs (*.bpf.c) are another world.
Tree real_tree() {
  const fs::path root = SKEP_SOURCE_DIR;
  Tree tree;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const std::string path = it->path().lexically_relative(root).generic_string();
    if (it->is_directory() && (path == "build" || path.starts_with(".git"))) {
      it.disable_recursion_pending();
      continue;
    }
    const bool source = path.ends_with(".cpp") || path.ends_with(".h") || path.ends_with(".def");
    if (source) tree[path] = read(it->path());
  }
  return tree;
}

TEST(Layering, TreeIsClean) {
  const Tree tree = real_tree();
  ASSERT_GT(tree.size(), 20u) << "the sources were not found";
  for (const std::string& finding : Checker(real_rules(), tree).check()) ADD_FAILURE() << finding;
}

// Each fault is one file beside a few innocent ones; `finding` must be among what is found, and
// nothing else may be.
struct Planted {
  const char* name;
  const char* path;
  const char* text;
  const char* finding;
};

const Tree kInnocent = {
    {"isa/insn.h", "// x\n#pragma once\n#include <vector>\n"},
    {"isa/insn.def", "// x\n"},
    {"helpers/spec/image.h", "// x\n#pragma once\n#include \"isa/insn.h\"\n"},
    {"helpers/maps/map.h", "// x\n#pragma once\n#include \"helpers/spec/image.h\"\n"},
    {"helpers/maps/hash.h", "// x\n#pragma once\n"},
    {"loader/loader.h", "// x\n#pragma once\n"},
    {"jit/jit.h", "// x\n#pragma once\n"},
    {"vm/vm.h", "// x\n#pragma once\n#include \"loader/loader.h\"\n"},
    {"vm/backend.h", "// x\n#pragma once\n#include \"helpers/maps/map.h\"\n"},
    {"verifier/verifier.h", "// x\n#pragma once\n"},
    {"kernel/backend.cpp",
     "// x\n#include <linux/bpf.h>\n#include <elf.h>\n#include \"vm/backend.h\"\n"},
    {"tools/main.cpp", "// x\n#include <nlohmann/json.hpp>\n#include \"vm/vm.h\"\n"},
    {"jit/emit_x64.cpp", "// x\n#include <asmjit/asmjit.h>\n#include <fmt/format.h>\n"},
};

const Planted kPlanted[] = {
    {"up", "isa/a.cpp", "// x\n#include \"helpers/spec/image.h\"\n",
     "may not include helpers/spec/image.h"},
    {"spec_to_maps", "helpers/spec/a.cpp", "// x\n#include \"helpers/maps/map.h\"\n",
     "may not include helpers/maps/map.h"},
    {"loader_to_vm", "loader/a.cpp", "// x\n#include \"vm/vm.h\"\n", "may not include vm/vm.h"},
    {"verifier_to_vm", "verifier/a.cpp", "// x\n#include \"vm/backend.h\"\n",
     "may not include vm/backend.h"},
    {"verifier_to_jit", "verifier/a.cpp", "// x\n#include \"jit/jit.h\"\n",
     "may not include jit/jit.h"},
    {"jit_to_verifier", "jit/a.cpp", "// x\n#include \"verifier/verifier.h\"\n",
     "may not include verifier/verifier.h"},
    {"run_to_facade", "vm/interpreter.cpp", "// x\n#include \"vm/vm.h\"\n",
     "may not include vm/vm.h"},
    {"run_to_a_map", "vm/interpreter.cpp", "// x\n#include \"helpers/maps/hash.h\"\n",
     "may not include helpers/maps/hash.h"},
    {"kernel_to_facade", "kernel/a.cpp", "// x\n#include \"vm/vm.h\"\n", "may not include vm/vm.h"},
    {"indented", "isa/a.cpp", "// x\n  #  include  \"loader/loader.h\"\n",
     "may not include loader/loader.h"},
    {"asmjit_in_vm", "vm/a.cpp", "// x\n#include <asmjit/asmjit.h>\n",
     "may not include <asmjit/asmjit.h>"},
    {"asmjit_in_jit", "jit/lift.cpp", "// x\n#include <asmjit/core.h>\n",
     "may not include <asmjit/core.h>"},
    {"linux_in_loader", "loader/a.cpp", "// x\n#include <linux/bpf.h>\n",
     "may not include <linux/bpf.h>"},
    {"json_in_verifier", "verifier/a.cpp", "// x\n#include <nlohmann/json.hpp>\n",
     "may not include <nlohmann/json.hpp>"},
    {"printing", "loader/a.cpp", "// x\n#include <iostream>\n", "may not include <iostream>"},
    {"posix_in_loader", "loader/a.cpp", "// x\n#include <unistd.h>\n",
     "may not include <unistd.h>"},
    {"json_in_kernel", "kernel/a.cpp", "// x\n#include <nlohmann/json.hpp>\n",
     "may not include <nlohmann/json.hpp>"},
    {"unnamed_system", "isa/a.cpp", "// x\n#include <elf.h>\n", "which layering.txt does not name"},
    {"relative", "isa/a.cpp", "// x\n#include \"insn.h\"\n", "no such path from the root"},
    {"dots", "isa/a.cpp", "// x\n#include \"../isa/insn.h\"\n", "no such path from the root"},
    {"macro", "isa/a.cpp", "// x\n#include HEADER\n", "includes what a macro names"},
    {"no_layer", "more/a.cpp", "// x\n", "is in no layer"},
    {"no_comment", "isa/a.cpp", "int x;\n", "does not begin with what it is for"},
    {"no_such_test", "isa/a.h",
     "// Tested by tests/isa/a"
     "_test.cpp.\n#pragma once\n",
     "_test.cpp, which is not there"},
    {"no_pragma", "isa/a.h", "// x\n", "lacks #pragma once"},
    {"own_header_late", "isa/insn.cpp", "// x\n#include <vector>\n#include \"isa/insn.h\"\n",
     "does not include its own header first"},
};

class LayeringPlanted : public testing::TestWithParam<Planted> {};

TEST_P(LayeringPlanted, IsFound) {
  Tree tree = kInnocent;
  tree[GetParam().path] = GetParam().text;
  const Names findings = Checker(real_rules(), tree).check();
  ASSERT_EQ(findings.size(), 1u) << testing::PrintToString(findings);
  EXPECT_TRUE(findings[0].starts_with(GetParam().path)) << findings[0];
  EXPECT_NE(findings[0].find(GetParam().finding), std::string::npos) << findings[0];
}

INSTANTIATE_TEST_SUITE_P(Faults, LayeringPlanted, testing::ValuesIn(kPlanted),
                         [](const auto& test) { return std::string(test.param.name); });

// Classes of the library that others derive from, by their virtual destructors, which no program of
// tests/outside derives from.
Names bases_without_heir(const Tree& tree) {
  std::string outside;
  for (const auto& [path, text] : tree) {
    if (path.starts_with("tests/outside/")) outside += text;
  }
  Names missing;
  for (const auto& [path, text] : tree) {
    if (!is_header(path) || path.starts_with("tests/") || path.starts_with("bench/") ||
        path.starts_with("tools/")) {
      continue;
    }
    for (auto at = text.find("virtual ~"); at != std::string::npos;
         at = text.find("virtual ~", at + 1)) {
      const auto start = at + std::string("virtual ~").size();
      const std::string name = text.substr(start, text.find('(', start) - start);
      if (outside.find(": public skep::" + name + " ") == std::string::npos)
        missing.push_back(name);
    }
  }
  return missing;
}

TEST(Outside, EveryBaseHasAHeir) {
  EXPECT_EQ(bases_without_heir(real_tree()), Names{});
}

TEST(Outside, ABaseWithoutHeirIsFound) {
  Tree tree = {
      {"vm/a.h",
       "class A {\n  virtual ~A() = default;\n};\nstruct B { virtual ~B() = default; };\n"},
      {"tests/outside/heirs.cpp", "class MyB : public skep::B {};\n"}};
  EXPECT_EQ(bases_without_heir(tree), Names{"A"});
}

TEST(Layering, InnocentTreeIsClean) {
  EXPECT_EQ(Checker(real_rules(), kInnocent).check(), Names{});
}

TEST(Layering, LongFileIsFound) {
  Tree tree = kInnocent;
  std::string text = "// x\n";
  for (int i = 0; i < kMaxLines; ++i) text += "\n";
  tree["isa/a.cpp"] = tree["isa/long.def"] = tree["jit/emit_x64.cpp"] = text;
  EXPECT_EQ(Checker(real_rules(), tree).check(), Names{"isa/a.cpp has 601 lines"});
}

}  // namespace
