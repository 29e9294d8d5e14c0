// Queues and stacks: values without keys, in a ring of max_entries places under one lock. A queue
// gives the oldest one, a stack the newest; a full one refuses, or with BPF_EXIST drops the oldest.
//
// Semantics: Linux 6.12 kernel/bpf/queue_stack_maps.c, compared with a running 6.18.
// Tested by tests/helpers/map_script_test.cpp and map_threads_test.cpp.
#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

class Queue final : public Map {
 public:
  explicit Queue(const MapSpec& spec)
      : Map(spec), entries_(spec.max_entries), newest_first_(spec.type == MapType::stack) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    values_ = allocate_zeroed(world.memory, entries_, value_stride(spec()));
    return values_ != nullptr;
  }

 protected:
  int do_push(const u8* value, u64 flags) override {
    if (flags != update_flags::kAny && flags != update_flags::kExist) return kEINVAL;
    const Locked lock(lock_);
    if (count_ == entries_) {
      if (flags == update_flags::kAny) return kE2BIG;
      drop_oldest();
    }
    copy_shared(at(count_), value, spec().value_size);
    ++count_;
    return 0;
  }
  int do_pop(u8* value) override { return give(value, true); }
  int do_peek(u8* value) override { return give(value, false); }

  int do_update(const u8*, const u8*, u64, u32) override { return kEINVAL; }
  int do_remove(const u8*) override { return kEINVAL; }
  int do_next_key(const u8*, u8*) override { return kEINVAL; }
  int do_read(const u8*, u8* value, u64 flags) override {
    return flags != 0 ? kEINVAL : give(value, false);
  }
  int do_write(const u8*, const u8* value, u64 flags) override { return do_push(value, flags); }
  int do_read_and_erase(const u8*, u8* value, u64 flags) override {
    return flags != 0 ? kEINVAL : give(value, true);
  }

 private:
  // An empty one gives zeros.
  int give(u8* value, bool take) {
    const Locked lock(lock_);
    if (count_ == 0) {
      clear_shared(value, spec().value_size);
      return kENOENT;
    }
    copy_shared(value, at(newest_first_ ? count_ - 1 : 0), spec().value_size);
    if (!take) return 0;
    if (newest_first_) {
      --count_;
    } else {
      drop_oldest();
    }
    return 0;
  }

  void drop_oldest() {
    oldest_ = oldest_ + 1 == entries_ ? 0 : oldest_ + 1;
    --count_;
  }

  // The place of the value that came so many after the oldest.
  u8* at(u32 age) const {
    const u64 index = (u64{oldest_} + age) % entries_;
    return values_.get() + index * value_stride(spec());
  }

  u32 entries_;
  bool newest_first_;
  u32 oldest_ = 0;  // of lock_
  u32 count_ = 0;   // of lock_
  Lock lock_;
  Zeroed values_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_queue(const MapSpec& spec, const MapWorld& world) {
  return make_map<Queue>(spec, world);
}

}  // namespace skep
