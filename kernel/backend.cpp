// Programs into the kernel: maps and names replaced by descriptors and ids, BPF_PROG_LOAD, the
// verifier's log. Tested by tests/kernel/backend_test.cpp.

#include "kernel/backend.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>

#include "kernel/externs.h"
#include "kernel/kernel_types.h"
#include "kernel/permission.h"

namespace skep {
namespace {

constexpr u32 kFirstLog = 1 << 16;
constexpr u32 kLargestLog = 16 << 20;
// Source registers of lddw and call, where a descriptor or a kernel id stands for our index.
constexpr u8 kMapFd = 1, kMapValue = 2, kKernelId = 3, kKernelCall = 2;
// The helper that a missing function becomes, with its extern's index added; libbpf's, so that logs
// read the same.
constexpr i32 kMissingCall = 2'002'000'000;

struct FuncInfo {
  u32 insn, type;
};

// Puts what the kernel has where the program has our index of a name: an id, an address, or, for
// what is weak and missing, 0 and a call that no kernel knows.
Status patch_extern(const Image& image, std::span<const KernelName> names, const Decoded& insn,
                    Pc pc, Insn* out) {
  const u32 index = static_cast<u32>(insn.imm);
  if (index >= names.size()) return {};
  const KernelName& name = names[index];
  if (name.kind == KernelName::Kind::Refused) {
    return fail<Code::kernel_refused>(fmt::format("insn {}: resolving", pc.value),
                                      image.externs[index].name, name.why, "");
  }
  const bool known = name.kind == KernelName::Kind::Id;
  if (insn.op == Op::CallKfunc) {
    const i32 callee = known ? static_cast<i32>(name.value) : kMissingCall + insn.imm;
    out[0] = make_insn(out[0].opcode, 0, known ? kKernelCall : 0, 0, callee);
    return {};
  }
  out[0] = make_insn(kLddwOpcode, insn.dst, known ? kKernelId : 0, 0,
                     static_cast<i32>(static_cast<u32>(name.value)));
  out[1].imm = static_cast<i32>(static_cast<u32>(name.value >> 32));
  return {};
}

// The program's insns with our indices replaced by what the kernel knows. LoadMapIdx and
// LoadValueIdx keep theirs: they are indices of fd_array, which is in the order of `maps`.
Result<std::vector<Insn>> patch(const Image& image, std::span<Map* const> maps, const Btf* kernel) {
  std::vector<Insn> insns(image.program.insns().begin(), image.program.insns().end());
  const auto names = kernel == nullptr ? std::vector<KernelName>() : kernel_names(image, *kernel);
  for (Pc pc; pc.value < insns.size(); pc = pc + image.program.at(pc).slots()) {
    const Decoded& insn = image.program.at(pc);
    if (insn.op == Op::CallKfunc || insn.op == Op::LoadBtfId) {
      if (auto ok = patch_extern(image, names, insn, pc, &insns[pc.value]); !ok)
        return std::unexpected(std::move(ok).error());
    }
    const bool value = insn.op == Op::LoadValue;
    if ((!value && insn.op != Op::LoadMap) || insn.map_index() >= maps.size()) continue;
    const auto& kernel_map = static_cast<const KernelMap&>(*maps[insn.map_index()]);
    insns[pc.value] =
        make_insn(kLddwOpcode, insn.dst, value ? kMapValue : kMapFd, 0, kernel_map.fd());
  }
  return insns;
}

// The functions' types, which the kernel wants of all functions or of none.
std::vector<FuncInfo> func_infos(const Image& image) {
  std::vector<FuncInfo> infos;
  for (const Subprogram& function : image.program.subprograms()) {
    if (function.btf_type == 0) return {};
    infos.push_back({function.first.value, function.btf_type});
  }
  return infos;
}

// The last `count` lines of a log before its counts, each indented.
std::string last_lines(std::string_view log, int count) {
  std::vector<std::string_view> lines;
  while (!log.empty()) {
    const auto end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
    if (line.starts_with("verification time") || line.starts_with("stack depth ") ||
        line.starts_with("processed ") || line.empty())
      continue;
    lines.push_back(line);
  }
  std::string text;
  for (std::size_t i = lines.size() > static_cast<std::size_t>(count) ? lines.size() - count : 0;
       i < lines.size(); ++i)
    text += fmt::format("\n    | {}", lines[i]);
  return text;
}

// What LoadMapIdx and LoadValueIdx refer to; empty for programs without them.
std::vector<int> fd_array(const Image& image, std::span<Map* const> maps) {
  std::vector<int> fds;
  const bool uses_it = std::ranges::any_of(image.program.decoded(), [](const Decoded& insn) {
    return insn.op == Op::LoadMapIdx || insn.op == Op::LoadValueIdx;
  });
  if (!uses_it) return fds;
  for (const Map* map : maps) fds.push_back(static_cast<const KernelMap&>(*map).fd());
  return fds;
}

struct Attempt {
  int fd = -1;  // or minus errno
  std::string log;
};

// One BPF_PROG_LOAD. The log's buffer grows until the log fits.
Attempt try_load(const Image& image, std::span<const Insn> insns, std::span<Map* const> maps,
                 int btf_fd, AttachPoint point, const KernelOptions& options) {
  const std::vector<FuncInfo> infos = func_infos(image);
  const std::vector<int> fds = fd_array(image, maps);
  ProgLoadAttr attr;
  attr.type = static_cast<u32>(image.type);
  attr.insn_count = static_cast<u32>(insns.size());
  attr.insns = address_of(insns.data());
  attr.license = address_of(image.license.c_str());
  attr.kernel_version = image.kernel_version;
  const bool sleeps = image.sleepable || image.type == ProgramType::syscall;  // the latter always
  attr.flags = options.flags | (sleeps ? 1u << 4 : 0) | (image.frags ? 1u << 5 : 0);
  attr.expected_attach_type = point.attach_type;
  attr.attach_btf_id = point.btf_id;
  attr.fd_array = fds.empty() ? 0 : address_of(fds.data());
  set_name(attr.name, image.name);
  if (btf_fd >= 0 && !infos.empty()) {
    attr.btf_fd = static_cast<u32>(btf_fd);
    attr.func_info_size = sizeof(FuncInfo);
    attr.func_info = address_of(infos.data());
    attr.func_info_count = static_cast<u32>(infos.size());
  }
  for (u32 size = kFirstLog;; size *= 16) {
    Attempt attempt;
    if (options.log_level != 0) {
      attempt.log.resize(size);
      attr.log_level = options.log_level;
      attr.log = address_of(attempt.log.data());
      attr.log_size = size;
    }
    attempt.fd = bpf(BpfCommand::ProgLoad, attr);
    if (attempt.fd == -ENOSPC && size < kLargestLog) continue;
    attempt.log.resize(std::min(attempt.log.find('\0'), attempt.log.size()));
    return attempt;
  }
}

Result<Attempt> load_program(const Image& image, std::span<Map* const> maps, int btf_fd,
                             const KernelOptions& options) {
  AttachPoint point{.attach_type = image.attach_type};
  const bool named = needs_kernel_btf(image);
  if (named) point = TRY(attach_point(image, *options.types));
  const Btf* types = named ? options.types.get() : nullptr;
  return try_load(image, TRY(patch(image, maps, types)), maps, btf_fd, point, options);
}

// The options with what loading this image needs.
Result<KernelOptions> complete(const Image& image, KernelOptions options) {
  if (options.types == nullptr && needs_kernel_btf(image)) options.types = TRY(read_kernel_btf());
  return options;
}

// The name of the function that the program calls where the kernel objects, if it is missing.
std::string missing_callee(const Image& image, const KernelLog& log) {
  if (!log.pc || log.pc->value >= image.program.size()) return "";
  const Decoded& insn = image.program.at(*log.pc);
  if (insn.op != Op::CallKfunc || static_cast<u32>(insn.imm) >= image.externs.size()) return "";
  const std::string id = std::to_string(i64{kMissingCall} + insn.imm);
  if (log.message.find(id) == log.message.npos) return "";
  return fmt::format("\n  the kernel has no function '{}'",
                     image.externs[static_cast<u32>(insn.imm)].name);
}

// Why the verifier refused, at which insn and source line; the last lines of its log. The log of
// level 1, which has the insns, is asked for if it was not given.
Error refusal_of(const Image& image, std::span<Map* const> maps, int btf_fd, Attempt attempt,
                 KernelOptions options) {
  const int error = -attempt.fd;
  constexpr u32 kInsns = 1 | 2;
  if ((options.log_level & kInsns) == 0 && !attempt.log.empty()) {
    options.log_level |= 1;
    if (auto again = load_program(image, maps, btf_fd, options); again && !again->log.empty()) {
      const Fd accepted(again->fd);  // never, but for a kernel short of memory before
      attempt.log = std::move(again->log);
    }
  }
  const KernelLog log = parse_log(attempt.log);
  if (log.message.empty()) {
    const std::string why = refusal_text(error, needed_for(image.type));
    return make_error<Code::kernel_refused>("loading program", image.name, why,
                                            attempt.log.empty() ? "" : "\n" + attempt.log);
  }
  std::string place;
  if (log.code) place += fmt::format(" ({})", name(*log.code));
  if (log.pc && log.pc->value < image.program.size()) {
    place += fmt::format("\n  insn {}", log.pc->value);
    if (const SourceLine* line = image.program.source().find(*log.pc))
      place += fmt::format(", {}: {}", image.program.source().place(*log.pc), line->text);
  }
  place += missing_callee(image, log);
  place += last_lines(attempt.log, 8);
  if (missing_of(kCapPerfmon) != 0)
    place += "\n  this process lacks CAP_PERFMON, without which the verifier allows less";
  Error refusal = make_error<Code::refused_by_verifier>(image.name, errno_text(error), log.message,
                                                        std::move(place));
  refusal.pc = log.pc;
  return refusal;
}

std::shared_ptr<const Fd> types_of(const Image& image, const KernelOptions& options) {
  if (options.object_types != nullptr) return options.object_types->of(image.btf);
  return std::make_shared<const Fd>(load_btf_into_kernel(image.btf.get()));
}

// Whether a kernel is there, and knows the program's type.
Status check_judged(const Image& image) {
  if (image.type >= ProgramType::raw) {
    return fail<Code::kernel_refused>("loading program", image.name,
                                      "its type is one of skep's own, which no kernel knows", "");
  }
  return check_permission();
}

class KernelBackend final : public Backend {
 public:
  explicit KernelBackend(KernelOptions options) : options_(std::move(options)) {
    if (options_.object_types == nullptr) options_.object_types = std::make_shared<ObjectTypes>();
  }
  std::string_view name() const override { return "kernel"; }

