// Types of objects in the kernel: each object's once, shared by its maps and programs, since the
// kernel takes types of two loads for different ones, however alike they are.
// Tested by tests/kernel/types_test.cpp.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "isa/btf.h"
#include "kernel/syscall.h"

namespace skep {

// The object's BTF as the kernel takes it; a descriptor of -1 where there is none or the kernel
// does not want it. With data sections and their variables, or, if the kernel refuses these,
// without.
Fd load_btf_into_kernel(const Btf* btf);
// BTF in its wire form.
Fd load_btf_into_kernel(std::span<const u8> bytes);

// What was loaded of the objects that are still there. Thread-safe.
class ObjectTypes {
 public:
  // The descriptor of these types, loaded if nobody asked before; -1 as above.
  std::shared_ptr<const Fd> of(const std::shared_ptr<const Btf>& btf);

 private:
  struct Loaded {
    std::weak_ptr<const Btf> btf;
    std::shared_ptr<const Fd> fd;
  };
  std::mutex mutex_;
  std::vector<Loaded> loaded_;
};

}  // namespace skep
