// Lowering: instructions to steps. Names become addresses, jumps distances, marked context
// accesses their own kinds. Tested by tests/vm/rows_test.cpp and filetests.

#include "vm/code.h"

#include <algorithm>
#include <new>

#include "helpers/bodies/bind.h"
#include "helpers/contexts/access.h"
#include "helpers/maps/map.h"
#include "isa/cfg.h"
#include "vm/engine.h"
#include "vm/handlers.h"

namespace skep {
namespace {

// The register that a memory access goes through.
u8 base_of(const Decoded& insn) {
  const bool load = insn.op == Op::Load || insn.op == Op::LoadSigned || insn.op == Op::LoadAcquire;
  return load ? insn.src : insn.dst;
}

bool is_access(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Memory: return insn.op != Op::LoadAbs && insn.op != Op::LoadInd;
    case OpKind::Atomic:
    case OpKind::Ordered: return true;
    default: return false;
  }
}

// Step::size of accesses that are not one of many forms.
u8 size_and_sign(const Decoded& insn) {
  return static_cast<u8>(insn.size | (insn.op == Op::LoadSigned ? 0x80 : 0));
}

// How a function uses its frame.
struct FrameUse {
  u8 slots = 0;        // of 8 bytes, from r10 down, that its accesses through r10 name
  bool leaks = false;  // r10 goes elsewhere, so pointers to any byte may come of it
};

FrameUse frame_use(const Program& program, const Subprogram& function) {
  FrameUse use;
  for (Pc pc = function.first; pc < function.end; pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    if (insn.dst != kFrameReg && insn.src != kFrameReg) continue;
    const bool stores_it = insn.dst == kFrameReg && insn.src == kFrameReg;
    if (is_access(insn) && !stores_it && on_own_frame(base_of(insn), insn)) {
      use.slots = std::max(use.slots, static_cast<u8>((7 - insn.off) / 8));
    } else {
      use.leaks = true;
    }
  }
  return use;
}

class Lowering {
 public:
  Lowering(const Image& image, std::span<Map* const> maps, LowerOptions options)
      : image_(image), program_(image.program), maps_(maps), options_(options) {}

  Result<StepCode> run() {
    const u32 slots = program_.size();
    costs_ = block_costs(program_);
    contexts_ = TRY(mark_context(image_));
    const std::size_t most = std::size_t{slots} * (options_.trace ? 3 : 2);
    code_.steps.reset(new (std::nothrow) Step[most]);
    code_.step_of.reset(new (std::nothrow) u32[slots]);
    if (code_.steps == nullptr || code_.step_of == nullptr) {
      return fail<Code::no_memory>("the decoded program");
    }
    bool falls_in = false;
    for (Pc pc; pc.value < slots; pc = pc + program_.at(pc).slots()) {
      const Decoded& insn = program_.at(pc);
      const u32 cost = costs_[pc.value];
      if (cost != 0 && falls_in) add(control_handler(Control::Charge), pc).cost = cost;
      code_.step_of[pc.value] = code_.count;
      if (insn.slots() == 2) code_.step_of[pc.value + 1] = StepCode::kNoStep;
      if (options_.trace) add(control_handler(Control::Trace), pc);
      if (auto ok = lower(insn, pc); !ok) return std::unexpected(std::move(ok).error());
      code_.steps[code_.step_of[pc.value]].cost = cost;
      falls_in = insn.falls_through() && !insn.is_jump();
    }
    link_jumps();
    set_frames();
    return std::move(code_);
  }

 private:
  Step& add(Handler handler, Pc pc) {
    Step& step = code_.steps[code_.count++];
    step = {.handler = handler, .pc = pc.value};
    return step;
  }

  Step& add(Handler handler, Pc pc, const Decoded& insn) {
    Step& step = add(handler, pc);
    step.dst = insn.dst;
    step.src = insn.src;
    step.off = insn.off;
    step.imm = insn.imm;
    return step;
  }

  Step& step_at(Pc pc) { return code_.steps[code_.step_of[pc.value]]; }

  Status lower(const Decoded& insn, Pc pc) {
    if (writes_frame_pointer(insn)) {
      add(control_handler(Control::ReadOnly), pc);
      return {};
    }
    switch (kind(insn.op)) {
      case OpKind::Alu:
      case OpKind::Unary:
      case OpKind::MovSx:
      case OpKind::Swap: add(arithmetic_handler(insn), pc, insn); return {};
      case OpKind::Jump: add(jump_handler(insn), pc, insn); return {};
      case OpKind::Atomic:
      case OpKind::Ordered:
      case OpKind::Memory: return lower_memory(insn, pc);
      case OpKind::Lddw: return lower_lddw(insn, pc);
      case OpKind::Other: return lower_other(insn, pc);
    }
    return {};
  }

  Status lower_memory(const Decoded& insn, Pc pc) {
    if (insn.op == Op::LoadAbs || insn.op == Op::LoadInd) {
      const Control which = insn.op == Op::LoadAbs ? Control::LoadAbs : Control::LoadInd;
      add(control_handler(which), pc, insn).size = insn.size;
      return {};
    }
    const ContextUse use = contexts_[pc.value];
    const bool plain = kind(insn.op) == OpKind::Memory;
    const bool load = insn.op == Op::Load || insn.op == Op::LoadSigned;
    if (plain && use.kind == ContextUse::Kind::Certain) return lower_context(insn, pc, use);
    if (load && use.kernel) {
      add(control_handler(Control::LoadKernel), pc, insn).size = size_and_sign(insn);
      return {};
    }
    if (use.kind != ContextUse::Kind::No && !options_.checked) {
      return fail_at<Code::may_be_context>(pc, base_of(insn));
    }
    // Checked, such an access is judged like any other, and no region of the program is there.
    if (use.kernel && !options_.checked) {
      return fail_at<Code::not_runnable>(pc, "a change of the kernel's structures");
    }
    const bool checked = options_.checked && !on_own_frame(base_of(insn), insn);
    add(memory_handler(insn, checked), pc, insn).size = use.kind == ContextUse::Kind::Maybe;
    return {};
  }

