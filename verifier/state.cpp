// Sharing and copying of frames and chunks; which state covers which.

#include "verifier/state.h"

#include <algorithm>

namespace skep::abstract {

const Slot Store::kEmptySlot{};

State Store::copy(const State& state) {
  for (u32 depth = 0; depth <= state.depth; ++depth) frames_.hold(state.frames[depth]);
  return state;
}

void Store::release_frame(u32 index) {
  if (!frames_.drop(index)) return;
  for (const u32 chunk : frames_[index].chunks) chunks_.drop(chunk);
}

void Store::release(State& state) {
  for (u32 depth = 0; depth <= state.depth; ++depth) release_frame(state.frames[depth]);
  state = {};
}

bool Store::push_frame(State& state, Pc call, u32 function) {
  const bool first = call == kNoCall;
  if (!first && state.depth + 1u >= kMaxFrames) return false;
  const u32 index = frames_.take();
  if (index == 0) return false;
  if (!first) ++state.depth;
  state.frames[state.depth] = index;
  Frame& frame = frames_[index];
  frame.call = call;
  frame.function = function;
  frame.instance = state.next_instance++;
  return true;
}

void Store::pop_frame(State& state) {
  release_frame(state.frames[state.depth]);
  state.frames[state.depth] = 0;
  --state.depth;
}

Frame& Store::own_frame(State& state, u32 depth) {
  u32& index = state.frames[depth];
  if (!frames_.is_shared(index)) return frames_[index];
  const u32 fresh = frames_.take();
  if (fresh == 0) return frames_[0];
  frames_[fresh] = frames_[index];
  for (const u32 chunk : frames_[fresh].chunks) chunks_.hold(chunk);
  release_frame(index);
  index = fresh;
  return frames_[fresh];
}

Slot& Store::own_slot(State& state, u32 depth, u32 slot) {
  Frame& frame = own_frame(state, depth);
  u32& chunk = frame.chunks[slot / kChunkSlots];
  if (chunks_.is_shared(chunk)) {
    const u32 fresh = chunks_.take();
    if (fresh != 0) {
      if (chunk != 0) chunks_[fresh] = chunks_[chunk];
      chunks_.drop(chunk);
      chunk = fresh;
    } else {
      return chunks_[0].slots[0];
    }
  }
  return chunks_[chunk].slots[slot % kChunkSlots];
}

void Store::drop_chunk(State& state, u32 depth, u32 chunk) {
  if (frame(state, depth).chunks[chunk] == 0) return;
  u32& index = own_frame(state, depth).chunks[chunk];
  chunks_.drop(index);
  index = 0;
}

// ---- identities -------------------------------------------------------------------------------

Store::Renumbering::Entry* Store::Renumbering::find(u32 from) {
  for (u32 i = 0; i < count; ++i) {
    if (entries[i].from == from) return &entries[i];
  }
  if (count == kMax) return nullptr;
  entries[count] = {from, 0, 0};
  return &entries[count++];
}

void Store::canonicalise(State& state) {
  Renumbering& ids = renumbering_;
  ids.count = 0;
  const auto has_identity = [](const Cell& cell) { return cell.id != 0 || cell.reference != 0; };
  bool too_many = false;
  const auto each = [&](const State& of, auto&& visit) {
    for (u32 depth = 0; depth <= of.depth; ++depth) {
      const Frame& in = frame(of, depth);
      for (const Cell& cell : in.regs) {
        if (cell.value != Values::kNothing && has_identity(cell)) visit(cell);
      }
      for (const u32 chunk : in.chunks) {
        if (chunk == 0) continue;
        for (const Slot& slot : chunks_[chunk].slots) {
          if (slot.bytes[0] == Byte::Spill && has_identity(slot.cell)) visit(slot.cell);
        }
      }
    }
  };
  const auto note = [&](u32 id) {
    if (id == 0) return;
    if (auto* entry = ids.find(id)) {
      ++entry->uses;
    } else {
      too_many = true;
    }
  };
  for (u32 i = 0; i < state.reference_count; ++i) note(state.references[i].id);
  note(state.lock_id);
  each(state, [&](const Cell& cell) {
    note(cell.reference);
    note(cell.id);
    // What a single packet pointer has is still not the packet's start.
    if (values_[cell.value].keeps_identity()) note(cell.id);
  });
  if (too_many) return;
  // References and locks stay what they are, however many cells have them.
  const auto keep = [&](u32 id) {
    if (id != 0) ids.find(id)->uses = 2;
  };
  for (u32 i = 0; i < state.reference_count; ++i) keep(state.references[i].id);
  keep(state.lock_id);
  u32 next = 1;
  for (u32 i = 0; i < ids.count; ++i) {
    ids.entries[i].to = ids.entries[i].uses >= 2 ? next++ : 0;
  }
  const auto to = [&](u32 id) { return id == 0 ? 0 : ids.find(id)->to; };
  rewrite(
      state,
      [&](const Cell& cell) {
        return has_identity(cell) &&
               (to(cell.id) != cell.id || to(cell.reference) != cell.reference ||
                (to(cell.id) == 0 && cell.delta != 0));
      },
      [&](Cell& cell) {
        cell.id = to(cell.id);
        cell.reference = to(cell.reference);
        if (cell.id == 0) cell.delta = 0;
      });
  for (u32 i = 0; i < state.reference_count; ++i) {
    state.references[i].id = to(state.references[i].id);
  }
  state.lock_id = to(state.lock_id);
  state.next_id = next;
}

// ---- comparing ---------------------------------------------------------------------------------

bool Store::Matching::match(u32 before, u32 now, u64 difference) {
  for (u32 i = 0; i < count; ++i) {
    if (pairs[i].before == before) return pairs[i].now == now && pairs[i].difference == difference;
  }
  if (count == kMax) return false;
  pairs[count++] = {before, now, difference};
  return true;
}

bool Store::Matching::match_both(u32 before, u32 now) {
  if ((before == 0) != (now == 0)) return false;
  if (before == 0) return true;
  for (u32 i = 0; i < count; ++i) {
    if (pairs[i].now == now && pairs[i].before != before) return false;
  }
  return match(before, now, 0);
}

bool Store::covers_cell(const Cell& before, const Cell& now, Matching& matching) const {
  if (before.value == Values::kNothing) return true;
  if (before.value != now.value && !values_.covers(before.value, now.value)) return false;
  if (before.reference != 0 || now.reference != 0) {
    if (!matching.match_both(before.reference, now.reference)) return false;
  }
  const Value& value = values_[before.value];
  if (value.keeps_identity()) return matching.match_both(before.id, now.id);
  if (before.id == 0) return true;
  if (value.type != Type::Number) {
    // All of a group are null or none: those that are known not to be stand together.
    const bool resolved = value.may_be_null && !values_[now.value].may_be_null;
    if (resolved) return matching.match(before.id, kNotNull, 0);
    return now.id != 0 && matching.match(before.id, now.id, 0);
  }
  if (now.id != 0) {
    return matching.match(before.id, now.id,
                          static_cast<u64>(i64{now.delta}) - static_cast<u64>(i64{before.delta}));
  }
  // Constants are equal, or apart, whether or not they have an identity.
  const Scalar& number = values_.number_of(now.value);
  return number.is_constant() &&
         matching.match(before.id, kConstants, number.umin() - static_cast<u64>(i64{before.delta}));
}

bool Store::covers_slot(const Slot& before, const Slot& now, Matching& matching) const {
  for (u32 i = 0; i < 8; ++i) {
    const Byte old = before.bytes[i], fresh = now.bytes[i];
    if (old == Byte::Unwritten) continue;
    if (old == Byte::Misc) {
      // A number in any form; never a part of a pointer.
      if (fresh == Byte::Unwritten) return false;
      if (fresh == Byte::Spill && values_[now.cell.value].type != Type::Number) return false;
      continue;
    }
    if (old == Byte::Zero) {
      const bool zero =
          fresh == Byte::Zero || (fresh == Byte::Spill && now.cell.value != Values::kNothing &&
                                  values_[now.cell.value].type == Type::Number &&
                                  values_[now.cell.value].number == Values::kZero);
      if (!zero) return false;
      continue;
    }
    if (fresh != Byte::Spill) {
      // An old number that may be anything stands for any bytes that were written.
      if (before.cell.value != Values::kAnyNumber || before.cell.id != 0) return false;
      if (fresh == Byte::Unwritten || before.spilled() != 8) return false;
    }
  }
  if (before.bytes[0] != Byte::Spill || now.bytes[0] != Byte::Spill) return true;
  return before.spilled() == now.spilled() && covers_cell(before.cell, now.cell, matching);
}

bool Store::covers_frame(const Frame& before, const Frame& now, Matching& matching) const {
  for (u32 reg = 0; reg < kRegs; ++reg) {
    if (!covers_cell(before.regs[reg], now.regs[reg], matching)) return false;
  }
  for (u32 chunk = 0; chunk < before.chunks.size(); ++chunk) {
    const u32 old = before.chunks[chunk], fresh = now.chunks[chunk];
    if (old == 0) continue;  // nothing is known there
    for (u32 i = 0; i < kChunkSlots; ++i) {
      const Slot& slot = fresh == 0 ? kEmptySlot : chunks_[fresh].slots[i];
      if (!covers_slot(chunks_[old].slots[i], slot, matching)) return false;
    }
  }
  return true;
}

bool Store::covers(const State& before, const State& now) {
  if (before.depth != now.depth || before.reference_count != now.reference_count) return false;
  if (before.locked != now.locked || before.lock_object != now.lock_object) return false;
  Matching& matching = matching_;
  matching.count = 0;
  if (!matching.match_both(before.lock_id, now.lock_id)) return false;
  for (u32 i = 0; i < before.reference_count; ++i) {
    if (!matching.match_both(before.references[i].id, now.references[i].id)) return false;
  }
  for (u32 depth = 0; depth <= before.depth; ++depth) {
    const Frame& old = frame(before, depth);
    const Frame& fresh = frame(now, depth);
    if (old.call != fresh.call || old.callback != fresh.callback ||
        old.function != fresh.function || old.turns > fresh.turns) {
      return false;
    }
    if (!covers_frame(old, fresh, matching)) return false;
  }
  return true;
}

bool Store::equal(const State& a, const State& b) const {
  if (a.depth != b.depth || a.reference_count != b.reference_count || a.locked != b.locked ||
      a.lock_id != b.lock_id || a.lock_object != b.lock_object) {
    return false;
  }
  for (u32 depth = 0; depth <= a.depth; ++depth) {
    if (a.frames[depth] == b.frames[depth]) continue;
    const Frame& x = frame(a, depth);
    const Frame& y = frame(b, depth);
    if (x.regs != y.regs || x.call != y.call || x.callback != y.callback || x.turns != y.turns) {
      return false;
    }
    for (u32 slot = 0; slot < kSlots; ++slot) {
      if (x.chunks[slot / kChunkSlots] == y.chunks[slot / kChunkSlots]) continue;
      if (!(slot_of(x, slot) == slot_of(y, slot))) return false;
    }
  }
  return true;
}

u64 Store::shape(const State& state) const {
  u64 hash = state.depth | u64{state.reference_count} << 8 | u64{state.locked} << 16;
  const auto mix = [&hash](u64 word) { hash = (hash ^ word) * 0x9e3779b97f4a7c15 ^ hash >> 29; };
  for (u32 depth = 0; depth <= state.depth; ++depth) {
    const Frame& in = frame(state, depth);
    mix(u64{in.call.value} << 1 | in.callback);
  }
  return hash;
}

}  // namespace skep::abstract
