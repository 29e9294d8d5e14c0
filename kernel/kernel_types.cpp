// Names to BTF ids of the running kernel.

#include "kernel/kernel_types.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <vector>

#include "kernel/struct_ops.h"
#include "kernel/syscall.h"

namespace skep {
namespace {

constexpr const char* kVmlinux = "/sys/kernel/btf/vmlinux";
constexpr u32 kTraceRawTp = 23, kTraceIter = 28;  // enum bpf_attach_type

}  // namespace

Result<std::shared_ptr<const Btf>> read_kernel_btf() {
  const Fd file(open(kVmlinux, O_RDONLY | O_CLOEXEC));
  if (!file)
    return fail<Code::no_kernel>(fmt::format("{}: {} (a kernel without CONFIG_DEBUG_INFO_BTF?)",
                                             kVmlinux, errno_text(errno)));
  std::vector<u8> bytes;
  u8 buffer[1 << 16];
  for (ssize_t size; (size = read(file.get(), buffer, sizeof(buffer))) != 0;) {
    if (size < 0) return fail<Code::no_kernel>(fmt::format("{}: {}", kVmlinux, errno_text(errno)));
    if (bytes.size() + static_cast<u64>(size) > Btf::kMaxBytes)
      return fail<Code::no_kernel>(fmt::format("{} is too large", kVmlinux));
    bytes.insert(bytes.end(), buffer, buffer + size);
  }
  return std::make_shared<const Btf>(TRY(Btf::parse(bytes)));
}

bool needs_kernel_btf(const Image& image) {
  switch (image.type) {
    case ProgramType::tracing:
    case ProgramType::struct_ops:
    case ProgramType::lsm: return true;
    default: break;
  }
  for (const Decoded& insn : image.program.decoded()) {
    if (insn.op == Op::CallKfunc || (insn.op == Op::LoadBtfId && !insn.second_slot)) return true;
  }
  return false;
}

Result<AttachPoint> attach_point(const Image& image, const Btf& kernel) {
  if (image.type == ProgramType::struct_ops) {
    const StructOpsPlace place = TRY(struct_ops_place(image, kernel));
    return AttachPoint{place.type, place.member};
  }
  std::string name = image.attach_to;
  BtfKind kind = BtfKind::Func;
  if (image.type == ProgramType::lsm) {
    name = "bpf_lsm_" + name;
  } else if (image.type != ProgramType::tracing) {
    return AttachPoint{0, image.attach_type};
  } else if (image.attach_type == kTraceIter) {
    name = "bpf_iter_" + name;
  } else if (image.attach_type == kTraceRawTp) {
    name = "btf_trace_" + name;
    kind = BtfKind::Typedef;
  }
  const u32 id = kernel.find(kind, name);
  if (id == 0)
    return fail<Code::kernel_refused>("attaching program", image.name,
                                      fmt::format("the kernel has no {}", name), "");
  return AttachPoint{id, image.attach_type};
}

}  // namespace skep
