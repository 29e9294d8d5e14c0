// The kernel as a Backend: maps and programs go through bpf(2), runs through BPF_PROG_TEST_RUN.
// The same object runs by it as by the interpreter, with the same inputs and outputs.
//
// Not every program type can be test-run (kprobes and perf events can't); running one fails with
// kernel_refused. Without the permission every call fails with no_kernel, which says what is
// missing. Thread-safe as the kernel is. Tested by tests/kernel/backend_test.cpp.
#pragma once

#include "kernel/btf_load.h"
#include "kernel/log.h"
#include "kernel/map.h"
#include "kernel/program_info.h"
#include "vm/backend.h"

namespace skep {

struct KernelOptions {
  u32 log_level = 4;  // of the verifier: 1 and 2 say more, 0 nothing
  u32 flags = 0;      // BPF_F_STRICT_ALIGNMENT and the like, for BPF_PROG_LOAD
  // read_kernel_btf(), from a caller that loads many programs; null: it is read where a program
  // needs it.
  std::shared_ptr<const Btf> types = nullptr;
  // What was loaded of objects' types, from a caller that makes maps and programs apart; null: a
  // backend keeps its own, and a program that is loaded alone has types of its own.
  std::shared_ptr<ObjectTypes> object_types = nullptr;
};
std::unique_ptr<Backend> make_kernel_backend(KernelOptions options = {});

// A program in the kernel.
class KernelProgram final : public Loaded {
 public:
  static Result<std::unique_ptr<KernelProgram>> load(std::shared_ptr<const Image> image,
                                                     std::span<Map* const> maps,
                                                     const KernelOptions& options);
  // A program that exists: by descriptor, by id (which needs CAP_SYS_ADMIN), or pinned in a bpf
  // file system. Its image has name and type alone: it can be run, attached and pinned.
  static Result<std::unique_ptr<KernelProgram>> adopt(Fd fd);
  static Result<std::unique_ptr<KernelProgram>> open_id(u32 id);
  static Result<std::unique_ptr<KernelProgram>> open_pinned(const std::string& path);
  RunResult run(Frame& frame, const RunOptions& options) override;
  const Callable* callable() const override { return nullptr; }

  int fd() const { return fd_.get(); }
  const Image& image() const { return *image_; }
  const std::string& log() const { return log_; }
  Status pin(const std::string& path) const;
  Result<ProgramInfo> info() const { return program_info(fd()); }

 private:
  std::shared_ptr<const Image> image_;
  std::shared_ptr<const Fd> btf_;
  Fd fd_;
  std::string log_;
};

// What the verifier says of an image: accepted, or why not; with its counts in both cases.
struct KernelVerdict {
  bool accepted = false;
  int error = 0;  // errno of the refusal
  KernelLog log;
  std::string text;              // the whole log, of the level that was asked for
  std::optional<Error> refusal;  // as KernelProgram::load() has it
};
Result<KernelVerdict> kernel_verify(std::shared_ptr<const Image> image, std::span<Map* const> maps,
                                    const KernelOptions& options = {});

}  // namespace skep
