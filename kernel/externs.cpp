// See externs.h.

#include "kernel/externs.h"

#include <charconv>
#include <fstream>
#include <map>
#include <string_view>

#include "loader/core_spec.h"
#include "loader/core_target.h"

namespace skep {
namespace {

using Found = KernelName::Kind;

bool is_symbol(const Image& image, const Extern& wanted) {
  return image.btf != nullptr && wanted.btf_type == 0 && !wanted.function;
}

KernelName missing(const Extern& wanted, std::string why) {
  return wanted.weak ? KernelName{.kind = Found::Missing, .value = 0, .why = {}}
                     : KernelName{.kind = Found::Refused, .value = 0, .why = std::move(why)};
}

KernelName typed_name(const Image& image, const Extern& wanted, const Btf& kernel) {
  const u32 id = wanted.function ? kernel.find(BtfKind::Func, essential_name(wanted.name))
                                 : kernel.find(BtfKind::Var, wanted.name);
  if (id == 0) return missing(wanted, "the kernel's BTF has no such name");
  const KernelName found{.kind = Found::Id, .value = id, .why = {}};
  if (image.btf == nullptr || wanted.btf_type == 0) return found;
  const u32 local = wanted.function ? image.btf->type(wanted.btf_type) : wanted.btf_type;
  core::Work work;
  const auto same = core::types_are_compatible(*image.btf, local, kernel, kernel.type(id), work);
  if (same && *same) return found;
  return missing(wanted, "the kernel has it with another type");
}

// The symbols of these names: "ffffffff81000000 T _text", and for modules' "[module]" behind a tab.
void find_symbols(std::istream& lines, std::map<std::string_view, KernelName>& wanted) {
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(' ');
    if (first == line.npos || first + 3 > line.size()) continue;
    const std::string_view rest = std::string_view(line).substr(first + 3);
    const auto found = wanted.find(rest.substr(0, rest.find('\t')));
    if (found == wanted.end()) continue;
    u64 address = 0;
    std::from_chars(line.data(), line.data() + first, address, 16);
    KernelName& name = found->second;
    if (address == 0) {
      name = {.value = 0, .why = "its address is hidden from this process (kernel.kptr_restrict)"};
    } else if (name.kind == Found::Missing) {
      name = {.kind = Found::Address, .value = address, .why = {}};
    } else if (name.kind == Found::Address && name.value != address) {
      name = {.value = 0, .why = "the kernel has several symbols of this name"};
    }
  }
}

}  // namespace

std::vector<KernelName> kernel_names(const Image& image, const Btf& kernel) {
  std::map<std::string_view, KernelName> symbols;
  for (const Extern& wanted : image.externs) {
    if (is_symbol(image, wanted))
      symbols[wanted.name] = {.kind = Found::Missing, .value = 0, .why = {}};
  }
  if (!symbols.empty()) {
    std::ifstream lines("/proc/kallsyms");
    find_symbols(lines, symbols);
  }
  std::vector<KernelName> names;
  for (const Extern& wanted : image.externs) {
    if (!is_symbol(image, wanted)) {
      names.push_back(typed_name(image, wanted, kernel));
      continue;
    }
    const KernelName& symbol = symbols.find(wanted.name)->second;
    names.push_back(symbol.kind == Found::Missing ? missing(wanted, "the kernel has no such symbol")
                                                  : symbol);
  }
  return names;
}

}  // namespace skep
