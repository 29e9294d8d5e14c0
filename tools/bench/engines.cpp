// skep's own engines and the kernel as contenders. See engines.h.
#include "tools/bench/engines.h"

#include <algorithm>
#include <cstring>

#include "tools/map_data.h"

#ifdef SKEP_HAS_KERNEL
#include "kernel/backend.h"
#include "kernel/raw_program.h"
#endif

namespace skep::bench {
namespace {

// Runs through Loaded: the interpreter, the kernel.
class LoadedContender final : public Contender {
 public:
  LoadedContender(std::unique_ptr<Session> session, std::span<const u8> data, u64 mask)
      : session_(std::move(session)), data_(data), memory_(data), mask_(mask) {
    if (has_packet(session_->image->type))
      packet_ = must(PacketBuffer::make(data_, session_->image->type));
  }

  Sample run(u32 repeat) override {
    Frame frame;
    frame.type = session_->image->type;
    if (has_packet(frame.type)) {
      must(packet_.refill(data_));
      frame.packet = packet_.packet();
    } else if (!data_.empty()) {
      const std::span<u8> bytes = memory_.reset();
      frame.memory = bytes.data();
      frame.size = bytes.size();
    }
    const RunResult result =
        session_->loaded->run(frame, {.env = &session_->env, .repeat = repeat});
    if (!result.ok()) throw Failure{{result.fault.code, result.message, result.fault.pc}};
    return {result.r0, static_cast<double>(result.nanoseconds), result.insns};
  }
  u64 r0_mask() const override { return mask_; }

 private:
  std::unique_ptr<Session> session_;
  std::span<const u8> data_;
  Memory memory_;
  PacketBuffer packet_;
  u64 mask_;
};

// An engine that runs in a world of ours: the interpreter, the JIT.
class EmulatingLineup final : public Lineup {
 public:
  EmulatingLineup(const Engine& engine, EngineOptions options)
      : engine_(engine), options_(options) {}
  Ready make(const Entry& entry) override {
    auto session = open_session(entry, engine_, options_);
    return {std::make_unique<LoadedContender>(std::move(session), entry.data, ~u64{0}), {}, {}};
  }

 private:
  const Engine& engine_;
  EngineOptions options_;
};

class AbsentLineup final : public Lineup {
 public:
  explicit AbsentLineup(std::string reason) { absent = std::move(reason); }
  Ready make(const Entry&) override { return {{}, {}, absent}; }
};

#ifdef SKEP_HAS_KERNEL
constexpr u64 kLowerHalf = 0xffff'ffff;
constexpr std::size_t kLeastPacket = 64;

class KernelLineup final : public Lineup {
 public:
  KernelLineup() {
    if (auto ok = check_permission(); !ok) absent = ok.error().text;
  }

  Ready make(const Entry& entry) override {
    try {
      Entry here = entry;
      std::span<const u8> data = entry.data;
      if (entry.image->type == ProgramType::raw) {
        here.image = must(as_kernel_program(*entry.image, entry.data));
        data = packet_;
      }
      return {open(here, data), base(here.image->type, here.image->attach_type), {}};
    } catch (const Failure& failure) {
      return {{}, {}, failure.error.text};
    }
  }

 private:
  std::unique_ptr<Contender> open(const Entry& entry, std::span<const u8> data) const {
    return std::make_unique<LoadedContender>(open_session(entry, find_engine("kernel"), {}), data,
                                             kLowerHalf);
  }

  std::shared_ptr<Contender> base(ProgramType type, u32 attach_type) {
    auto& base = bases_[type];
    if (base == nullptr) {
      Entry empty;
      empty.image = must(empty_program(type, attach_type));
      base = open(empty, packet_);
    }
    return base;
  }

  Buffer packet_ = Buffer(kLeastPacket);
  std::map<ProgramType, std::shared_ptr<Contender>> bases_;
};
#endif

std::unique_ptr<Lineup> make_kernel_lineup() {
#ifdef SKEP_HAS_KERNEL
  return std::make_unique<KernelLineup>();
#else
  return std::make_unique<AbsentLineup>("not in this build (SKEP_KERNEL)");
#endif
}

std::unique_ptr<Lineup> make_emulating_lineup(const std::string& name, bool trusted) {
  for (const Engine& engine : engines()) {
    if (engine.name == name && engine.make != nullptr)
      return std::make_unique<EmulatingLineup>(engine, EngineOptions{.trusted = trusted});
  }
  return std::make_unique<AbsentLineup>("not in this build");
}

std::unique_ptr<Lineup> make_unnamed(const std::string& what, const std::string& folder) {
  constexpr std::string_view kTrusted = ":trusted";
  const bool trusted = what.ends_with(kTrusted);
  const std::string engine = trusted ? what.substr(0, what.size() - kTrusted.size()) : what;
  if (engine == "interpreter" || engine == "jit" || engine.starts_with("jit:O"))
    return make_emulating_lineup(engine, trusted);
  if (what == "kernel") return make_kernel_lineup();
  if (what == "native") return make_native_lineup(folder + "/libnative.so");
  if (what.starts_with("native:")) return make_native_lineup(what.substr(7));
  if (what == "ubpf") return make_ubpf_lineup(false);
  if (what == "ubpf:jit") return make_ubpf_lineup(true);
  raise<Code::usage>(
      fmt::format("--engine {}: no such engine; there are interpreter, jit, jit:O0, jit:O2, the "
                  "same with :trusted, kernel, native, native:LIBRARY, ubpf and ubpf:jit",
                  what));
}

Loaded* find_program(const Instance& instance, const Image& image) {
  for (const InstanceProgram& program : instance.programs()) {
    if (program.image.get() != &image) continue;
    if (program.error) throw Failure{*program.error};
    return program.loaded.get();
  }
  raise<Code::unhandled>("the program was not loaded");
}

}  // namespace

Memory::Memory(std::span<const u8> bytes) : bytes_(bytes), words_((bytes.size() + 7) / 8) {}

std::span<u8> Memory::reset() {
  u8* const memory = reinterpret_cast<u8*>(words_.data());
  if (!bytes_.empty()) std::memcpy(memory, bytes_.data(), bytes_.size());
  return {memory, bytes_.size()};
}

std::unique_ptr<Session> open_session(const Entry& entry, const Engine& engine,
                                      const EngineOptions& options) {
  const u32 cpus = engine_cpus(engine, 1);
  auto session = std::make_unique<Session>(engine, VmOptions{.cpus = cpus});
  session->object = entry.object;
  session->image = entry.image;
  session->backend = engine.make(options);
  // The others of the object too, if the program can call them.
  std::vector<std::shared_ptr<const Image>> images{entry.image};
  if (entry.object != nullptr) {
    for (const auto& image : entry.object->programs) {
      if (image->name != entry.image->name && image->maps == entry.image->maps)
        images.push_back(image);
    }
  }
  session->instance = must(session->vm.load(images, *session->backend));
  session->loaded = find_program(*session->instance, *entry.image);
  session->env = Env::deterministic(1);
  session->env.cpus = cpus;
  fill_maps(*session, entry.arguments);
  return session;
}

std::unique_ptr<Lineup> make_lineup(const std::string& what, const std::string& folder) {
  auto lineup = make_unnamed(what, folder);
  if (lineup->name.empty()) lineup->name = what;
  return lineup;
}

}  // namespace skep::bench
