// From functions to programs. A program is its entry function and, behind it, every function that
// it reaches by calls or by address, each appended when the walk first meets it and then walked
// at once (libbpf's order, so that instruction numbers agree with bpf(2)'s). The walk keeps its
// own stack: how deep functions refer to each other is the file's choice.
// Tested by tests/loader/loader_test.cpp.
#include "loader/build.h"

#include <algorithm>
#include <tuple>

#include "helpers/spec/host_rows.h"
#include "loader/limits.h"
#include "loader/references.h"
#include "loader/source_lines.h"

namespace skep {
namespace {

using namespace loader_limits;

constexpr u32 kTriedTogether = 64;  // small programs that one check_memory() is for
constexpr u8 kCall = 0x85;
constexpr u8 kPseudoCall = 1, kPseudoKfunc = 2;
constexpr u8 kPseudoMap = 1, kPseudoValue = 2, kPseudoBtfId = 3, kPseudoFunc = 4;

void set_src(Insn& insn, u8 src) {
  insn.regs = static_cast<u8>(insn.dst() | src << 4);
}

class Builder {
 public:
  Builder(const Linked& linked, const LoadOptions& options, Object& object)
      : linked_(linked), options_(options), object_(object) {
    starts_.resize(linked.units.size());
    for (u32 i = 0; i < starts_.size(); ++i) starts_[i].resize(linked.units[i].functions.size());
    find_members();
    find_callbacks();
  }

  // The program that begins with a function.
  Result<std::shared_ptr<const Image>> build(u32 unit, u32 function);
  bool exhausted() const { return total_ > kMaxInsns || names_ > kMaxNames; }

 private:
  struct Start {
    u32 program = 0;  // the number of the program that `slot` is about
    u32 slot = 0;
  };
  struct Cursor {
    u32 part;        // index in parts_
    u32 slot;        // in the function
    u32 relocation;  // in the section's list
  };

  const Unit& unit_of(const ProgramPart& part) const { return linked_.units[part.unit]; }
  const Function& function_of(const ProgramPart& part) const {
    return unit_of(part).functions[part.function];
  }
  Status count_name(std::string_view name);
  Status append(u32 unit, u32 function);
  Status walk();
  Status visit(Cursor& cursor, bool& entered);
  Status visit_call(const ProgramPart& part, u32 slot, bool& entered);
  Status apply(const Reference& reference, u32 slot, bool& entered);
  Status refer(u32 unit, u32 function, u32 slot, bool& entered);
  Status check_unrelocated(const ProgramPart& part, u32 slot, const Insn& insn) const;
  Result<u32> local_extern(u32 index);
  void find_callbacks();
  Status append_callback(u32 unit, u32 function);
  void find_members();
  void attach_to_member(Image& image) const;
  Image describe(const Unit& unit, const Function& function) const;

