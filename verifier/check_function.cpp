// Calls of the program's own functions: static ones are judged again at each call, global ones
// once, by what their BTF says of their arguments. Callbacks, and exits from all of these.

#include <algorithm>

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

// What a global function's argument has to be.
enum class Contract : u8 { Number, Context, Memory, Unknown };

struct ArgumentContract {
  Contract is = Contract::Unknown;
  u32 size = 0;  // Memory
  bool may_be_null = true;
};

constexpr u64 kCountedTurns = 64;  // of a bpf_loop

std::string_view tag_of(const Btf& btf, u32 function, i32 index) {
  for (u32 type = 1; type < btf.types(); ++type) {
    if (btf.kind(type) == BtfKind::DeclTag && btf.type(type) == function &&
        btf.component(type) == index) {
      return btf.name(type);
    }
  }
  return {};
}

bool is_context(const Btf& btf, u32 pointee, const ContextRow& context) {
  const u32 target = btf.resolve(pointee);
  std::string name = fmt::format("struct {}", btf.name(target));
  if (btf.name(target).empty()) return false;
  return name == context.c_name || (context.c_name.starts_with("struct pt_regs") &&
                                    (name == "struct pt_regs" || name == "struct user_pt_regs"));
}

ArgumentContract contract_of(const Btf& btf, u32 function, u32 index, const ContextRow& context) {
  const u32 prototype = btf.type(function);
  const u32 type = btf.resolve(btf.param(prototype, index).type);
  const std::string_view tag = tag_of(btf, function, static_cast<i32>(index));
  if (!tag.empty() && tag != "arg:nonnull" && tag != "arg:ctx") return {};
  if (btf.kind(type) == BtfKind::Int || btf.is_enum(type)) return {Contract::Number, 0, false};
  if (btf.kind(type) != BtfKind::Ptr) return {};
  const u32 target = btf.type(type);
  if (tag == "arg:ctx" || is_context(btf, target, context)) return {Contract::Context, 0, false};
  const auto size = btf.size_of(target);
  if (btf.name(btf.resolve(target)) == "bpf_dynptr") return {};
  if (!size || *size == 0) return {};
  return {Contract::Memory, *size, tag != "arg:nonnull"};
}

}  // namespace

u32 Judge::function_at(Pc first) const {
  const auto all = image_.program.subprograms();
  const auto found = std::ranges::lower_bound(all, first, {}, &Subprogram::first);
  return static_cast<u32>(found - all.begin());
}

Next Judge::call_local(State& state, const Decoded& insn, Step& step) {
  const u32 function = function_at(insn.target);
  const Subprogram& target = image_.program.subprograms()[function];
  if (target.global && target.btf_type != 0 && btf() != nullptr &&
      profile_.has(Feature::global_functions)) {
    return call_global(state, function) ? Next::Goes : Next::Refused;
  }
  const Frame caller = store_.top(state);
  if (!store_.push_frame(state, pc_, function)) {
    refuse<Code::too_deep>("functions call each other more than {} deep", kMaxFrames);
    return Next::Refused;
  }
  for (u32 reg = 0; reg <= 5; ++reg) store_.own_frame(state, state.depth - 1u).regs[reg] = Cell{};
  for (u32 reg = 1; reg <= 5; ++reg) set(state, reg, caller.regs[reg]);
  const Value frame{.type = Type::Stack, .object = state.depth, .number = Values::kZero};
  set(state, kFrameReg, Cell{.value = values_.put(frame)});
  step.pc = insn.target;
  return Next::Goes;
}