  Result<std::unique_ptr<Map>> create_map(const MapSpec& spec, const MapWorld&,
                                          const Image& image) override {
    if (auto ok = check_permission(); !ok) return std::unexpected(std::move(ok).error());
    const auto btf = options_.object_types->of(image.btf);
    KernelMapOptions options{.btf_fd = btf->get()};
    if (spec.type == MapType::struct_ops && image.btf != nullptr) {
      const auto types = TRY(kernel_types());
      StructOps ops = TRY(StructOps::make(spec, *image.btf, *types));
      return std::unique_ptr<Map>(
          TRY(KernelMap::create_operations(spec, std::move(ops), btf->get())));
    }
    std::unique_ptr<KernelMap> inner;
    if (spec.inner != nullptr) {
      inner = TRY(KernelMap::create(*spec.inner, {.btf_fd = btf->get()}));
      options.inner_fd = inner->fd();
    }
    return std::unique_ptr<Map>(TRY(KernelMap::create(spec, options)));
  }

  Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                       std::span<Map* const> maps) override {
    KernelOptions options = options_;
    if (needs_kernel_btf(*image)) options.types = TRY(kernel_types());
    return std::unique_ptr<Loaded>(TRY(KernelProgram::load(std::move(image), maps, options)));
  }

  Status fill_slot(Map& map, const MapSlot& slot, Loaded* program, Map* inner) override {
    auto& kernel_map = static_cast<KernelMap&>(map);
    const int fd = program != nullptr ? static_cast<const KernelProgram&>(*program).fd()
                                      : static_cast<const KernelMap&>(*inner).fd();
    const int error = map.spec().type == MapType::struct_ops
                          ? kernel_map.set_operation(slot.index, fd)
                          : kernel_map.set_slot(slot.index, fd);
    if (error < 0)
      return fail<Code::kernel_refused>("filling map", map.spec().name, errno_text(-error), "");
    return {};
  }

