// Loads, stores and atomics: which memory they reach, and whether all of it may be touched.

#include <bit>
#include <cstring>

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

constexpr i64 kFarOffset = i64{1} << 29;

bool writes(Touch touch) {
  return touch != Touch::Read;
}
bool reads(Touch touch) {
  return touch != Touch::Write;
}

}  // namespace

bool Judge::memory(State& state, const Decoded& insn) {
  switch (insn.op) {
    case Op::Load:
    case Op::LoadSigned:
    case Op::LoadAcquire: return load(state, insn);
    case Op::Store:
    case Op::StoreImm:
    case Op::StoreRelease: return store_reg(state, insn);
    case Op::LoadAbs:
    case Op::LoadInd: return packet_load(state, insn);
    default: return atomic(state, insn);
  }
}

bool Judge::usable(const Cell& pointer, u32 reg, std::string_view use) {
  const Value& of = value(pointer);
  if (of.type == Type::Number) {
    return refuse<Code::not_a_pointer>("r{} is {}, not a pointer to {}", reg, text_of(pointer),
                                       use);
  }
  if (!of.may_be_null) return true;
  return refuse<Code::null_access>("r{} is {}: compare it with 0 before it is used to {}", reg,
                                   text_of(pointer), use);
}

// Accesses that are rewritten for what they are to can't be to anything else on another path.
bool Judge::same_kind(const Value& of) {
  const auto special = [](Type type) {
    return type == Type::Context || type == Type::Socket || type == Type::Kernel;
  };
  const auto rewritten = [](const Value& value) {
    return static_cast<u8>(static_cast<u8>(value.type) * 4 +
                           (value.type == Type::Socket ? value.object : 0));
  };
  u8& known = accessed_[pc_.value];
  const u8 now = rewritten(of);
  if (known == 0 || known == now) {
    known = now;
    return true;
  }
  if (!special(static_cast<Type>(known / 4)) && !special(of.type)) return true;
  return refuse<Code::bad_pointer_use>("this insn accesses {} on one path, and {} on another",
                                       name(static_cast<Type>(known / 4)), name(of.type));
}

bool Judge::load(State& state, const Decoded& insn) {
  if (!writable(insn.dst)) return false;
  if (read(state, insn.src) == nullptr) return false;
  const Cell pointer = store_.top(state).regs[insn.src];
  const Value of = value(pointer);
  if (!usable(pointer, insn.src, "read through") || !same_kind(of)) return false;
  const bool is_signed = insn.op == Op::LoadSigned;
  const bool ordered = insn.op == Op::LoadAcquire;
  switch (of.type) {
    case Type::Stack: return stack_load(state, insn, of, insn.src);
    case Type::Context:
      if (ordered) break;
      return context_load(state, insn, of, insn.src);
    case Type::Socket:
      if (ordered) break;
      return socket_load(state, insn, pointer, insn.src);
    case Type::Kernel:
      if (ordered) break;
      return kernel_load(state, insn, pointer, insn.src);
    case Type::FlowKeys:
    case Type::MapValue:
    case Type::Packet:
    case Type::PacketMeta:
    case Type::Memory: {
      if (!check_region(pointer, insn.src, insn.off, insn.size, Touch::Read)) return false;
      if (ordered && (of.is_packet() || of.type == Type::FlowKeys)) break;
      if (ordered && !check_alignment(of, insn.src, insn.off, insn.size)) return false;
      u64 content = 0;
      if (constant_content(of, insn.off, insn.size, content)) {
        const Scalar known = Scalar::constant(content);
        set_number(state, insn.dst, is_signed ? sign_extend(known, insn.size) : known);
        return true;
      }
      set_number(state, insn.dst,
                 is_signed ? Scalar::loaded_signed(insn.size) : Scalar::loaded(insn.size));
      return true;
    }
    default: break;
  }
  return refuse<Code::bad_pointer_use>("r{} is {}, which can't be read{}", insn.src,
                                       text_of(pointer), ordered ? " by a load_acquire" : "");
}