  const Linked& linked_;
  const LoadOptions& options_;
  Object& object_;
  std::vector<std::vector<Start>> starts_;  // by unit and function
  // Functions that ask for an exception callback: (FUNC in the linked types, its name), sorted.
  std::vector<std::pair<u32, std::string_view>> callbacks_;
  // Programs that members of struct_ops maps are set to: (program, map, slot), sorted.
  std::vector<std::tuple<std::string_view, u32, u32>> members_;
  u32 program_ = 0;
  u64 total_ = 0;
  u64 names_ = 0;  // characters of names of functions and externs
  u64 text_left_ = kMaxLineText;
  std::vector<Insn> insns_;
  std::vector<ProgramPart> parts_;
  std::vector<Cursor> stack_;
  std::vector<Extern> externs_;
  std::vector<std::pair<u32, u32>> extern_slots_;  // (Linked::externs, externs_), sorted
};

Status Builder::count_name(std::string_view name) {
  names_ += name.size();
  if (names_ <= kMaxNames) return {};
  return fail<Code::object_too_large>("the length of all names in programs", names_, kMaxNames);
}

Status Builder::append(u32 unit, u32 function) {
  const Function& from = linked_.units[unit].functions[function];
  if (insns_.size() + from.slots > kMaxProgram) {
    return fail<Code::program_too_large>(insns_.size() + from.slots, kMaxProgram);
  }
  total_ += from.slots;
  if (total_ > kMaxInsns) {
    return fail<Code::object_too_large>("the number of insns of all programs", total_, kMaxInsns);
  }
  TRY(count_name(from.name));
  const auto& code = linked_.units[unit].code[from.section];
  const auto& relocations = linked_.units[unit].relocations[from.section];
  const auto first = std::ranges::lower_bound(relocations, u64{from.first} * sizeof(Insn), {},
                                              &Relocation::offset);
  const u32 slot = static_cast<u32>(insns_.size());
  starts_[unit][function] = {program_, slot};
  stack_.push_back(
      {static_cast<u32>(parts_.size()), 0, static_cast<u32>(first - relocations.begin())});
  parts_.push_back({unit, function, slot});
  insns_.insert(insns_.end(), code.begin() + from.first, code.begin() + from.first + from.slots);
  return {};
}

Result<u32> Builder::local_extern(u32 index) {
  const auto known =
      std::ranges::lower_bound(extern_slots_, index, {}, &std::pair<u32, u32>::first);
  if (known != extern_slots_.end() && known->first == index) return known->second;
  if (externs_.size() == kMaxExterns) {
    return fail<Code::object_too_large>("the number of externs of a program", externs_.size() + 1,
                                        u64{kMaxExterns});
  }
  const ExternSymbol& symbol = linked_.externs[index];
  TRY(count_name(symbol.name));
  const u32 slot = static_cast<u32>(externs_.size());
  extern_slots_.emplace(known, index, slot);
  externs_.push_back({std::string(symbol.name), linked_.type_id(symbol.unit, symbol.type),
                      symbol.kind == ExternInfo::Kind::KernelFunction, symbol.weak});
  return slot;
}

// A call or function address at `slot` of the program: appends the function if it is new.
Status Builder::refer(u32 unit, u32 function, u32 slot, bool& entered) {
  Start& start = starts_[unit][function];
  if (start.program != program_) {
    TRY(append(unit, function));
    entered = true;
  }
  insns_[slot].imm = static_cast<i32>(start.slot) - static_cast<i32>(slot) - 1;
  return {};
}

Status Builder::apply(const Reference& reference, u32 slot, bool& entered) {
  Insn& insn = insns_[slot];
  switch (reference.kind) {
    case RelocationKind::Map:
      set_src(insn, kPseudoMap);
      insn.imm = static_cast<i32>(reference.map);
      insns_[slot + 1].imm = 0;
      return {};
    case RelocationKind::Data:
    case RelocationKind::Kconfig:
      set_src(insn, kPseudoValue);
      insn.imm = static_cast<i32>(reference.map);
      insns_[slot + 1].imm = static_cast<i32>(reference.offset);
      return {};
    case RelocationKind::Ksym:
      set_src(insn, kPseudoBtfId);
      insn.imm = static_cast<i32>(TRY(local_extern(reference.extern_index)));
      insns_[slot + 1].imm = 0;
      return {};
    case RelocationKind::Kfunc:
      set_src(insn, kPseudoKfunc);
      insn.off = 0;
      insn.imm = static_cast<i32>(TRY(local_extern(reference.extern_index)));
      return {};
    case RelocationKind::Call:
      set_src(insn, kPseudoCall);
      return refer(reference.unit, reference.function, slot, entered);
    case RelocationKind::Function:
      set_src(insn, kPseudoFunc);
      insns_[slot + 1].imm = 0;
      return refer(reference.unit, reference.function, slot, entered);
    case RelocationKind::Core:
    case RelocationKind::Skipped: break;
  }
  return {};
}

// Instructions that name something by a number of the kernel's would name something else here.
Status Builder::check_unrelocated(const ProgramPart& part, u32 slot, const Insn& insn) const {
  const bool kfunc = insn.opcode == kCall && insn.src() == kPseudoKfunc;
  const bool load = insn.opcode == kLddwOpcode && insn.src() != 0;
  if (!kfunc && !load) return {};
  const bool map = insn.src() == kPseudoMap || insn.src() == kPseudoValue;
  return fail<Code::bad_relocation>(
      unit_of(part).section_name(function_of(part).section),
      u64{function_of(part).first + slot} * sizeof(Insn), fmt::format("number {}", insn.imm),
      kfunc ? "the call names a kernel function by number, which only a running kernel knows"
      : map ? "the load names a map by number, which only who made the map knows: the object must "
              "declare it"
            : "the load names a variable by number, which only a running kernel knows");
}

// A local call without a relocation counts within its own section.
Status Builder::visit_call(const ProgramPart& part, u32 slot, bool& entered) {
  const Function& from = function_of(part);
  const u32 at = part.first + slot;
  const i64 target = i64{from.first} + slot + 1 + insns_[at].imm;
  const i64 callee = target < 0 || target > ~u32{0}
                         ? -1
                         : unit_of(part).function_at(from.section, static_cast<u32>(target));
  if (callee < 0) {
    const std::string_view section = unit_of(part).section_name(from.section);
    return fail<Code::bad_call_target>(section, u64{from.first + slot} * sizeof(Insn),
                                       target * i64{sizeof(Insn)}, section);
  }
  return refer(part.unit, static_cast<u32>(callee), at, entered);
}

// One instruction; `entered` tells that another function is to be walked first.
Status Builder::visit(Cursor& cursor, bool& entered) {
  const ProgramPart part = parts_[cursor.part];
  const Function& from = function_of(part);
  const u32 slot = cursor.slot;
  const Insn insn = insns_[part.first + slot];
  const bool wide = insn.opcode == kLddwOpcode;
  const auto& relocations = unit_of(part).relocations[from.section];
  const u64 offset = u64{from.first + slot} * sizeof(Insn);
  const u32 width = wide ? 2 : 1;
  cursor.slot += width;
  if (wide && slot + 1 >= from.slots) {
    return fail<Code::malformed_object>(unit_of(part).section_name(from.section), offset,
                                        "a function ends inside of a 16-byte instruction");
  }
  const bool here = cursor.relocation < relocations.size() &&
                    relocations[cursor.relocation].offset < offset + width * sizeof(Insn);
  if (!here) {
    const bool local = insn.opcode == kCall && insn.src() == kPseudoCall;
    const bool function = wide && insn.src() == kPseudoFunc;
    if (local || function) return visit_call(part, slot, entered);
    return check_unrelocated(part, slot, insn);
  }
  const Relocation& relocation = relocations[cursor.relocation++];
  if (relocation.offset != offset) {
    return fail<Code::bad_relocation>(unit_of(part).section_name(from.section), relocation.offset,
                                      unit_of(part).elf.symbols()[relocation.symbol].name,
                                      "it is not at the start of an instruction");
  }
  const auto found = find_reference(linked_, {part.unit, from.section, offset}, relocation, insn);
  if (!found) return std::unexpected(found.error());
  return apply(*found, part.first + slot, entered);
}

Status Builder::walk() {
  while (!stack_.empty()) {
    const std::size_t top = stack_.size() - 1;
    bool entered = false;
    while (!entered && stack_[top].slot < function_of(parts_[stack_[top].part]).slots) {
      Cursor cursor = stack_[top];
      TRY(visit(cursor, entered));
      stack_[top] = cursor;
    }
    if (!entered) stack_.pop_back();
  }
  return {};
}

// bpf_throw() ends in a function that nothing calls: a tag of the entry function's type names it.
void Builder::find_callbacks() {
  constexpr std::string_view kTag = "exception_callback:";
  const Btf* btf = linked_.btf.get();
  for (u32 id = 1; btf != nullptr && id < btf->types(); ++id) {
    if (btf->kind(id) != BtfKind::DeclTag || btf->component(id) != -1) continue;
    if (btf->name(id).starts_with(kTag)) {
      callbacks_.emplace_back(btf->type(id), btf->name(id).substr(kTag.size()));
    }
  }
  std::ranges::sort(callbacks_);
}

Status Builder::append_callback(u32 unit, u32 function) {
  const u32 type = btf_type_of(linked_, unit, linked_.units[unit].functions[function]);
  const auto found =
      std::ranges::lower_bound(callbacks_, type, {}, &std::pair<u32, std::string_view>::first);
  if (type == 0 || found == callbacks_.end() || found->first != type) return {};
  if (std::next(found) != callbacks_.end() && std::next(found)->first == type) {
    return fail<Code::bad_extern>(linked_.units[unit].functions[function].name,
                                  "it has two exception callbacks");
  }
  const Global* global = linked_.find_global(found->second);
  const Place place = global == nullptr ? Place{unit, 0, 0} : global->place;
  const i64 callback = linked_.units[place.unit].function_at(
      place.section, static_cast<u32>(place.offset / sizeof(Insn)));
  if (callback < 0) {
    return fail<Code::undefined_symbol>(found->second.substr(0, kMaxName),
                                        linked_.units[unit].name);
  }
  if (starts_[place.unit][static_cast<u32>(callback)].program == program_) return {};
  TRY(append(place.unit, static_cast<u32>(callback)));
  return walk();
}

void Builder::find_members() {
  const auto& maps = *object_.maps;
  for (u32 map = 0; map < maps.size(); ++map) {
    if (maps[map].type != MapType::struct_ops) continue;
    for (u32 slot = 0; slot < maps[map].slots.size(); ++slot) {
      members_.emplace_back(maps[map].slots[slot].program, map, slot);
    }
  }
  std::ranges::sort(members_);
}

// A program of SEC("struct_ops") attaches to the member that it is assigned to.
void Builder::attach_to_member(Image& image) const {
  const auto found =
      std::ranges::lower_bound(members_, std::tuple(std::string_view(image.name), u32{0}, u32{0}));
  if (found == members_.end() || std::get<0>(*found) != image.name) return;
  const MapSpec& map = (*object_.maps)[std::get<1>(*found)];
  const u32 type = linked_.btf->resolve(map.btf_value);
  image.attach_type = map.slots[std::get<2>(*found)].index;
  image.attach_to = fmt::format("{}.{}", linked_.btf->name(type),
                                linked_.btf->member(type, image.attach_type).name);
}

Image Builder::describe(const Unit& unit, const Function& function) const {
  Image image;
  const SectionName section =
      parse_section_name(options_.host.get(), unit.section_name(function.section));
  image.name = function.name;
  image.section = section.name;
  image.attach_to = section.target;
  image.autoload = section.autoload;
  if (section.row != nullptr) {
    image.type = section.row->type;
    image.attach_type = static_cast<u32>(section.row->attach_type);
    image.sleepable = (section.row->flags & section_flags::Sleepable) != 0;
    image.frags = (section.row->flags & section_flags::Frags) != 0;
  }
  image.license = object_.license;
  image.kernel_version = object_.kernel_version;
  image.maps = object_.maps;
  image.btf = linked_.btf;
  image.host = options_.host;
  if (image.type == ProgramType::struct_ops) attach_to_member(image);
  return image;
}

Result<std::shared_ptr<const Image>> Builder::build(u32 unit, u32 function) {
  ++program_;
  insns_.clear();
  parts_.clear();
  stack_.clear();
  externs_.clear();
  extern_slots_.clear();
  TRY(append(unit, function));
  TRY(walk());
  TRY(append_callback(unit, function));
  const u64 lines = lines_of(linked_, parts_);
  const u64 bytes = insns_.size() * kBytesPerInsn + lines * kBytesPerLine +
                    std::min(text_left_, 2 * lines * kMaxLine);
  if (bytes > kSlack / kTriedTogether) TRY(check_memory(bytes, "the program"));
  for (const ProgramPart& part : parts_) {
    if (const auto& error = unit_of(part).core_errors[part.function]; error) {
      return std::unexpected(*error);
    }
  }
  const Unit& from = linked_.units[unit];
  Image image = describe(from, from.functions[function]);
  image.externs = externs_;
  image.program = TRY(Program::make(insns_, subprograms_of(linked_, parts_),
                                    source_of(linked_, parts_, text_left_)));
  return std::make_shared<const Image>(std::move(image));
}

// Whether a function is a program by itself, rather than a part of others. Code in .text is, when
// it is all that there is (libbpf keeps this for very old objects), and for looking at libraries.
bool is_entry(const Linked& linked, u32 unit, const Function& function, bool text_too) {
  const Unit& from = linked.units[unit];
  if (function.local) return false;
  if (from.section_name(function.section) == ".text") return text_too;
  const Place place{unit, function.section, u64{function.first} * sizeof(Insn)};
  const Global* global = linked.find_global(function.name);
  return global == nullptr || global->place == place;
}

std::string names_of(const Linked& linked) {
  std::string names;
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    for (const Function& function : linked.units[unit].functions) {
      if (!is_entry(linked, unit, function, false)) continue;
      if (!names.empty()) names += ", ";
      names += function.name;
      if (names.size() > kMaxName) return names + ", ...";
    }
  }
  return names.empty() ? "none" : names;
}

}  // namespace

