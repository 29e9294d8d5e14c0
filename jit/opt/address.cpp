// Addresses as the machines take them: base + (index << scale) + displacement, in the accesses
// themselves where every user of a sum is one, else as one operation. Late: other passes know sums,
// not these. Tested by tests/agree/passes.cpp and tests/filetests/ir/address.test.

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

bool fits(i64 value) {
  return value == static_cast<i32>(value);
}

class Addressing {
 public:
  explicit Addressing(Function& function) : function_(function) {}

  void run() {
    count_uses();
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        Inst& inst = function_.at(ref);
        if (takes_address(inst)) {
          while (take_up(inst)) {
          }
        }
      }
    }
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        join_shift(function_.at(ref));
      }
    }
  }

 private:
  static bool takes_address(const Inst& inst) {
    const Shape shape = inst.shape();
    return (shape == Shape::Load && inst.op != Op::LoadKernel) || shape == Shape::Store ||
           shape == Shape::Atomic || shape == Shape::Guard;
  }

  void count_uses() {
    uses_.assign(function_.insts.size(), 0);
    as_address_.assign(function_.insts.size(), 0);
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        const Inst& inst = function_.at(ref);
        for (const Ref use : function_.inputs(inst)) {
          if (use != kNone) ++uses_[use];
        }
        if (takes_address(inst) && inst.in[1] == kNone) ++as_address_[inst.in[0]];
      }
      for (const Edge& edge : function_.edges(block)) {
        for (const Ref use : function_.args(edge)) ++uses_[use];
      }
    }
  }

  // Whether the value is gone once each address takes it up.
  bool is_only_address(Ref ref) const { return uses_[ref] == as_address_[ref]; }

  // One step of an access's address: true if it took something up.
  bool take_up(Inst& inst) {
    if (inst.in[1] != kNone) return scale_index(inst);
    const Inst& base = function_.at(inst.in[0]);
    if (base.bits != 64 || base.op != Op::Add || !is_only_address(inst.in[0])) return false;
    if (base.in[1] == kNone) {
      const i64 disp = i64{inst.disp} + base.imm;
      if (!fits(disp) || inst.op == Op::Guard) return false;
      inst.disp = static_cast<i32>(disp);
      pass_on(inst.in[0], base.in[0]);
      inst.in[0] = base.in[0];
      return true;
    }
    // Constants of 64 bits are bases: they are in a register anyway.
    Ref first = base.in[0], second = base.in[1];
    if (is_shift(first) || function_.at(second).op == Op::FrameAddress) std::swap(first, second);
    inst.in[0] = first;
    inst.in[1] = second;
    return true;
  }

  // The base of a sum that is taken up is an address itself now.
  void pass_on(Ref sum, Ref base) {
    if (--uses_[sum] == 0) --uses_[base];
    --as_address_[sum];
    ++uses_[base];
    ++as_address_[base];
  }

  bool is_shift(Ref ref) const {
    const Inst& inst = function_.at(ref);
    return inst.op == Op::Lsh && inst.bits == 64 && inst.in[1] == kNone && inst.imm >= 0 &&
           inst.imm <= 3;
  }

  // At most two users: the shift is then not worth a register of its own.
  bool scale_index(Inst& inst) {
    if (inst.scale != 0 || !is_shift(inst.in[1]) || uses_[inst.in[1]] > 2) return false;
    const Inst& index = function_.at(inst.in[1]);
    inst.scale = static_cast<u8>(index.imm);
    inst.in[1] = index.in[0];
    return true;
  }

  // x + (y << n), for other uses than addresses.
  void join_shift(Inst& inst) {
    if (inst.op != Op::Add || inst.bits != 64 || inst.in[1] == kNone) return;
    Ref x = inst.in[0], y = inst.in[1];
    if (is_shift(x)) std::swap(x, y);
    if (!is_shift(y) || uses_[y] != 1) return;
    const Inst& shift = function_.at(y);
    inst.op = Op::Address;
    inst.in[0] = x;
    inst.in[1] = shift.in[0];
    inst.scale = static_cast<u8>(shift.imm);
    inst.imm = 0;
  }

  Function& function_;
  std::vector<u32> uses_;        // by Ref
  std::vector<u32> as_address_;  // of them, as the whole address of an access
};

}  // namespace

void address(Function& function) {
  Addressing(function).run();
}

}  // namespace skep::ir::opt
