// The search for an address's region, and faults as text. Tested by
// tests/filetests/run/faults.test.

#include "vm/memory.h"

#include "helpers/maps/map.h"
#include "helpers/spec/host_rows.h"
#include "helpers/spec/image.h"
#include "isa/diagnostic.h"

namespace skep {
namespace {

Region stack_frame_of(Run& run, u64 address) {
  const u64 bottom = reinterpret_cast<u64>(run.stack);
  const u64 offset = address - bottom;
  if (run.stack == nullptr || offset >= u64(run.depth) * kStackSize) return {};
  const u64 frame = offset / kStackSize;
  if (run.unclear[frame] != 0) {
    std::memset(run.stack + frame * kStackSize, 0, run.unclear[frame]);
    run.unclear[frame] = 0;
  }
  return {bottom + frame * kStackSize, kStackSize, AddressClass::Stack, kRead | kWrite};
}

// Data and metadata are apart: the kernel's verifier judges them by different bounds.
Region packet_part_of(const Packet& packet, u64 address) {
  const u64 meta = reinterpret_cast<u64>(packet.meta);
  const u64 data = reinterpret_cast<u64>(packet.data);
  const u64 end = reinterpret_cast<u64>(packet.end);
  if (address >= data && address < end) {
    return {data, end - data, AddressClass::Packet, kRead | kWrite};
  }
  if (packet.meta != nullptr && address >= meta && address < data) {
    return {meta, data - meta, AddressClass::Packet, kRead | kWrite};
  }
  return {};
}

// The region that holds the byte at `address`, of any permission.
Region region_at(Run& run, u64 address) {
  if (Region frame = stack_frame_of(run, address); frame.size != 0) return frame;
  if (run.context_region.holds(address, 1)) return run.context_region;
  if (run.packet != nullptr) {
    if (Region part = packet_part_of(*run.packet, address); part.size != 0) return part;
  }
  for (u32 i = 0; i < run.record_count; ++i) {
    if (run.records[i].holds(address, 1)) return run.records[i];
  }
  for (u32 i = 0; i < run.map_count; ++i) {
    Region found;
    if (run.maps[i]->region_of(address, found)) return found;
  }
  for (u32 i = run.inner_maps.count; i-- > 0;) {  // the latest is the likeliest
    Region found;
    if (run.inner_maps.maps[i]->region_of(address, found)) return found;
  }
  return {};
}

std::string where(const Fault& fault) {
  if (fault.base == 0) {
    return fmt::format("no region of the program is there{}",
                       fault.address < 4096 ? " (a null pointer?)" : "");
  }
  const i64 offset = static_cast<i64>(fault.address - fault.base);
  return fmt::format("{} of {} bytes at {:#x}, offset {}{}", name(fault.cls),
                     fault.bound - fault.base, fault.base, offset,
                     fault.address + fault.size <= fault.bound ? ", without that permission" : "");
}

std::string helper_name(const Run& run, u64 id) {
  const HostRows* rows = run.image->host.get();
  const HelperProto* helper = find_helper(rows, static_cast<u32>(id), run.image->type);
  return helper != nullptr ? fmt::format("{} ({})", helper->name, id) : fmt::format("{}", id);
}

std::string_view type_name(const Run& run) {
  const ProgramTypeRow* row = find_program_type(run.image->host.get(), run.image->type);
  return row == nullptr ? "" : row->name;
}

std::string message_of(const Run& run, const Fault& fault) {
  const u32 pc = fault.pc.value;
  switch (fault.code) {
    case Code::bad_access:
      return make_error<Code::bad_access>(pc, fault.access & kWrite ? "a write" : "a read",
                                          fault.size, fault.address, where(fault))
          .text;
    case Code::bad_context_access:
      return make_error<Code::bad_context_access>(pc, fault.access & kWrite ? "a write" : "a read",
                                                  fault.size, fault.address, run.image->section)
          .text;
    case Code::misaligned_atomic:
      return make_error<Code::misaligned_atomic>(pc, fault.size, fault.address, fault.size).text;
    case Code::budget_spent: return make_error<Code::budget_spent>(pc, fault.size).text;
    case Code::too_many_frames: return make_error<Code::too_many_frames>(pc, kMaxFrames).text;
    case Code::unknown_helper: return make_error<Code::unknown_helper>(pc, fault.address).text;
    case Code::bad_code_address:
      return make_error<Code::bad_code_address>(pc, fault.address, "code of this program").text;
    case Code::bad_map_handle: return make_error<Code::bad_map_handle>(pc, fault.address).text;
    case Code::write_to_frame_pointer:
      return make_error<Code::write_to_frame_pointer>(pc,
                                                      row(run.image->program.at(fault.pc).op).name)
          .text;
    case Code::helper_not_allowed:
      return make_error<Code::helper_not_allowed>(pc, helper_name(run, fault.address),
                                                  type_name(run))
          .text;
    case Code::host_fault:
      return make_error<Code::host_fault>(pc, helper_name(run, fault.address)).text;
    case Code::core_poisoned: return make_error<Code::core_poisoned>(pc).text;
    default:
      return fmt::format("insn {}: {} ({:#x}, {} bytes)", pc, row(fault.code).title, fault.address,
                         fault.size);
  }
}

}  // namespace

bool probe_region(Run& run, u64 address, u64 size, u8 access, Region& found) {
  found = region_at(run, address);
  return found.size != 0 && (found.access & access) == access && found.holds(address, size);
}

std::string describe(const Run& run, const Fault& fault) {
  std::string text = message_of(run, fault);
  if (run.image == nullptr) return text;
  const SourceMap& source = run.image->program.source();
  if (const SourceLine* line = source.find(fault.pc)) {
    text += fmt::format("\n  {}: {}", source.place(fault.pc), line->text);
  }
  return text;
}

}  // namespace skep