Status build_programs(const Linked& linked, const LoadOptions& options, Object& object) {
  u64 functions = 0;
  u64 entries = 0;
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    for (const Function& function : linked.units[unit].functions) {
      ++functions;
      entries += is_entry(linked, unit, function, false);
    }
  }
  const bool text_too = entries == 0 && (functions == 1 || options.inspect);
  Builder builder(linked, options, object);
  u32 met = 0;
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    const auto& all = linked.units[unit].functions;
    for (u32 i = 0; i < all.size(); ++i) {
      if (!is_entry(linked, unit, all[i], text_too)) continue;
      if (!options.program.empty() && all[i].name != options.program) continue;
      if (++met > kMaxPrograms) {
        return fail<Code::object_too_large>("the number of programs", met, kMaxPrograms);
      }
      if (met % kTriedTogether == 1) {
        TRY(check_memory(kTriedTogether * kBytesPerProgram, "the programs"));
      }
      auto image = builder.build(unit, i);
      if (image) {
        object.programs.push_back(*std::move(image));
        continue;
      }
      if (builder.exhausted()) return std::unexpected(std::move(image).error());
      object.failures.push_back({std::string(all[i].name),
                                 std::string(linked.units[unit].section_name(all[i].section)),
                                 std::move(image).error()});
    }
  }
  if (met != 0 || options.program.empty()) return {};
  return fail<Code::object_without_program>(options.program, names_of(linked));
}

}  // namespace skep
