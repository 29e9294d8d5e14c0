// Calls of helpers that a few insts do as well: lookups in arrays, by where their values lie
// (MapLayout), and what the run knows itself. What could fault in the helper faults the same here:
// the key is loaded by a checked access at the call's pc.
// Tested by tests/agree/passes.cpp and tests/filetests/ir/calls.test.

#include <array>
#include <cstddef>

#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr u8 kKeyRegister = 2;  // r2: where its region is remembered

class Inliner {
 public:
  Inliner(Function& function, const World& world, Mode mode)
      : function_(function), to_(function), world_(world), mode_(mode) {}

  void run() {
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        if (function_.at(ref).op == Op::CallHelper) inline_helper(ref);
      }
    }
  }

 private:
  struct Row {
    i64 helper;
    void (Inliner::*inline_it)(Ref call);
  };
  static const std::array<Row, 2> kRows;

  void inline_helper(Ref call) {
    for (const Row& row : kRows) {
      if (row.helper != function_.at(call).imm) continue;
      to_.use_before(call);
      to_.set_pc(function_.at(call).pc);
      (this->*row.inline_it)(call);
    }
  }

  // Puts `inst` in place of the call, whose users it has then.
  void replace(Ref call, Inst inst) {
    Inst& old = function_.at(call);
    inst.pc = old.pc;
    inst.block = old.block;
    inst.prev = old.prev;
    inst.next = old.next;
    old = inst;
  }

  void array_lookup(Ref call) {
    const Ref handle = function_.inputs(call)[0];
    const Ref key = function_.inputs(call)[1];
    const u64 map = static_cast<u64>(function_.at(handle).imm) - kMapBase;
    if (function_.at(handle).op != Op::Const || map >= world_.maps.size()) return;
    const MapSpec& spec = *world_.maps[map].spec;
    const MapLayout& layout = world_.maps[map].layout;
    if (spec.type != MapType::array || layout.base == nullptr || layout.cpu_stride != 0) return;
    const bool bounded = function_.at(call).has(kProvedBound);

    Inst load{.op = Op::Load, .size = 4, .hint = kKeyRegister};
    if (mode_ == Mode::Checked) load.flags = kChecked;
    load.in[0] = key;
    const Ref index = to_.add(load);
    const Ref offset = to_.binary_imm(Op::Mul, 64, index, static_cast<i64>(layout.stride));
    const Ref base = to_.constant(static_cast<i64>(reinterpret_cast<u64>(layout.base)));
    Inst value{.op = Op::Add, .in = {base, offset, kNone, kNone}};
    if (bounded) return replace(call, value);
    const Ref found = to_.add(value);
    const Ref entries = to_.constant(layout.entries);
    const Ref none = to_.constant(0);
    replace(call, {.op = Op::Select, .row = skep::Op::Jlt, .in = {index, entries, found, none}});
  }

  void processor_id(Ref call) {
    Inst field{.op = Op::RunField, .size = sizeof(Run::cpu)};
    field.disp = offsetof(Run, cpu);
    replace(call, field);
  }

  Function& function_;
  Builder to_;
  const World& world_;
  Mode mode_;
};

const std::array<Inliner::Row, 2> Inliner::kRows = {{
    {1, &Inliner::array_lookup},  // bpf_map_lookup_elem, enum bpf_func_id
    {8, &Inliner::processor_id},  // bpf_get_smp_processor_id
}};

}  // namespace

void calls(Module& module, const World& world) {
  for (Function& function : module.functions) Inliner(function, world, module.mode).run();
}

}  // namespace skep::ir::opt