bool Judge::call_global(State& state, u32 function) {
  const Subprogram& target = image_.program.subprograms()[function];
  if (state.locked) {
    return refuse<Code::lock_rule>("global function {} is called while a lock is held",
                                   target.name);
  }
  const u32 prototype = btf()->type(target.btf_type);
  if (btf()->vlen(prototype) > 5) {
    return refuse<Code::global_contract>("global function {} has more than 5 arguments",
                                         target.name);
  }
  for (u32 i = 0; i < btf()->vlen(prototype); ++i) {
    if (!global_argument(state, function, i)) return false;
  }
  called_[function] = true;
  if (moves_packet_[function]) forget_packets(state);
  for (u32 reg = 1; reg <= 5; ++reg) set(state, reg, Cell{});
  set(state, 0, any_number());
  return true;
}

bool Judge::global_argument(State& state, u32 function, u32 index) {
  const Subprogram& target = image_.program.subprograms()[function];
  const ArgumentContract wanted = contract_of(*btf(), target.btf_type, index, row(type_->context));
  const u32 reg = index + 1;
  if (read(state, reg) == nullptr) return false;
  const Cell cell = store_.top(state).regs[reg];
  Value of = value(cell);
  const auto wrong = [&](std::string_view what) {
    return refuse<Code::global_contract>("argument {} of global function {} must be {}, and is {}",
                                         index + 1, target.name, what, text_of(cell));
  };
  switch (wanted.is) {
    case Contract::Unknown: break;
    case Contract::Number: return of.type == Type::Number || wrong("a number");
    case Contract::Context:
      return (of.type == Type::Context && of.offset == 0 && of.number == Values::kZero) ||
             wrong("the context");
    case Contract::Memory: {
      if (wanted.may_be_null && is_null(cell)) return true;
      if (of.may_be_null && !wanted.may_be_null) return wrong("not null");
      of.may_be_null = false;
      const Cell pointer{.value = values_.put(of), .reference = cell.reference};
      if (of.type == Type::Stack) {
        StackRange range;
        if (!stack_range(of, reg, 0, wanted.size, range)) return false;
        if (!stack_is_written(state, range) && !profile_.has(Feature::uninit_stack_reads)) {
          return refuse<Code::uninit_stack>(
              "global function {} is given {} bytes of stack, and not "
              "all were written",
              target.name, wanted.size);
        }
        write_bytes(state, range, false);
        return true;
      }
      if (of.type == Type::MapValue || of.type == Type::Memory) {
        return check_region(pointer, reg, 0, wanted.size, Touch::ReadWrite);
      }
      return wrong(fmt::format("memory of {} bytes", wanted.size));
    }
  }
  return refuse<Code::not_supported_yet>(
      "argument {} of global function {} has a type that is not "
      "supported yet",
      index + 1, target.name);
}

// The helper's rounds: either there is none (any more), and the program goes on after the call; or
// there is one, which ends at this very insn.
Next Judge::call_back(State& state, Pc pc, const Call& call, Step& step) {
  const HelperProto& proto = *call.proto;
  const bool loop = proto.name == "loop", each = proto.name == "for_each_map_elem";
  if (!loop && !each) {
    refuse<Code::not_supported_yet>("callbacks of bpf_{} are not supported yet", proto.name);
    return Next::Refused;
  }
  Frame& caller = store_.own_top(state);
  if (loop && value(caller.regs[1]).type != Type::Number) {
    refuse<Code::bad_argument>("r1 of bpf_loop must be a number, and is {}",
                               text_of(caller.regs[1]));
    return Next::Refused;
  }
  if (caller.calling == 0) caller.calling = state.next_instance++;
  // Few rounds are counted; of many it does not matter how many there are.
  const u64 limit = loop ? number(caller.regs[1]).umax() : ~u64{0};
  if (limit <= kCountedTurns && caller.turns >= limit) {
    caller.calling = caller.turns = 0;
    return Next::Goes;
  }
  if (limit <= kCountedTurns) ++caller.turns;
  State inside = store_.copy(state);
  Frame& after = store_.own_top(state);
  after.calling = after.turns = 0;
  const Cell context = store_.top(inside).regs[3];
  const Cell map = store_.top(inside).regs[1];
  if (!store_.push_frame(inside, pc, call.function)) {
    store_.release(inside);
    refuse<Code::too_deep>("functions and callbacks call each other more than {} deep", kMaxFrames);
    return Next::Refused;
  }
  store_.own_top(inside).callback = true;
  if (loop) {
    set(inside, 1, any_number());
    set(inside, 2, context);
  } else {
    const MapSpec& spec = *specs_[call.map];
    const Value key{
        .type = Type::Memory, .read_only = true, .object = spec.key_size, .number = Values::kZero};
    const bool locks = find_field(*specs_[call.map], FieldKind::SpinLock) != nullptr;
    const Value element{
        .type = Type::MapValue, .identified = locks, .object = call.map, .number = Values::kZero};
    set(inside, 1, map);
    set(inside, 2, Cell{.value = values_.put(key)});
    set(inside, 3, Cell{.value = values_.put(element), .id = inside.next_id++});
    set(inside, 4, context);
  }
  const Value frame{.type = Type::Stack, .object = inside.depth, .number = Values::kZero};
  set(inside, kFrameReg, Cell{.value = values_.put(frame)});
  step.other = inside;
  step.other_pc = image_.program.subprograms()[call.function].first;
  return Next::Parts;
}

