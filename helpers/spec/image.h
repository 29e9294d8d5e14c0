// Image: a program with all that it refers to, as the loader makes it and as verifier, engines
// and kernel take it. Immutable once made; may be shared by threads.
#pragma once

#include "helpers/spec/map_spec.h"
#include "helpers/spec/program_type.h"
#include "isa/program.h"

namespace skep {

class Btf;
class HostRows;

// A kernel function or variable that the program names. Calls and loads refer to it by index:
// imm of CallKfunc and of LoadBtfId is an index into Image::externs.
struct Extern {
  std::string name;
  u32 btf_type = 0;  // of the FUNC, or of the variable's type, in the object's BTF; 0: typeless
  bool function = false;
  bool weak = false;
};

struct Image {
  std::string name;  // of the program: the C function
  std::string section;
  ProgramType type{};
  u32 attach_type = 0;    // enum bpf_attach_type
  std::string attach_to;  // what the section name gives: "do_sys_open", "syscalls/sys_enter_open"
  bool sleepable = false;
  bool frags = false;    // takes packets of several buffers: SEC("xdp.frags")
  bool autoload = true;  // false: only if asked for, SEC("?...")
  std::string license;
  u32 kernel_version = 0;
  Program program;  // LoadMap and LoadValue hold indices into `maps`
  std::shared_ptr<const std::vector<MapSpec>> maps;  // all maps of the object, shared by its images
  std::vector<Extern> externs;
  std::shared_ptr<const Btf> btf;        // of the object; null without
  std::shared_ptr<const HostRows> host;  // what its host added to the tables; null: nothing
};

}  // namespace skep
