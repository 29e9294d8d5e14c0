// What the running kernel calls things: BTF ids of the functions that programs attach to and of
// the kernel functions and variables that they name.
#pragma once

#include <memory>

#include "helpers/spec/image.h"
#include "isa/btf.h"

namespace skep {

// /sys/kernel/btf/vmlinux, read. Some 30 ms: keep it.
Result<std::shared_ptr<const Btf>> read_kernel_btf();

// What loading wants to know of the place that a program is for.
struct AttachPoint {
  u32 btf_id = 0;       // of the function, hook, iterator or struct of operations; 0: none
  u32 attach_type = 0;  // enum bpf_attach_type; of operations the member's index
};
Result<AttachPoint> attach_point(const Image& image, const Btf& kernel);

// Whether loading the image needs the kernel's types.
bool needs_kernel_btf(const Image& image);

}  // namespace skep
