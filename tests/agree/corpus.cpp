// Our own programs on every engine: corpus FOLDER... . Takes the filetests (*.test) and the objects
// (NAME.bpf.o, on the bytes of NAME.data) in the folders and below.
//
// Each program runs on the interpreter, checked and trusted, by the JIT, and in the kernel, on the
// same input; r0, packet or memory, maps and records must be the same. Programs of type raw run in
// the kernel over a map's value. What can't be compared is counted by reason; what need not be
// equal is the list kExceptions, all of which must be needed. Exit code 1: a difference; 77: no
// permission.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "kernel/backend.h"
#include "kernel/raw_program.h"
#include "loader/loader.h"
#include "tests/support/agree.h"
#include "tests/support/engines.h"
#include "tests/support/filetest.h"
#include "tests/support/generator.h"
#include "tests/support/permission.h"

namespace skep::test {
namespace {

namespace fs = std::filesystem;

// Programs whose results may differ from the kernel's: addresses, time, chance, CPU, task, the
// order of hashes, victims of LRU, and nothing else.
struct Exception {
  std::string_view program;  // file:program
  std::string_view reason;
};
constexpr Exception kExceptions[] = {
    {"newer.test:may_goto_ends_loops", "time: Linux ends such loops by the clock since 6.15"},
};

// One program with its input.
struct Subject {
  std::string name;  // file:program
  std::vector<std::shared_ptr<const Image>> images = {};
  RunInput input = {};
  bool faults = false;
};

class Corpus {
 public:
  void add_filetest(const fs::path& path) {
    for (FiletestCase& test : filetest_cases(path.string())) {
      const std::string name = path.filename().string() + ":" + test.name;
      if (!test.loads) {
        ++uncompared_["no program: the test is that it is refused"];
      } else if (test.limited) {
        ++uncompared_["ended by a budget, which the kernel has not"];
      } else {
        Subject subject{
            name, std::move(test.images), {.bytes = std::move(test.bytes)}, test.faults};
        subject.input.program = subject.images.size() - 1;
        for (auto& [map, key, value] : test.elements)
          subject.input.elements.push_back({map, std::move(key), std::move(value)});
        subject.input.fields = std::move(test.fields);
        compare(subject);
      }
    }
  }

  // An object's programs, on the data beside it.
  void add_object(const fs::path& path) {
    const std::string file = path.filename().string();
    const std::string stem = (path.parent_path() / file.substr(0, file.find('.'))).string();
    if (!fs::exists(stem + ".data")) return wrong(file, "no " + stem + ".data to run it on");
    if (fs::exists(stem + ".maps.json")) {
      ++uncompared_["its maps are filled from JSON: compared by the test agree/objects"];
      return;
    }
    const auto object = load(read(path));
    if (!object) return wrong(file, object.error().text);
    for (const auto& image : object->programs) {
      Subject subject{file + ":" + image->name, {}, {.bytes = read(stem + ".data")}};
      for (const auto& other : object->programs) subject.images.push_back(other);
      const auto at = std::ranges::find(subject.images, image);
      subject.input.program = static_cast<std::size_t>(at - subject.images.begin());
      compare(subject);
    }
  }

  int report() const {
    fmt::print("{} programs compared\n", compared_);
    for (const auto& [why, count] : uncompared_) fmt::print("  {} not: {}\n", count, why);
    for (const std::string& text : wrong_) fmt::print("DIFFERENCE {}\n", text);
    bool fine = wrong_.empty() && compared_ != 0;
    for (const auto& [program, reason] : kExceptions) {
      if (excepted_.contains(program)) continue;
      fmt::print("no exception any more: {}: {}\n", program, reason);
      fine = false;
    }
    return fine ? 0 : 1;
  }

 private:
  static std::vector<u8> read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void wrong(const std::string& name, const std::string& what) {
    wrong_.push_back(fmt::format("{}: {}", name, what));
  }