bool Judge::store_reg(State& state, const Decoded& insn) {
  if (read(state, insn.dst) == nullptr) return false;
  Cell stored;
  if (insn.op == Op::StoreImm) {
    stored.value = values_.put_constant(static_cast<u64>(insn.imm));
  } else {
    if (read(state, insn.src) == nullptr) return false;
    stored = store_.top(state).regs[insn.src];
    const bool whole = insn.size == 8 || (value(stored).type == Type::Number &&
                                          number(stored).umax() >> (insn.size * 8) == 0);
    if (whole) stored = shared(state, insn.src);
  }
  const Cell pointer = store_.top(state).regs[insn.dst];
  const Value of = value(pointer);
  if (!usable(pointer, insn.dst, "write through") || !same_kind(of)) return false;
  const bool ordered = insn.op == Op::StoreRelease;
  switch (of.type) {
    case Type::Stack: return stack_store(state, insn, of, insn.dst, stored);
    case Type::Context:
      if (ordered) break;
      return context_store(state, insn, of, insn.dst);
    case Type::FlowKeys:
    case Type::Packet:
    case Type::PacketMeta:
      if (ordered) break;
      return check_region(pointer, insn.dst, insn.off, insn.size, Touch::Write);
    case Type::MapValue:
    case Type::Memory:
      return check_region(pointer, insn.dst, insn.off, insn.size, Touch::Write) &&
             (!ordered || check_alignment(of, insn.dst, insn.off, insn.size));
    default: break;
  }
  return refuse<Code::bad_pointer_use>("r{} is {}, which can't be written", insn.dst,
                                       text_of(pointer));
}

bool Judge::atomic(State& state, const Decoded& insn) {
  const bool exchange = insn.op == Op::CmpXchg;
  if (read(state, insn.dst) == nullptr || read(state, insn.src) == nullptr) return false;
  if (exchange && read(state, 0) == nullptr) return false;
  const Cell pointer = store_.top(state).regs[insn.dst];
  const Value of = value(pointer);
  if (!usable(pointer, insn.dst, "change memory")) return false;
  const bool fetches = insn.op == Op::Xchg || (insn.op >= Op::FetchAdd && insn.op <= Op::FetchXor);
  if (fetches && !writable(insn.src)) return false;
  if (!check_alignment(of, insn.dst, insn.off, insn.size)) return false;
  Cell before{.value = values_.put_number(Scalar::loaded(insn.size))};
  if (of.type == Type::Stack) {
    StackRange range;
    if (!stack_range(of, insn.dst, insn.off, insn.size, range)) return false;
    if (!range.exact) {
      return refuse<Code::not_supported_yet>(
          "an atomic operation at a variable stack offset is "
          "not supported yet");
    }
    bool pointer_part = false;
    before = fill(state, range, insn.size, false, pointer_part);
    if (pointer_part) {
      return refuse<Code::bad_pointer_use>(
          "an atomic operation on a part of a pointer that was spilled");
    }
    if (!stack_is_written(state, range) && !profile_.has(Feature::uninit_stack_reads)) {
      return refuse<Code::uninit_stack>("stack bytes are read that were never written");
    }
    write_bytes(state, range, false);
  } else if (of.type == Type::MapValue || of.type == Type::Memory) {
    if (!check_region(pointer, insn.dst, insn.off, insn.size, Touch::ReadWrite)) return false;
  } else {
    return refuse<Code::bad_pointer_use>("r{} is {}, where no atomic operation is allowed",
                                         insn.dst, text_of(pointer));
  }
  if (fetches) set(state, insn.src, before);
  if (exchange) set(state, 0, before);
  return true;
}

