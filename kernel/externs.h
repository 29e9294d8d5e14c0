// What the names that a program takes from the kernel are there: BTF ids, addresses, or nothing.
//
// By libbpf's rules: functions and typed variables are sought in the kernel's BTF, functions
// without the flavour of their name ("bpf_task_acquire___old"), and must have compatible types;
// variables without a type are symbols of /proc/kallsyms. What is weak may be missing. Names of
// modules' BTF are not looked at. Tested by tests/kernel/types_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "helpers/spec/image.h"
#include "isa/btf.h"

namespace skep {

struct KernelName {
  enum class Kind : u8 { Id, Address, Missing, Refused };
  Kind kind = Kind::Refused;
  u64 value = 0;    // the id or the address
  std::string why;  // it is refused
};

// Of all externs of the image, in their order.
std::vector<KernelName> kernel_names(const Image& image, const Btf& kernel);

}  // namespace skep