  void compare(const Subject& subject) {
    const Outcome checked = run(*checked_, subject);
    const Outcome kernel = run_in_kernel(subject);
    if (kernel.refused) {
      ++uncompared_[checked.ran ? "the kernel refuses it: " + short_reason(kernel.trouble)
                                : "a fault here, refused there"];
      return;
    }
    if (!checked.ran && kernel.ran)
      return differs(subject, "a fault here alone: " + checked.trouble);
    std::string difference = Outcome::difference(checked, kernel);
    if (!difference.empty()) return differs(subject, "interpreter / kernel: " + difference);
    for (const OurEngine& engine : others_) {
      if (subject.faults) break;
      difference = Outcome::difference(checked, run(*engine.backend, subject));
      if (!difference.empty())
        return wrong(subject.name, fmt::format("interpreter / {}: {}", engine.name, difference));
    }
    ++compared_;
  }

  void differs(const Subject& subject, const std::string& what) {
    const auto found = std::ranges::find(kExceptions, subject.name, &Exception::program);
    if (found == std::end(kExceptions)) {
      // Stack that nobody wrote is zeros here; there it is a leniency to who may see all memory.
      const WithoutPermissionToLeak strictly(true);
      const Outcome kernel = run_in_kernel(subject);
      if (!kernel.refused) return wrong(subject.name, what);
      ++uncompared_["refused without CAP_PERFMON: " + short_reason(kernel.trouble)];
      return;
    }
    excepted_.insert(found->program);
    ++uncompared_[fmt::format("excepted: {}", found->reason)];
  }

  Outcome run(Backend& backend, const Subject& subject) const {
    return run_on(backend, subject.images, subject.input, {.cpu = cpu_});
  }

  // Programs of type raw become programs over a map's value, which is then their memory.
  Outcome run_in_kernel(const Subject& subject) const {
    Subject there = subject;
    const bool raw = subject.images[subject.input.program]->type == ProgramType::raw;
    for (auto& image : there.images) {
      Image copy = *image;
      copy.license = "GPL";
      auto typed = copy.btf == nullptr ? with_function_types(copy) : std::make_shared<Image>(copy);
      if (raw && typed != nullptr) {
        auto wrapped = as_kernel_program(*typed, subject.input.bytes);
        if (!wrapped) {
          Outcome none;
          none.trouble = wrapped.error().text;
          none.refused = true;
          return none;
        }
        typed = *wrapped;
      }
      image = typed;
    }
    if (raw) {
      const auto maps = there.images.front()->maps;  // one list for all
      for (auto& image : there.images) {
        auto copy = std::make_shared<Image>(*image);
        copy->maps = maps;
        image = copy;
      }
      there.input.bytes.assign(64, 0);
    }
    Outcome outcome = run(*kernel_, there);
    if (!raw || !outcome.ran) return outcome;
    const auto memory = outcome.maps.extract("skep_memory");
    outcome.packet = memory.mapped().begin()->second;
    outcome.packet.resize(subject.input.bytes.size());
    return outcome;
  }

  // What the verifier objects to, without registers and numbers.
  static std::string short_reason(const std::string& text) {
    const auto colon = text.find(": ");
    std::string line = text.substr(0, text.find('\n'));
    if (colon != std::string::npos && colon < line.size()) line = line.substr(colon + 2);
    return line.substr(0, 90);
  }

  const u32 cpu_ = stay_on_one_cpu();
  std::unique_ptr<Backend> kernel_ = make_kernel_backend();
  std::unique_ptr<Backend> checked_ = make_interpreter();
  const std::vector<OurEngine> others_ = other_engines();
  u64 compared_ = 0;
  std::map<std::string, u64> uncompared_;  // by reason
  std::vector<std::string> wrong_;
  std::set<std::string_view> excepted_;
};

int run(std::span<char* const> folders) {
  Corpus corpus;
  for (const char* folder : folders) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const fs::path& path : paths) {
      if (path.extension() == ".test") corpus.add_filetest(path);
      if (path.string().ends_with(".bpf.o")) corpus.add_object(path);
    }
  }
  return corpus.report();
}

}  // namespace
}  // namespace skep::test

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: corpus FOLDER...\n");
    return 2;
  }
  if (auto ok = skep::check_permission(); !ok) {
    fmt::print("needs permission: {}\n", ok.error().text);
    return 77;
  }
  return skep::test::run({argv + 1, argv + argc});
}