  Status lower_context(const Decoded& insn, Pc pc, const ContextUse& use) {
    const bool load = insn.op == Op::Load || insn.op == Op::LoadSigned;
    const Control which = load                      ? Control::LoadContext
                          : insn.op == Op::StoreImm ? Control::StoreContextImm
                                                    : Control::StoreContext;
    Step& step = add(control_handler(which), pc, insn);
    step.off = use.offset;
    step.size = size_and_sign(insn);
    return {};
  }

  Status lower_lddw(const Decoded& insn, Pc pc) {
    i64 value = insn.imm;
    switch (insn.op) {
      case Op::LoadMap:
      case Op::LoadMapIdx:
        if (insn.map_index() >= maps_.size()) return no_map(pc, insn);
        value = static_cast<i64>(kMapBase + insn.map_index());
        break;
      case Op::LoadValue:
      case Op::LoadValueIdx: {
        if (insn.map_index() >= maps_.size()) return no_map(pc, insn);
        const MapLayout layout = maps_[insn.map_index()]->layout();
        if (layout.base == nullptr || layout.cpu_stride != 0 ||
            insn.value_offset() >= layout.stride) {
          return fail_at<Code::not_runnable>(
              pc, fmt::format("the address of offset {} in the first value of map '{}'",
                              insn.value_offset(), maps_[insn.map_index()]->spec().name));
        }
        value = static_cast<i64>(reinterpret_cast<u64>(layout.base) + insn.value_offset());
        break;
      }
      case Op::LoadBtfId:
        value =
            static_cast<i64>(kKernelBase + (static_cast<u64>(static_cast<u32>(insn.imm)) << 16));
        break;
      case Op::LoadFunc: value = static_cast<i64>(kFunctionBase + insn.target.value); break;
      default: break;
    }
    Step& step = add(arithmetic_handler(insn), pc);
    step.dst = insn.dst;
    step.imm = value;
    return {};
  }

  Status no_map(Pc pc, const Decoded& insn) {
    return fail_at<Code::not_runnable>(
        pc, fmt::format("map number {} of {}", insn.map_index(), maps_.size()));
  }

  Status lower_other(const Decoded& insn, Pc pc) {
    Control which{};
    switch (insn.op) {
      case Op::Ja:
      case Op::JaLong: which = Control::Jump; break;
      case Op::Gotox: which = Control::Gotox; break;
      case Op::CallHelper: return lower_helper(insn, pc);
      case Op::CallLocal: which = Control::CallLocal; break;
      case Op::CallKfunc: which = Control::BadHelper; break;
      case Op::Callx: which = Control::Callx; break;
      case Op::Exit: which = Control::Exit; break;
      case Op::MayGoto: which = Control::MayGoto; break;
      default: return fail_at<Code::not_runnable>(pc, "an address space cast without an arena");
    }
    add(control_handler(which), pc, insn);
    return {};
  }

  Status lower_helper(const Decoded& insn, Pc pc) {
    const HelperUse use = find_helper_use(image_, static_cast<u32>(insn.imm));
    const Control which = use.forbidden                 ? Control::ForbiddenHelper
                          : insn.imm == kTailCallHelper ? Control::TailCall
                          : use.host != nullptr         ? Control::CallHost
                          : use.entry != nullptr        ? Control::CallHelper
                                                        : Control::BadHelper;
    Step& step = add(control_handler(which), pc);
    step.imm = insn.imm;
    if (which == Control::CallHost) step.imm = static_cast<i64>(reinterpret_cast<u64>(use.host));
    if (which == Control::CallHelper) step.imm = static_cast<i64>(reinterpret_cast<u64>(use.entry));
    return {};
  }

  // What open_frame() clears: of checked programs what is named, since other accesses are looked up
  // and clear the rest then (Run::unclear); of others all, unless no pointer to any frame exists.
  void set_frames() {
    bool leaks = false;
    for (const Subprogram& function : program_.subprograms()) {
      const FrameUse use = frame_use(program_, function);
      step_at(function.first).frame = use.slots;
      leaks |= use.leaks;
    }
    if (options_.checked || !leaks) return;
    for (const Subprogram& function : program_.subprograms()) {
      step_at(function.first).frame = kStackSize / 8;
    }
  }

  void link_jumps() {
    const Handler charge = control_handler(Control::Charge);
    const Handler trace = control_handler(Control::Trace);
    for (u32 i = 0; i < code_.count; ++i) {
      Step& step = code_.steps[i];
      if (step.handler == charge || step.handler == trace) continue;
      const Decoded& insn = program_.at({step.pc});
      if (insn.is_jump() || insn.op == Op::CallLocal) {
        const i64 distance = static_cast<i64>(code_.step_of[insn.target.value]) - i;
        step.off = static_cast<i32>(distance * static_cast<i64>(sizeof(Step)));
      }
    }
  }

  const Image& image_;
  const Program& program_;
  std::span<Map* const> maps_;
  LowerOptions options_;
  std::vector<u32> costs_;
  std::unique_ptr<ContextUse[]> contexts_;  // by pc
  StepCode code_;
};

}  // namespace

Result<StepCode> lower(const Image& image, std::span<Map* const> maps, LowerOptions options) {
  return Lowering(image, maps, options).run();
}

}  // namespace skep