// BPF_ABS and BPF_IND: r6 is the context; a miss ends the program with r0 = 0.
bool Judge::packet_load(State& state, const Decoded& insn) {
  const bool type_has = image_.type == ProgramType::socket_filter ||
                        image_.type == ProgramType::sched_cls ||
                        image_.type == ProgramType::sched_act;
  if (!type_has) {
    return refuse<Code::call_forbidden>("{} programs have no BPF_ABS and BPF_IND loads",
                                        type_->name);
  }
  if (state.depth != 0 || global_ >= 0) {
    return refuse<Code::not_supported_yet>(
        "BPF_ABS and BPF_IND in a function are not supported "
        "yet");
  }
  if (!nothing_held(state, "a BPF_ABS or BPF_IND load, which may end the program,")) return false;
  const Cell* context = read(state, 6);
  if (context == nullptr) return false;
  const Value& of = value(*context);
  if (of.type != Type::Context || of.offset != 0 || of.number != Values::kZero) {
    return refuse<Code::bad_argument>("r6 must be the context, and is {}", text_of(*context));
  }
  if (insn.op == Op::LoadInd) {
    const Cell* index = read(state, insn.src);
    if (index == nullptr) return false;
    if (value(*index).type != Type::Number) {
      return refuse<Code::bad_argument>("r{} must be a number, and is {}", insn.src,
                                        text_of(*index));
    }
  }
  for (u32 reg = 1; reg <= 5; ++reg) set(state, reg, Cell{});
  set_number(state, 0, Scalar::loaded(insn.size));
  return true;
}

bool Judge::check_extent(const Value& of, u32 reg, i64 offset, u64 size, u64 end) {
  const Scalar& variable = values_.number(of.number);
  const i64 smin = variable.smin(), smax = variable.smax();
  const bool bounded =
      smin > -kFarOffset && smax < kFarOffset && size <= static_cast<u64>(kFarOffset);
  const i64 low = bounded ? of.offset + offset + smin : 0;
  const i64 high = bounded ? of.offset + offset + smax + static_cast<i64>(size) : 0;
  if (bounded && low >= 0 && high <= static_cast<i64>(end)) return true;
  const std::string what = text_of(Cell{.value = values_.put(of)});
  if (!bounded) return refuse<Code::memory_bounds>("r{} is {}: the offset has no bound", reg, what);
  return low < 0 ? refuse<Code::memory_bounds>(
                       "r{} is {}: an access of {} bytes may begin at {}, before the start", reg,
                       what, size, low)
                 : refuse<Code::memory_bounds>(
                       "r{} is {}: an access of {} bytes may end at {}, and there are {}", reg,
                       what, size, high, end);
}

bool Judge::check_region(const Cell& pointer, u32 reg, i64 offset, u64 size, Touch touch) {
  const Value of = value(pointer);
  switch (of.type) {
    case Type::MapValue: return check_map_value(of, reg, offset, size, touch);
    case Type::FlowKeys: return check_extent(of, reg, offset, size, 56);
    case Type::Memory:
      if (of.read_only && writes(touch)) {
        return refuse<Code::read_only>("r{} is {}, which is read only", reg, text_of(pointer));
      }
      return check_extent(of, reg, offset, size, of.object) &&
             (!options_.strict_alignment || !std::has_single_bit(size) || size > 8 ||
              check_alignment(of, reg, offset, static_cast<u32>(size)));
    case Type::Packet:
    case Type::PacketMeta: {
      if (writes(touch) && !may_write_packet()) {
        return refuse<Code::read_only>("{} programs may not write the packet", type_->name);
      }
      const i64 low = of.offset + offset;
      const i64 smin = values_.number(of.number).smin();
      if (smin < 0) {
        return refuse<Code::packet_bounds>(
            "r{} is {}: the offset may be {}, before the packet's start", reg, text_of(pointer),
            smin);
      }
      if (low >= 0 && static_cast<u64>(low) + size <= of.range)
        return aligned_packet(of, reg, low, size);
      return refuse<Code::packet_bounds>(
          "r{} is {}: {} bytes at offset {} need {}, and {} are known to be there: compare with "
          "{} first",
          reg, text_of(pointer), size, low, low + static_cast<i64>(size), of.range,
          of.type == Type::Packet ? "data_end" : "data");
    }
    default: break;
  }
  return refuse<Code::bad_pointer_use>("r{} is {}, which is no memory to {}", reg, text_of(pointer),
                                       writes(touch) ? "write" : "read");
}

