// Program: a checked, immutable sequence of instructions with its functions and source lines.
//
// Program::make checks structure only (decoding, jump and call targets, ends of functions): what
// every engine relies on. Whether a program is safe is the verifier's matter.
// A Program may be shared by any number of threads. Tested by tests/isa/program_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "isa/insn.h"

namespace skep {

// A function of the program: [first, end) in slots. The first one is the entry.
struct Subprogram {
  Pc first;
  Pc end;
  std::string name;
  bool global = false;  // a global function is judged by its BTF contract alone
  u32 btf_type = 0;     // id of its BTF FUNC, 0 if unknown
};

// Where a stretch of instructions comes from; holds until the next entry.
struct SourceLine {
  Pc pc;
  u32 file = 0;  // index into SourceMap::files
  u32 line = 0;  // 1 is the first
  u32 column = 0;
  std::string text;  // the line itself, as .BTF has it
};

struct SourceMap {
  std::vector<std::string> files;
  std::vector<SourceLine> lines;  // by pc
  const SourceLine* find(Pc pc) const;
  std::string place(Pc pc) const;  // "file.c:12", or "" where there is none
};

inline constexpr u32 kMaxSubprograms =
    256;  // Linux 6.12 include/linux/bpf_verifier.h, BPF_MAX_SUBPROGS

class Program {
 public:
  // Without subprograms they are found: at 0 and at each target of a local call or LoadFunc.
  // Subprograms must be sorted, cover all slots and not overlap.
  static Result<Program> make(std::vector<Insn> insns, std::vector<Subprogram> subprograms = {},
                              SourceMap source = {});

  std::span<const Insn> insns() const { return insns_; }
  std::span<const Decoded> decoded() const { return {decoded_.get(), size()}; }  // indexed by Pc
  const Decoded& at(Pc pc) const { return decoded_[pc.value]; }
  std::span<const Subprogram> subprograms() const { return subprograms_; }
  const Subprogram& subprogram_of(Pc pc) const;
  const SourceMap& source() const { return source_; }
  u32 size() const { return static_cast<u32>(insns_.size()); }

 private:
  std::vector<Insn> insns_;
  std::shared_ptr<const Decoded[]> decoded_;  // as many as insns_; copies of a Program share them
  std::vector<Subprogram> subprograms_;
  SourceMap source_;
};

}  // namespace skep
