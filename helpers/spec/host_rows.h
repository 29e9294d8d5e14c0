// HostRows: what a host adds to the tables, helpers and program types of its own. They are rows as
// the built-in ones are, and whoever reads those reads these beside them: the loader section names,
// assembler and disassembler names, engines entries, contexts fields.
//
//   HostRows rows;
//   SKEP_TRY(rows.add_helper(proto, {call, user}));
//   const ProgramType type = SKEP_TRY(rows.add_program_type({.name = "hook", ...}));
//
// An Image holds the rows that its program was loaded with (Image::host). Rows can be read by many
// threads; adding is for one thread before others see them, which is why Vm hands out copies.
// Tested by tests/helpers/host_rows_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"
#include "isa/run.h"

namespace skep {

inline constexpr u32 kFirstHostHelper = 1 << 16;  // ids below are the kernel's
inline constexpr u16 kFirstHostType = 0xff00;     // numbers of a host's program types
inline constexpr u32 kMaxHostTypes = 100;
inline constexpr u32 kMaxHostHelpers = 65536;
inline constexpr u32 kMaxHostContext = 4096;  // bytes of a context with fields
inline constexpr u32 kMaxHostNative = 1 << 20;

// What a call of a host's helper runs, on the arguments as they are in r1 to r5; the result goes to
// r0. The arguments are checked by the prototype: pointers can be read or written as it says. It
// may end the run by Run::set_fault, and call back by Run::invoke. It must not throw.
struct HostEntry {
  u64 (*call)(void* user, Run& run, const u64 (&args)[5]) = nullptr;
  void* user = nullptr;
};

struct HostHelper {
  std::string name;
  HelperProto proto;  // its name is the one above
  HostEntry entry;
};

// One field of a host's context: what programs see, and where it is in the host's own structure.
struct HostField {
  std::string name;
  u32 offset = 0;   // in the context, as programs see it
  u32 size = 0;     // bytes; an array has several elements
  u32 element = 0;  // bytes of an element: 1, 2, 4 or 8; 0: `size`
  FieldIs is = FieldIs::Scalar;
  Widths widths = Widths::Whole;
  bool readable = true;
  bool writable = false;
  u32 native = 0;       // Scalar: its offset in Frame::memory
  u32 native_size = 0;  // bytes of an element there: 1, 2, 4 or 8; 0: as programs see it
};

// A program type with its context. `Fields`: programs see the fields and nothing else, and
// Frame::memory is the host's structure behind them. `Flat`: programs see Frame::memory as it lies
// there. `None`: r1 is 0.
struct HostProgramType {
  std::string name;
  std::string c_name = {};  // of the context's structure, for people
  ContextKind context = ContextKind::None;
  u32 size = 0;           // of the context; Flat and 0: any, and r2 is how many bytes there are
  bool writable = false;  // Flat: programs may write it
  std::vector<HostField> fields = {};
  std::vector<std::string> sections = {};  // SEC() names, as in sections.def; none: "<name>+"
  ReturnRange returns = {};
  // Which of the helpers whose rows take hosts' types such programs may call; empty: all.
  std::vector<u32> helpers = {};
};

// Where a field's elements are in a native structure. Size 0: nowhere.
struct Native {
  u32 offset = 0;
  u8 size = 0;
};

// A HostProgramType as rows.
class HostType {
 public:
  const ProgramTypeRow& row() const { return row_; }
  const ContextRow& context() const { return context_; }
  bool writable() const { return writable_; }
  std::span<const FieldRow> fields() const { return fields_; }  // by offset
  std::span<const SectionRow> sections() const { return sections_; }
  Native native(const FieldRow& field) const { return natives_[&field - fields_.data()]; }
  u64 native_size() const { return native_size_; }  // bytes that Frame::memory must have
  bool has_packet() const { return has_packet_; }   // some field is of Frame::packet
  bool may_call(const HelperProto& helper) const;
  const FieldRow* find_field(std::string_view name) const;
  const FieldRow* find_access(u64 offset, u32 size, bool write) const;

 private:
  friend class HostRows;
  HostType() = default;
  Status take_fields();
  Status take_field(const HostField& field);

  HostProgramType given_;  // owns the names
  ProgramTypeRow row_{};
  ContextRow context_{};
  bool writable_ = false;
  bool has_packet_ = false;
  u64 native_size_ = 0;
  std::vector<FieldRow> fields_;
  std::vector<Native> natives_;  // of the fields, in their order
  std::vector<u16> field_at_;    // by byte of the context: index of its field, plus 1
  std::vector<SectionRow> sections_;
};

class HostRows {
 public:
  // Adds a helper. Fails with bad_host_row for an id or name that is taken or reserved, and for
  // kinds of arguments and results that can't be checked when a program runs.
  Status add_helper(const HelperProto& proto, HostEntry entry);
  // Adds a program type and gives its number. Fails with bad_host_row for names and sections that
  // are taken, and for fields that overlap or do not fit.
  Result<ProgramType> add_program_type(HostProgramType type);

  const HostHelper* find_helper(u32 id) const;
  const HostHelper* find_helper(std::string_view name) const;  // with or without bpf_
  const HostType* find_type(ProgramType type) const;
  const HostType* find_type(std::string_view name) const;
  std::span<const std::shared_ptr<const HostHelper>> helpers() const { return helpers_; }
  std::span<const std::shared_ptr<const HostType>> types() const { return types_; }

 private:
  std::vector<std::shared_ptr<const HostHelper>> helpers_;  // by id
  std::vector<std::shared_ptr<const HostType>> types_;      // by number
};

// The built-in rows and these, which may be null, as one table.
const HelperProto* find_helper(const HostRows* rows, u32 id, ProgramType type);
const HelperProto* find_helper(const HostRows* rows, std::string_view name);
const ProgramTypeRow* find_program_type(const HostRows* rows, ProgramType type);
const ProgramTypeRow* find_program_type(const HostRows* rows, std::string_view name);
std::span<const FieldRow> fields(const HostRows* rows, ProgramType type);
ContextKind context_kind(const HostRows* rows, ProgramType type);
const FieldRow* find_access(const HostRows* rows, ProgramType type, AttachType attach_type,
                            u64 offset, u32 size, bool write);
SectionName parse_section_name(const HostRows* rows, std::string_view section);
// Whether programs of this type and attach type may call the helper on this kernel.
bool may_call(const HostRows* rows, const HelperProto& helper, ProgramType type,
              AttachType attach_type, const KernelProfile& profile);

}  // namespace skep
