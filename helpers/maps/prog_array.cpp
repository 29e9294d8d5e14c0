// Prog arrays: slots with programs, for tail calls. Running programs read a slot with one load,
// while the host replaces programs; a replaced one is kept until no run can hold it
// (active_runs.h).
//
// The host reads and writes ids of programs, which its MapWorld gives a meaning, or sets programs.
// Semantics: Linux 6.12 kernel/bpf/arraymap.c, fd arrays; core.c, bpf_prog_map_compatible.
// Tested by tests/helpers/map_prog_array_test.cpp and map_threads_test.cpp.
#include <new>
#include <optional>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"
#include "helpers/spec/image.h"

namespace skep {
namespace {

// What a slot owns; read and written under the lock.
struct Program {
  std::shared_ptr<const Callable> callable;
  u32 id;
};

// Zeroed memory is an array of empty ones.
struct Slot {
  std::atomic<const Callable*> target;
  Program* program;
};

class ProgArray final : public Map {
 public:
  explicit ProgArray(const MapSpec& spec) : Map(spec), entries_(spec.max_entries) {}
  ~ProgArray() override {
    for (u32 i = 0; i < first_unused_; ++i) delete slots()[i].program;
  }

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    runs_ = world.runs;
    programs_ = world.programs;
    memory_ = allocate_zeroed(world.memory, entries_, sizeof(Slot));
    return memory_ != nullptr;
  }

  const Callable* target(u32 index) override {
    return index < entries_ ? slots()[index].target.load() : nullptr;
  }

  ActiveRuns* active_runs() override { return runs_; }

  int set_target(u32 index, std::shared_ptr<const Callable> callable, u32 id) override {
    if (index >= entries_) return kE2BIG;
    std::unique_ptr<Program> program;
    if (callable != nullptr) {
      program.reset(new (std::nothrow) Program{std::move(callable), id});
      if (program == nullptr) return kENOMEM;
    }
    if (runs_ != nullptr && !runs_->make_room()) return kEBUSY;
    int error = 0;
    {
      const Locked lock(lock_);
      error = exchange(slots()[index], program);
      if (error == 0 && index >= first_unused_) first_unused_ = index + 1;
    }
    // `program` is the old one now, or the new one if it could not be set.
    if (runs_ != nullptr)
      runs_->retire(program != nullptr ? std::move(program->callable) : nullptr);
    return error;
  }

 protected:
  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0) return kEINVAL;
    const u32 index = index_of(key);
    if (index >= entries_) return kENOENT;
    const Locked lock(lock_);
    const Program* program = slots()[index].program;
    if (program == nullptr) return kENOENT;
    std::memcpy(value, &program->id, sizeof program->id);
    return 0;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    if (flags != update_flags::kAny) return kEINVAL;
    const u32 index = index_of(key);
    if (index >= entries_) return kE2BIG;
    const u32 id = static_cast<u32>(load_bytes(value, 4));
    auto callable = programs_ != nullptr ? programs_->find(programs_->user, id) : nullptr;
    return callable != nullptr ? set_target(index, std::move(callable), id) : kEBADF;
  }

  int do_erase(const u8* key) override { return set_target(index_of(key), nullptr, 0); }

  int do_next_key(const u8* key, u8* next) override { return next_index(key, next, entries_); }

 private:
  Slot* slots() const { return reinterpret_cast<Slot*>(memory_.get()); }

  // With the lock held: swaps. The first program decides which type may ever be here, as tail calls
  // keep the context.
  int exchange(Slot& slot, std::unique_ptr<Program>& program) {
    if (program == nullptr && slot.program == nullptr) return kENOENT;
    if (program != nullptr && program->callable->image != nullptr) {
      const ProgramType type = program->callable->image->type;
      if (type_.value_or(type) != type) return kEINVAL;
      type_ = type;
    }
    slot.target.store(program != nullptr ? program->callable.get() : nullptr);
    Program* old = slot.program;
    slot.program = program.release();
    program.reset(old);
    return 0;
  }

  u32 entries_;
  u32 first_unused_ = 0;             // slots from here on never had a program; of lock_
  std::optional<ProgramType> type_;  // of lock_
  ActiveRuns* runs_ = nullptr;
  const ProgramIds* programs_ = nullptr;
  Lock lock_;
  Zeroed memory_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_prog_array(const MapSpec& spec, const MapWorld& world) {
  return make_map<ProgArray>(spec, world);
}

}  // namespace skep
