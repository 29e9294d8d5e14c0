// What the kernel knows of its own objects and symbols: all of it is Env's, or in the memory that
// it maps. Semantics: Linux 6.12 kernel/bpf/helpers.c, kernel/kallsyms.c, kernel/trace/bpf_trace.c.
// Tested by tests/helpers/tracing_test.cpp.

#include <algorithm>

#include "helpers/bodies/bodies.h"

namespace skep::body {

u64 per_cpu_ptr(Run& run, PerCpuVariable variable, u32 cpu) {
  return cpu < run.env->cpus ? variable.address + cpu * run.env->per_cpu_offset : 0;
}
u64 this_cpu_ptr(Run& run, PerCpuVariable variable) {
  return variable.address + run.cpu * run.env->per_cpu_offset;
}

i64 kallsyms_lookup_name(Run& run, Bytes name, u64 flags, Out<u64> result) {
  result.set(0);
  if (flags != 0) return kEINVAL;
  if (name.size <= 1 || load_shared<u8>(name.data + name.size - 1) != 0) return kEINVAL;
  // Other threads may change the name meanwhile, its last zero too: no byte beyond is read.
  const auto has_name = [&](const KernelSymbol& symbol) {
    const std::string_view text = symbol.name;
    if (text.size() >= name.size) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (load_shared<u8>(name.data + i) != static_cast<u8>(text[i])) return false;
    }
    return load_shared<u8>(name.data + text.size()) == 0;
  };
  const auto found = std::ranges::find_if(run.env->symbols, has_name);
  if (found == run.env->symbols.end()) return kENOENT;
  result.set(found->address);
  return 0;
}

i64 d_path(Run& run, KernelObject path, InOutBytes to) {
  if (to.size == 0) return 0;
  const std::string_view text = run.env->path(run.env->user, path.address);
  if (text.size() >= to.size) return kENAMETOOLONG;
  copy_shared(to.data, reinterpret_cast<const u8*>(text.data()), text.size());
  store_shared<u8>(to.data + text.size(), 0);
  return static_cast<i64>(text.size()) + 1;
}

u64 kptr_xchg(Run&, KptrSlot slot, MaybeKernelObject object) {
  return __atomic_exchange_n(slot.data, object.address, __ATOMIC_SEQ_CST);
}

}  // namespace skep::body
