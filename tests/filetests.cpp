// Runs filetests: filetests [--bless] FILE... . Each file is one ctest case. The format is in
// tests/support/filetest.h.
#include <cstdio>
#include <string_view>

#include "tests/support/filetest.h"
#ifdef SKEP_JIT
#include "tests/support/ir_engine.h"
#include "vm/jit_backend.h"
#endif

namespace {

std::vector<skep::test::FiletestEngine> engines() {
  using skep::Mode;
  std::vector<skep::test::FiletestEngine> all;
  all.push_back({"interpreter", [](Mode mode) { return skep::make_interpreter({.mode = mode}); }});
#ifdef SKEP_JIT
  all.push_back({"lifted", [](Mode mode) { return skep::test::make_ir_engine({.mode = mode}); }});
  all.push_back({"passes", [](Mode mode) {
                   return skep::test::make_ir_engine(
                       {.mode = mode, .passes = skep::test::passes_of(skep::ir::Level::O2)});
                 }});
  all.push_back({"jit:O0", [](Mode mode) {
                   return skep::make_jit({.mode = mode, .level = skep::ir::Level::O0});
                 }});
  all.push_back({"jit:O2", [](Mode mode) { return skep::make_jit({.mode = mode}); }});
#endif
  return all;
}

skep::test::FiletestIr ir() {
#ifdef SKEP_JIT
  return skep::test::ir_listing;
#else
  return {};
#endif
}

}  // namespace

int main(int argc, char** argv) {
  bool bless = false;
  int failed = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--bless") {
      bless = true;
      continue;
    }
    const auto problems = skep::test::run_filetest(argv[i], bless, engines(), ir());
    for (const std::string& problem : problems) std::fprintf(stderr, "%s\n", problem.c_str());
    failed += !problems.empty();
  }
  return failed != 0;
}
