// The loader: object files, as clang, gcc and bpftool make them, to Images.
//
//   Object object = TRY(load(bytes, {.name = "firewall"}));
//   std::shared_ptr<const Image> image = TRY(object.image("xdp_firewall"));
//
// What libbpf does between a file and bpf(2) is done here, without a kernel: maps, global data,
// kernel configuration, externs, subprograms, CO-RE, static linking. A program that can't be made
// does not hide the others: it is in `failures`, with the reason. Memory and work are bounded, see
// loader/limits.h. Nothing of an Object refers to the bytes that it was made of.
// Facts about names and orders are libbpf 1.5's. Tested by tests/loader/*.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "helpers/spec/image.h"
#include "isa/btf_ext.h"
#include "loader/core_target.h"

namespace skep {

struct LoadOptions {
  std::string_view name = {};     // of the object; its first eight characters name the data maps
  std::string_view program = {};  // only this one; "": all
  std::string_view kconfig = {};  // text of a kernel configuration; also takes LINUX_... externs
  u32 kernel_version = 6 << 16 | 12 << 8;  // LINUX_KERNEL_VERSION, unless kconfig has it
  const CoreTarget* target = nullptr;  // the kernel's types; needed by programs with CO-RE alone
  std::shared_ptr<const HostRows> host = nullptr;  // of Vm::rows(): section names and helpers
  bool inspect = false;  // objects of the other byte order too, to look at, not to run
};

// An object file to link: the name is for messages.
struct ObjectFile {
  std::string_view name;
  std::span<const u8> bytes;
};

// What a relocation led to.
enum class RelocationKind : u8 {
  Map,       // the address of a map
  Data,      // a variable of a data section
  Call,      // a call of a function of the object
  Function,  // the address of a function of the object
  Kconfig,   // a value of the kernel's configuration
  Ksym,      // a variable or function of the kernel, by address
  Kfunc,     // a call of a kernel function
  Core,      // CO-RE: depends on the layout of the kernel's types
  Skipped,   // in a section that is not loaded, as debug information
};
inline constexpr std::size_t kRelocationKinds = 9;
std::string_view name(RelocationKind kind);

struct SectionInfo {
  std::string object;  // of which file, when several are linked
  std::string name;
  std::string_view use;  // "program", "data", "maps", ... "" for what the loader does not look at
  u64 size = 0;
  u32 relocations = 0;
};

// A name that somebody else provides, and what became of it.
struct ExternInfo {
  enum class Kind : u8 { Kconfig, KernelFunction, KernelVariable };
  std::string name;
  Kind kind{};
  bool weak = false;
  bool found = false;  // kconfig: has a value
  u64 value = 0;       // kconfig: of bool, char, tristate and integers
  u32 btf_type = 0;    // 0 for a typeless one
};

// A CO-RE relocation that the target's types can't satisfy.
struct FailedCoreRelo {
  std::string section;
  Pc pc;  // in the section
  CoreKind kind{};
  bool poisoned = false;  // the insn fails if it is ever reached; else 0 was written
  std::string path;       // "struct task_struct.foo.bar[3]"
  std::string reason;
};

// A program, or something of the object, that could not be made.
struct LoadFailure {
  std::string name;
  std::string section;
  Error error;
};

struct Object {
  std::string name;
  std::string license;
  u32 kernel_version = 0;
  bool big_endian = false;
  std::vector<std::shared_ptr<const Image>> programs;  // in the order of the file
  std::vector<LoadFailure> failures;                   // programs
  std::vector<LoadFailure> errors;                     // anything else: maps, externs
  std::shared_ptr<const std::vector<MapSpec>> maps;
  std::shared_ptr<const Btf> btf;  // of all objects linked; null without
  std::vector<ExternInfo> externs;
  std::vector<SectionInfo> sections;
  std::array<u32, kRelocationKinds> relocations{};
  std::vector<FailedCoreRelo> failed_core;

  // The program of a name, or the only one for ""; its failure if it could not be made.
  Result<std::shared_ptr<const Image>> image(std::string_view name) const;
};

Result<Object> load(std::span<const u8> bytes, const LoadOptions& options = {});

// Links objects as `bpftool gen object` does: global names are found across all files, a strong
// definition overrides __weak ones, static names stay apart, data sections of one name are joined
// into one map, BTF types are kept from every file one after the other.
Result<Object> load_linked(std::span<const ObjectFile> files, const LoadOptions& options = {});

}  // namespace skep
