// Filetests: programs as text with what they should do in their comments.
//
// A file holds any number of programs. A label in the first column starts one; labels inside are
// indented. Comments before the first program count for all, a comment block right above a label
// for that program, and comments after its insns, up to a blank line, are what is expected of it.
//
//   ; run: type=raw modes=checked,trusted     how to run; these are the defaults
//   ; map h: hash key=4 value=8 entries=16    a map, called map[h]
//   ; put h[01000000] = 0500000000000000      an element of it before the run
//   ; mem: 01 02 03                           raw: the memory that r1 points to; else the packet
//   ; ctx mark = 7                            a field of the context
//   ; budget: 100      ; cpu: 1               of the run
//   ; entry: 2                                a prog array's slot: ; slot p[0] = other_program
//
//   ; r0 = 0x10        ; insns = 12           what must come out
//   ; mem = 01 02      ; h[01000000] = 06..   memory or packet, map elements; `= none`
//   ; print: text                             one line of bpf_printk
//   insn  ; fault: bad_access                 the run must end here so
//   insn  ; error: bad_register               the program must be refused, here
//   ; error: map_too_large                    the same, with no place
//   ; dis:                                    the block's other lines are the disassembly;
//   ;   0: r0 = 1                             `bless` rewrites it
//   ; ir: fold,dce                            the same of the JIT's representation after these
//   ;   function 0 @0 {                       passes, or as lifted, in the first mode, unmetered
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "helpers/spec/image.h"
#include "vm/backend.h"

namespace skep::test {

// An engine that programs run on, made for a mode.
struct FiletestEngine {
  std::string name;
  std::function<std::unique_ptr<Backend>(Mode mode)> make;
};

// The text of an `ir:` block: `passes` is what its head names.
using FiletestIr =
    std::function<std::string(const Image& image, const std::string& passes, Mode mode)>;

// Runs the programs of one file on each engine; gives what went wrong, a line each. With `bless`,
// rewrites the `dis:` and `ir:` blocks instead of comparing them. Without `ir` they are not looked
// at.
std::vector<std::string> run_filetest(const std::string& path, bool bless,
                                      std::span<const FiletestEngine> engines,
                                      const FiletestIr& ir);

// A program of a file without what is expected of it, for other engines to run.
struct FiletestCase {
  std::string name;
  bool loads = true;     // false: the test is that it is refused
  bool faults = false;   // the test is that the run is ended
  bool limited = false;  // by a budget
  std::vector<std::shared_ptr<const Image>> images =
      {};                      // it is the last; before it the tail calls'
  std::vector<u8> bytes = {};  // memory or packet
  struct Element {
    std::string map;
    std::vector<u8> key, value;
  };
  std::vector<Element> elements = {};  // put into the maps before
  std::vector<std::pair<std::string, u64>> fields = {};
};
std::vector<FiletestCase> filetest_cases(const std::string& path);

}  // namespace skep::test