 private:
  // Read once for all programs and maps.
  Result<std::shared_ptr<const Btf>> kernel_types() {
    const std::lock_guard lock(mutex_);
    if (options_.types == nullptr) options_.types = TRY(read_kernel_btf());
    return options_.types;
  }

  std::mutex mutex_;
  KernelOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_kernel_backend(KernelOptions options) {
  return std::make_unique<KernelBackend>(std::move(options));
}

Result<std::unique_ptr<KernelProgram>> KernelProgram::load(std::shared_ptr<const Image> image,
                                                           std::span<Map* const> maps,
                                                           const KernelOptions& options) {
  if (auto ok = check_judged(*image); !ok) return std::unexpected(std::move(ok).error());
  std::unique_ptr<KernelProgram> program(new (std::nothrow) KernelProgram);
  if (program == nullptr) return fail<Code::no_memory>("a program");
  program->btf_ = types_of(*image, options);
  const KernelOptions complete_options = TRY(complete(*image, options));
  Attempt attempt = TRY(load_program(*image, maps, program->btf_->get(), complete_options));
  if (attempt.fd < 0) {
    return std::unexpected(
        refusal_of(*image, maps, program->btf_->get(), std::move(attempt), complete_options));
  }
  program->fd_ = Fd(attempt.fd);
  program->log_ = std::move(attempt.log);
  program->image_ = std::move(image);
  return program;
}

Result<std::unique_ptr<KernelProgram>> KernelProgram::adopt(Fd fd) {
  const ProgramInfo info = TRY(program_info(fd.get()));
  auto image = std::make_shared<Image>();
  image->name = info.name;
  image->type = info.type;
  image->maps = std::make_shared<const std::vector<MapSpec>>();
  std::unique_ptr<KernelProgram> program(new (std::nothrow) KernelProgram);
  if (program == nullptr) return fail<Code::no_memory>("a program");
  program->image_ = std::move(image);
  program->fd_ = std::move(fd);
  return program;
}

Result<std::unique_ptr<KernelProgram>> KernelProgram::open_id(u32 id) {
  return adopt(TRY(open_by_id(BpfCommand::ProgFdById, "program", id)));
}

Result<std::unique_ptr<KernelProgram>> KernelProgram::open_pinned(const std::string& path) {
  return adopt(TRY(open_pin("program", path)));
}

Status KernelProgram::pin(const std::string& path) const {
  return pin_object("program", fd(), path);
}

Result<KernelVerdict> kernel_verify(std::shared_ptr<const Image> image, std::span<Map* const> maps,
                                    const KernelOptions& options) {
  if (auto ok = check_judged(*image); !ok) return std::unexpected(std::move(ok).error());
  const auto btf = types_of(*image, options);
  const KernelOptions complete_options = TRY(complete(*image, options));
  Attempt attempt = TRY(load_program(*image, maps, btf->get(), complete_options));
  const Fd fd(attempt.fd);
  KernelVerdict verdict;
  verdict.accepted = attempt.fd >= 0;
  verdict.log = parse_log(attempt.log);
  verdict.text = attempt.log;
  if (!verdict.accepted) {
    verdict.error = -attempt.fd;
    verdict.refusal = refusal_of(*image, maps, btf->get(), std::move(attempt), complete_options);
  }
  return verdict;
}

}  // namespace skep
