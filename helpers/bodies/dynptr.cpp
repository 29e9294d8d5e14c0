// Dynptrs: memory with its bounds, in 16 bytes on the program's stack, laid out as the kernel's
// struct bpf_dynptr_kern. In Mode::Checked the bytes are not trusted: a program that forged them
// reaches what it reaches anyway.
//
// Semantics: Linux 6.12 kernel/bpf/helpers.c, kernel/bpf/ringbuf.c.
// Tested by tests/helpers/dynptr_test.cpp.

#include <bit>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kMaxSize = (1 << 24) - 1;  // DYNPTR_MAX_SIZE
constexpr u32 kReadOnly = 1u << 31;      // DYNPTR_RDONLY_BIT
constexpr u32 kLocal = 1, kRingbuf = 2;  // enum bpf_dynptr_type, from bit 28 on

struct Dynptr {  // struct bpf_dynptr_kern
  u64 data = 0;
  u32 bits = 0;
  u32 offset = 0;

  u64 size() const { return bits & kMaxSize; }
  bool holds(u64 at, u64 length) const { return length <= size() && at <= size() - length; }
};
static_assert(sizeof(Dynptr) == kDynptrBytes);

Dynptr load(const u8* from) {
  Dynptr dynptr;
  copy_shared(reinterpret_cast<u8*>(&dynptr), from, sizeof dynptr);
  return dynptr;
}

void store(u8* to, const Dynptr& dynptr) {
  copy_shared(to, reinterpret_cast<const u8*>(&dynptr), sizeof dynptr);
}

i64 refuse(u8* to, i64 error) {
  store(to, {});
  return error;
}

template <class T>
void copy_one(u8* to, const u8* from) {
  store_shared<T>(to, load_shared<T>(from));
}

// copy_shared() for places that may overlap, as those of a dynptr and of an argument may: who lies
// behind is copied from its end, by the largest units that lie whole in what is left.
void move_shared(u8* to, const u8* from, u64 size) {
  if (to <= from || to >= from + size) return copy_shared(to, from, size);
  const u64 both = reinterpret_cast<u64>(to) | reinterpret_cast<u64>(from);
  while (size != 0) {
    const u64 unit = u64{1} << std::countr_zero(both | size | 8);
    size -= unit;
    switch (unit) {
      case 8: copy_one<u64>(to + size, from + size); break;
      case 4: copy_one<u32>(to + size, from + size); break;
      case 2: copy_one<u16>(to + size, from + size); break;
      default: copy_one<u8>(to + size, from + size);
    }
  }
}

// A record that the run holds and the dynptr is of; false with a fault if there is none.
bool find_record(Run& run, const Dynptr& dynptr, HeldRecord& record) {
  for (record.index = 0; record.index < run.record_count; ++record.index) {
    const Region& region = run.records[record.index];
    if (region.cls == AddressClass::Record && region.base == dynptr.data) return true;
  }
  run.set_fault(Code::bad_record, dynptr.data);
  return false;
}

void end_record(Run& run, u8* at, u64 flags, void (*end)(Run& run, HeldRecord record, u64 flags)) {
  const Dynptr dynptr = load(at);
  HeldRecord record{};
  if (dynptr.data == 0 || !find_record(run, dynptr, record)) return;
  end(run, record, flags);
  store(at, {});
}

}  // namespace

i64 dynptr_from_mem(Run&, OutBytes memory, u64 flags, NewDynptr to) {
  if (memory.size > kMaxSize) return refuse(to.data, kE2BIG);
  if (flags != 0) return refuse(to.data, kEINVAL);
  const u32 size = static_cast<u32>(memory.size);
  store(to.data, {reinterpret_cast<u64>(memory.data), size | kLocal << 28, 0});
  return 0;
}

i64 dynptr_read(Run& run, OutBytes to, AnyDynptr from, u32 offset, u64 flags) {
  const Dynptr dynptr = load(from.data);
  if (dynptr.data == 0 || flags != 0) return kEINVAL;
  if (!dynptr.holds(offset, to.size)) return kE2BIG;
  const u64 address = dynptr.data + dynptr.offset + offset;
  Region found;
  if (!run.find(address, to.size, kRead, found)) return 0;
  move_shared(to.data, reinterpret_cast<const u8*>(address), to.size);
  return 0;
}

i64 dynptr_write(Run& run, AnyDynptr to, u32 offset, Bytes from, u64 flags) {
  const Dynptr dynptr = load(to.data);
  if (dynptr.data == 0 || (dynptr.bits & kReadOnly) != 0) return kEINVAL;
  if (!dynptr.holds(offset, from.size)) return kE2BIG;
  if (flags != 0) return kEINVAL;
  const u64 address = dynptr.data + dynptr.offset + offset;
  Region found;
  if (!run.find(address, from.size, kWrite, found)) return 0;
  move_shared(reinterpret_cast<u8*>(address), from.data, from.size);
  return 0;
}

u64 dynptr_data(Run&, AnyDynptr of, u32 offset, u32 size) {
  const Dynptr dynptr = load(of.data);
  const bool there = dynptr.data != 0 && dynptr.holds(offset, size);
  if (!there || (dynptr.bits & kReadOnly) != 0) return 0;
  return dynptr.data + dynptr.offset + offset;
}

i64 ringbuf_reserve_dynptr(Run& run, Map* map, u32 size, u64 flags, NewRecordDynptr to) {
  if (flags != 0) return refuse(to.data, kEINVAL);
  if (size > kMaxSize) return refuse(to.data, kE2BIG);
  const u64 record = ringbuf_reserve(run, map, size, 0);
  if (record == 0) return refuse(to.data, kEINVAL);
  store(to.data, {record, size | kRingbuf << 28, 0});
  return 0;
}

void ringbuf_submit_dynptr(Run& run, RecordDynptr record, u64 flags) {
  end_record(run, record.data, flags, ringbuf_submit);
}
void ringbuf_discard_dynptr(Run& run, RecordDynptr record, u64 flags) {
  end_record(run, record.data, flags, ringbuf_discard);
}

}  // namespace skep::body
