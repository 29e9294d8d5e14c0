// Programs as users give them: object files, several of them linked, assembly text, bare
// instructions as bytes or hex. All become a loader's Object, so verbs need not care.
// Failures are of type Failure (tools/output.h). Tested by tests/tools/cli_test.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include "loader/loader.h"
#include "tools/io.h"

namespace skep {

// Options that every verb with a program takes.
struct ProgramArguments {
  std::string path;
  std::vector<std::string> link;  // more objects
  bool assembly = false;          // text, whatever the name says
  std::string target;             // BTF for CO-RE; "": the running kernel's
  std::string kconfig;
  std::string kernel;  // "6.12"
};
void add_program_options(CLI::App& app, ProgramArguments& arguments);

enum class ProgramForm { Elf, Assembly, Bytes, Hex };

struct ProgramInput {
  std::string name;  // as shown: the path, or "stdin"
  ProgramForm form{};
  Buffer bytes;
};
ProgramInput read_program(const ProgramArguments& arguments);

// The whole object. `inspect` also gives objects of the other byte order.
Object load_program(const ProgramInput& input, const ProgramArguments& arguments,
                    bool inspect = false);

// The slots of an input that is no object and no text.
std::vector<Insn> bare_insns(const ProgramInput& input);

// "xdp_firewall (xdp), count (.text)": for messages.
std::string program_names(const Object& object);

// A kernel's types from a file; `path` "" is the running kernel's, null where there are none.
std::shared_ptr<const CoreTarget> read_target(const std::string& path);

}  // namespace skep