bool Judge::check_map_value(const Value& of, u32 reg, i64 offset, u64 size, Touch touch) {
  const MapSpec& spec = *specs_[of.object];
  if (writes(touch) && !may_write_value(spec)) {
    return refuse<Code::read_only>("map '{}' is read only to programs", spec.name);
  }
  if (reads(touch) && (spec.flags & map_flags::kWronlyProg) != 0) {
    return refuse<Code::read_only>("map '{}' is write only to programs", spec.name);
  }
  if (!check_extent(of, reg, offset, size, spec.value_size)) {
    error_.code = Code::map_bounds;
    return false;
  }
  const bool word = std::has_single_bit(size) && size <= 8;
  if (options_.strict_alignment && word &&
      !check_alignment(of, reg, offset, static_cast<u32>(size))) {
    return false;
  }
  const Scalar& variable = values_.number(of.number);
  const i64 low = of.offset + offset + variable.smin();
  const i64 high = of.offset + offset + variable.smax() + static_cast<i64>(size);
  for (const ValueField& field : spec.fields) {
    if (low >= i64{field.offset} + field.size || high <= i64{field.offset}) continue;
    if (field.kind == FieldKind::Pointer) {
      return refuse<Code::not_supported_yet>("kernel pointers in map values are not supported yet");
    }
    return refuse<Code::map_rule>(
        "bytes {} to {} of map '{}' belong to the system: they hold a "
        "lock, a timer or the like",
        field.offset, field.offset + field.size, spec.name);
  }
  return true;
}

bool Judge::may_write_value(const MapSpec& spec) const {
  const bool device = spec.type == MapType::devmap || spec.type == MapType::devmap_hash;
  return !device && (spec.flags & map_flags::kRdonlyProg) == 0;
}

// Linux 6.12 kernel/bpf/verifier.c, may_access_direct_pkt_data.
bool Judge::may_write_packet() const {
  switch (image_.type) {
    case ProgramType::lwt_in:
    case ProgramType::lwt_out:
    case ProgramType::lwt_seg6local:
    case ProgramType::sk_reuseport:
    case ProgramType::flow_dissector:
    case ProgramType::cgroup_skb:
    case ProgramType::sock_ops: return false;
    default: return true;
  }
}

// Where machines want alignment, packets begin 2 bytes after a multiple of 4 (NET_IP_ALIGN).
bool Judge::aligned_packet(const Value& of, u32 reg, i64 offset, u64 size) {
  if (!options_.strict_alignment || !std::has_single_bit(size) || size > 8) return true;
  return check_alignment(of, reg, offset - of.offset + 2, static_cast<u32>(size));
}

bool Judge::check_alignment(const Value& of, u32 reg, i64 offset, u32 size) {
  const Scalar& variable = values_.number(of.number);
  const u64 fixed = static_cast<u64>(of.offset + offset);
  const u64 mask = size - 1;
  const bool aligned =
      (variable.unknown_bits() & mask) == 0 && ((variable.known_ones() + fixed) & mask) == 0;
  if (aligned) return true;
  return refuse<Code::misaligned>("r{} is {}: {} bytes at offset {} are not aligned", reg,
                                  text_of(Cell{.value = values_.put(of)}), size,
                                  of.offset + offset);
}

// What a frozen map holds at a constant place.
bool Judge::constant_content(const Value& of, i64 offset, u32 size, u64& content) const {
  if (of.type != Type::MapValue || of.number != Values::kZero) return false;
  const MapSpec& spec = *specs_[of.object];
  if (!spec.frozen || (spec.flags & map_flags::kRdonlyProg) == 0) return false;
  if (spec.type != MapType::array || spec.max_entries != 1) return false;
  const i64 at = of.offset + offset;
  content = 0;
  if (at < 0 || static_cast<u64>(at) + size > spec.initial.size()) return false;
  std::memcpy(&content, spec.initial.data() + at, size);
  return true;
}

}  // namespace skep::abstract
