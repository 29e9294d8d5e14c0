// What the running kernel calls things: BTF ids of the functions that programs attach to and of
// the kernel functions and variables that they name.
#pragma once

#include <memory>

#include "helpers/spec/image.h"
#include "isa/btf.h"

namespace skep {

// /sys/kernel/btf/vmlinux, read. Some 30 ms: keep it.
Result<std::shared_ptr<const Btf>> read_kernel_btf();

// The id that attach_btf_id wants for a tracing, lsm or iterator program: of the function, hook or
// iterator that the section names. 0 for types that want none.
Result<u32> attach_btf_id(const Image& image, const Btf& kernel);

// Whether loading the image needs the kernel's types.
bool needs_kernel_btf(const Image& image);

}  // namespace skep
