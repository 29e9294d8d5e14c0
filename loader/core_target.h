// CoreTarget: the types that CO-RE relocations are resolved against, a kernel's as a rule, with
// an index of the types of one essential name; and load_btf(), which reads them from a file.
//
// The essential name of `task_struct___old` is `task_struct`: what follows the last "___" tells
// flavours apart, which programs use to describe several versions of one type.
// Immutable once made; may be shared by threads and by the relocation of many objects.
// Memory: 8 to 12 bytes a type. Tested by tests/loader/core_target_test.cpp.
#pragma once

#include <vector>

#include "isa/btf.h"

namespace skep {

// Reads a bare BTF blob (/sys/kernel/btf/vmlinux) or the .BTF section of an ELF file of any
// machine, class and byte order.
Result<Btf> load_btf(std::span<const u8> bytes, std::shared_ptr<const Btf> base = nullptr);

// The name without its flavour.
std::string_view essential_name(std::string_view name);

// Types of the two kinds can stand for each other: the same kind, or both enums of any width.
bool are_compatible(BtfKind a, BtfKind b);

class CoreTarget {
 public:
  // `modules` are split BTFs on top of `kernel`; types are sought in them when the kernel has none.
  static Result<CoreTarget> make(std::shared_ptr<const Btf> kernel,
                                 std::vector<std::shared_ptr<const Btf>> modules = {});

  struct Candidate {
    const Btf* btf = nullptr;
    u32 id = 0;
  };
  // The types of a compatible kind with the same essential name, in the order of libbpf: by id,
  // the modules after each other; at most `limit` of them. `steps` counts the comparisons made.
  std::vector<Candidate> candidates(BtfKind kind, std::string_view name, u32 limit,
                                    u64& steps) const;

  const Btf& kernel() const { return *tables_.front().btf; }

 private:
  // Types of one Btf by the hash of kind and essential name: chains by ascending id.
  struct Table {
    std::shared_ptr<const Btf> btf;
    std::unique_ptr<u32[]> heads;  // by hash: the first type of a chain, or 0
    std::unique_ptr<u32[]> next;   // by id - first_id
    u32 mask = 0;
  };
  static Result<Table> index(std::shared_ptr<const Btf> btf);

  std::vector<Table> tables_;  // the kernel's first
};

}  // namespace skep