Next Judge::exit(State& state, Step& step) {
  if (state.depth == 0) return main_exit(state) ? Next::Ends : Next::Refused;
  const Frame& leaving = store_.top(state);
  const Cell result = leaving.regs[0];
  const Pc call = leaving.call;
  if (value(result).type == Type::Stack && value(result).object == state.depth) {
    refuse<Code::bad_pointer_use>("a function returns a pointer to its own stack");
    return Next::Refused;
  }
  if (leaving.callback) {
    if (read(state, 0) == nullptr) return Next::Refused;
    const bool good = value(result).type == Type::Number && number(result).smin() >= 0 &&
                      number(result).smax() <= 1;
    if (!good) {
      refuse<Code::return_range>("a callback returns 0 or 1, and r0 is {}", text_of(result));
      return Next::Refused;
    }
    store_.pop_frame(state);
    step.pc = call;
    return Next::Goes;
  }
  store_.pop_frame(state);
  set(state, 0, result);
  step.pc = call + 1;
  return Next::Goes;
}

ReturnRange Judge::allowed_returns() const {
  const auto attach = static_cast<AttachType>(image_.attach_type);
  if (is_host_type()) return type_->returns;
  if (image_.type != ProgramType::lsm || attach != AttachType::lsm_mac) {
    return return_range(image_.type, attach);
  }
  // Linux 6.12 kernel/bpf/bpf_lsm.c, bpf_lsm_get_retval_range.
  for (const char* hook :
       {"xfrm_state_pol_flow_match", "audit_rule_known", "inode_xattr_skipcap"}) {
    if (image_.attach_to == hook) return {0, 1};
  }
  u32 skipped = 0;
  const u32 prototype = options_.kernel_types == nullptr ? 0 : attached_prototype(skipped);
  if (prototype != 0 && options_.kernel_types->type(prototype) == 0) return {};
  return {-4095, 0};
}

bool Judge::main_exit(const State& state) {
  if (!nothing_held(state, "the exit")) return false;
  const Cell* result = read(state, 0);
  if (result == nullptr) return false;
  if (global_ >= 0) {
    if (value(*result).type == Type::Number) return true;
    return refuse<Code::return_range>("a global function returns a number, and r0 is {}",
                                      text_of(*result));
  }
  const ReturnRange range = allowed_returns();
  if (range.any()) return true;
  const bool good = value(*result).type == Type::Number && number(*result).smin() >= range.min &&
                    number(*result).smax() <= range.max;
  if (good) return true;
  const bool by_hook = image_.type == ProgramType::lsm &&
                       static_cast<AttachType>(image_.attach_type) == AttachType::lsm_mac;
  if (by_hook && options_.kernel_types == nullptr) {
    return refuse<Code::needs_types>(
        "what '{}' may return depends on the kernel's types, which are not at hand",
        image_.attach_to);
  }
  return refuse<Code::return_range>(
      "{} programs attached like this one return {} to {}, and r0 is {}", type_->name, range.min,
      range.max, text_of(*result));
}

