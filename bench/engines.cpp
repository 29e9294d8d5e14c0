// The interpreter in both modes and, where it is installed, ubpf's.

#include "bench/engines.h"

#include <fstream>
#include <iterator>

#include "loader/loader.h"
#include "vm/vm.h"

#ifdef SKEP_WITH_UBPF
extern "C" {
#include <ubpf.h>
}
#endif

namespace skep::bench {
namespace {

template <class T>
T take(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

class SkepRunner final : public Runner {
 public:
  SkepRunner(const std::shared_ptr<const Image>& image, InterpreterOptions options)
      : backend_(make_interpreter(options)),
        loaded_(take(backend_->load(image, {}))),
        env_(Env::deterministic(1)) {}

  u64 run(std::span<u8> memory, u32 repeat) override { return run_it(memory, repeat).r0; }
  u64 insns(std::span<u8> memory) override { return run_it(memory, 1).insns; }

 private:
  RunResult run_it(std::span<u8> memory, u32 repeat) {
    Frame frame;
    frame.type = ProgramType::raw;
    frame.memory = memory.data();
    frame.size = memory.size();
    RunResult result = loaded_->run(frame, {.env = &env_, .repeat = repeat});
    if (!result.ok()) throw std::runtime_error(result.message);
    return result;
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Loaded> loaded_;
  Env env_;
};

template <Mode mode>
std::unique_ptr<Runner> make_skep(const std::shared_ptr<const Image>& image) {
  return std::make_unique<SkepRunner>(image, InterpreterOptions{.mode = mode});
}

#ifdef SKEP_WITH_UBPF
// As ubpf comes: memory accesses are checked against the memory given and the stack.
class UbpfRunner final : public Runner {
 public:
  explicit UbpfRunner(std::span<const Insn> code) : vm_(ubpf_create()) {
    char* error = nullptr;
    if (ubpf_load(vm_, code.data(), static_cast<u32>(code.size_bytes()), &error) != 0) {
      throw std::runtime_error(error);
    }
  }
  ~UbpfRunner() override { ubpf_destroy(vm_); }
  UbpfRunner(const UbpfRunner&) = delete;

  u64 run(std::span<u8> memory, u32 repeat) override {
    u64 r0 = 0;
    for (u32 i = 0; i < repeat; ++i) {
      if (ubpf_exec(vm_, memory.data(), memory.size(), &r0) != 0) {
        throw std::runtime_error("ubpf_exec failed");
      }
    }
    return r0;
  }

 private:
  ubpf_vm* vm_;
};

std::unique_ptr<Runner> make_ubpf(const std::shared_ptr<const Image>& image) {
  return std::make_unique<UbpfRunner>(image->program.insns());
}
#endif

}  // namespace

const std::vector<Engine>& engines() {
  static const std::vector<Engine> all = {
      {"trusted", make_skep<Mode::Trusted>},
      {"checked", make_skep<Mode::Checked>},
#ifdef SKEP_WITH_UBPF
      {"ubpf", make_ubpf},
#endif
  };
  return all;
}

std::shared_ptr<const Image> load_image(const BenchProgram& program) {
  const std::string path = std::string(SKEP_PROGRAM_DIR "/").append(program.name) + ".bpf.o";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const Object object = take(load({reinterpret_cast<const u8*>(bytes.data()), bytes.size()}));
  return take(object.image(program.name));
}

}  // namespace skep::bench
