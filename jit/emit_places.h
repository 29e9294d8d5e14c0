// Where values are while code is emitted: operands in registers, results to their places, moves
// that are made as if at once. Tested by tests/jit/emit_test.cpp.
#pragma once

#include "jit/emit.h"

namespace skep::jit {

// What an address or an argument is, before it is in a register.
struct Source {
  enum class Kind : u8 { Nothing, Place, Number, FrameEnd };
  Kind kind = Kind::Nothing;
  u32 place = 0;
  i64 number = 0;  // FrameEnd: beside r10
};

struct Move {
  Source from;
  u32 to = 0;  // a place
};

// The values of one function that is being emitted, by their places in an allocation.
template <class Machine>
class Places {
 public:
  Places(Machine& machine, const ir::Function& function, const Allocation& allocation)
      : m_(machine), function_(function), allocation_(allocation) {}

  Source source(ir::Ref ref) const {
    if (ref == ir::kNone) return {};
    const ir::Inst& inst = function_.at(ref);
    if (inst.op == Op::Const) return {Source::Kind::Number, 0, inst.imm};
    if (inst.op == Op::FrameAddress) return {Source::Kind::FrameEnd, 0, inst.disp};
    return {Source::Kind::Place, allocation_.place[ref], 0};
  }

  void put(const Source& from, MachineReg to) {
    switch (from.kind) {
      case Source::Kind::Nothing: break;
      case Source::Kind::Number: m_.constant(to, from.number); break;
      case Source::Kind::FrameEnd: m_.add(to, Machine::target().frame, from.number); break;
      case Source::Kind::Place:
        if (Allocation::is_slot(from.place)) {
          m_.load_slot(to, from.place - Allocation::kFirstSlot);
        } else if (from.place != to) {
          m_.move(to, static_cast<MachineReg>(from.place));
        }
    }
  }

  // A register that holds the value: its own, or the scratch register, into which it is loaded.
  MachineReg use(ir::Ref ref, int scratch) {
    const Source from = source(ref);
    if (from.kind == Source::Kind::Place && Allocation::is_reg(from.place)) {
      return static_cast<MachineReg>(from.place);
    }
    if (from.kind == Source::Kind::FrameEnd && from.number == 0) return Machine::target().frame;
    const MachineReg reg = Machine::target().scratch[scratch];
    put(from, reg);
    return reg;
  }

  // The register to make a result in, and the way from there to its place.
  MachineReg result(ir::Ref ref) const {
    const u32 place = allocation_.place[ref];
    return Allocation::is_reg(place) ? static_cast<MachineReg>(place)
                                     : Machine::target().scratch[0];
  }
  void keep(ir::Ref ref, MachineReg from) {
    const u32 place = allocation_.place[ref];
    if (place == Allocation::kNowhere) return;
    if (Allocation::is_slot(place)) {
      m_.store_slot(place - Allocation::kFirstSlot, from);
    } else if (place != from) {
      m_.move(static_cast<MachineReg>(place), from);
    }
  }

  void one_move(const Move& move) {
    if (Allocation::is_reg(move.to)) return put(move.from, static_cast<MachineReg>(move.to));
    const MachineReg through =
        move.from.kind == Source::Kind::Place && Allocation::is_reg(move.from.place)
            ? static_cast<MachineReg>(move.from.place)
            : Machine::target().scratch[0];
    put(move.from, through);
    m_.store_slot(move.to - Allocation::kFirstSlot, through);
  }

  // Makes all moves as if at once. Goes on with those whose target nobody reads any more; when none
  // is left, the rest are rings, of which one value steps aside into scratch 1.
  void make(std::vector<Move>& moves) {
    std::erase_if(moves, [](const Move& move) {
      return move.from.kind == Source::Kind::Place && move.from.place == move.to;
    });
    const auto is_read = [&](u32 place, const Move& but) {
      for (const Move& move : moves) {
        if (&move != &but && move.from.kind == Source::Kind::Place && move.from.place == place) {
          return true;
        }
      }
      return false;
    };
    while (!moves.empty()) {
      bool moved = false;
      for (std::size_t i = 0; i < moves.size();) {
        if (is_read(moves[i].to, moves[i])) {
          ++i;
          continue;
        }
        one_move(moves[i]);
        moves.erase(moves.begin() + static_cast<std::ptrdiff_t>(i));
        moved = true;
      }
      if (moved) continue;
      const u32 aside = Machine::target().scratch[1];
      const u32 place = moves.front().to;
      put({Source::Kind::Place, place, 0}, static_cast<MachineReg>(aside));
      for (Move& move : moves) {
        if (move.from.kind == Source::Kind::Place && move.from.place == place) {
          move.from.place = aside;
        }
      }
    }
  }

  // The operands of an address in registers; scratch 0 holds what is in no register of its own.
  Mem address(const ir::Inst& inst) {
    Mem mem{kNoReg, kNoReg, inst.scale, inst.disp};
    const Source base = source(inst.in[0]);
    if (base.kind == Source::Kind::FrameEnd && inst.in[1] == ir::kNone) {
      mem.base = Machine::target().frame;
      mem.disp += static_cast<i32>(base.number);
      return mem;
    }
    mem.base = use(inst.in[0], 0);
    if (inst.in[1] == ir::kNone) return mem;
    mem.index = use(inst.in[1], 1);
    const MachineReg scratch = Machine::target().scratch[0];
    if (mem.base == scratch || mem.index == Machine::target().scratch[1]) {
      m_.lea(scratch, mem);
      mem = {scratch, kNoReg, 0, 0};
    }
    return mem;
  }

 private:
  using Op = ir::Op;

  Machine& m_;
  const ir::Function& function_;
  const Allocation& allocation_;
};

}  // namespace skep::jit