bool Judge::enter(State& state) {
  global_ = -1;
  state = {};
  if (!store_.push_frame(state, kNoCall, 0)) return false;
  const Value frame{.type = Type::Stack, .number = Values::kZero};
  set(state, kFrameReg, Cell{.value = values_.put(frame)});
  const Value context{.type = Type::Context, .number = Values::kZero};
  set(state, 1,
      Cell{.value = context_kind_ == ContextKind::None ? values_.put_constant(0)
                                                       : values_.put(context)});
  if (type_->context == Context::Memory) set(state, 2, any_number());
  if (type_->context == Context::Memory && options_.memory_bytes != 0) {
    const Value memory{.type = Type::Memory,
                       .object = static_cast<u32>(options_.memory_bytes),
                       .number = Values::kZero};
    set(state, 1, Cell{.value = values_.put(memory)});
    set(state, 2, Cell{.value = values_.put_constant(options_.memory_bytes)});
  }
  return true;
}

bool Judge::enter_global(State& state, u32 function) {
  const Subprogram& target = image_.program.subprograms()[function];
  global_ = static_cast<i32>(function);
  pc_ = target.first;
  state = {};
  if (!store_.push_frame(state, kNoCall, function)) return false;
  const Value frame{.type = Type::Stack, .number = Values::kZero};
  set(state, kFrameReg, Cell{.value = values_.put(frame)});
  const u32 prototype = btf()->type(target.btf_type);
  const u32 returned = btf()->resolve(btf()->type(prototype));
  if (btf()->kind(returned) != BtfKind::Int && !btf()->is_enum(returned)) {
    return refuse<Code::global_contract>("global function {} does not return a number",
                                         target.name);
  }
  for (u32 i = 0; i < btf()->vlen(prototype) && i < 5; ++i) {
    const ArgumentContract wanted = contract_of(*btf(), target.btf_type, i, row(type_->context));
    Value given{.number = Values::kZero};
    switch (wanted.is) {
      case Contract::Unknown:
        return refuse<Code::not_supported_yet>(
            "argument {} of global function {} has a type that is not supported yet", i + 1,
            target.name);
      case Contract::Number: set(state, i + 1, any_number()); continue;
      case Contract::Context: given.type = Type::Context; break;
      case Contract::Memory:
        given.type = Type::Memory;
        given.object = wanted.size;
        given.may_be_null = wanted.may_be_null;
        break;
    }
    set(state, i + 1,
        Cell{.value = values_.put(given), .id = given.may_be_null ? state.next_id++ : 0});
  }
  return true;
}

void Judge::find_packet_movers() {
  const auto all = image_.program.subprograms();
  for (bool changed = true; changed;) {
    changed = false;
    for (u32 i = 0; i < all.size(); ++i) {
      if (moves_packet_[i]) continue;
      for (Pc pc = all[i].first; pc < all[i].end; pc = pc + image_.program.at(pc).slots()) {
        const Decoded& insn = image_.program.at(pc);
        bool moves = false;
        if (insn.op == Op::CallHelper) {
          const auto* proto =
              find_helper(image_.host.get(), static_cast<u32>(insn.imm), image_.type);
          moves = proto != nullptr && proto->has(helper_flags::InvalidatesPacket);
        } else if (insn.op == Op::CallLocal || insn.op == Op::LoadFunc) {
          moves = moves_packet_[function_at(insn.target)];
        }
        if (!moves) continue;
        moves_packet_[i] = changed = true;
        break;
      }
    }
  }
}

}  // namespace skep::abstract
