// Judge: one insn on one state. Whether all that the state may be is allowed to do it, and what is
// known afterwards, on each way that it may go. What order insns are judged in is not its matter
// (verifier/explore.h), nor which states are one.
//
// Its parts are a file a subject: transfer.cpp arithmetic and moves, branch.cpp comparisons,
// check_memory.cpp and check_stack.cpp accesses, check_context.cpp, check_call.cpp and
// check_arguments.cpp helpers, check_function.cpp local calls, callbacks and exits.
// Tested by tests/verifier/verify_test.cpp.
#pragma once

#include "helpers/spec/host_rows.h"
#include "isa/btf.h"
#include "verifier/state.h"
#include "verifier/verifier.h"

namespace skep::abstract {

// What an access does to memory.
enum class Touch : u8 { Read, Write, ReadWrite };

// Where judging one insn leads.
enum class Next : u8 {
  Goes,     // on to pc
  Parts,    // to pc and, with the other state, to other_pc
  Ends,     // the path is over
  Refused,  // see error()
};

struct Step {
  Pc pc;
  State other;
  Pc other_pc;
};

class Judge {
 public:
  Judge(const Image& image, const KernelProfile& profile, const VerifyOptions& options,
        MemoryMeter& meter);
  bool init();

  // To learn no more from comparisons than kernels do.
  void learn_as_kernel() { learns_as_kernel_ = true; }

  // The state in which the program, or a global function, starts.
  bool enter(State& state);
  bool enter_global(State& state, u32 function);

  // Judges the insn at `pc`; the state becomes what is known at step.pc.
  Next step(State& state, Pc pc, Step& step);

  const Error& error() const { return error_; }
  Values& values() { return values_; }
  Store& store() { return store_; }
  const Image& image() const { return image_; }
  const KernelProfile& profile() const { return profile_; }
  // Global functions that were called, by index.
  const std::vector<bool>& called() const { return called_; }
  u32 stack_of(u32 function) const { return stack_used_[function]; }
  // Whether the function, or one that it calls, may move the packet.
  bool moves_packet(u32 function) const { return moves_packet_[function]; }
  std::string map_name(u32 spec) const {
    return spec < specs_.size() ? specs_[spec]->name : std::string();
  }
  std::string text_of(const Cell& cell) const;

  template <Code code, class... Args>
  bool refuse(fmt::format_string<Args...> format, Args&&... args) {
    return refuse_with(
        make_error<code>(pc_.value, fmt::format(format, std::forward<Args>(args)...)));
  }
  bool refuse_with(Error error) {
    error.pc = pc_;
    error_ = std::move(error);
    return false;
  }

 private:
  // ---- transfer.cpp
  bool arithmetic(State& state, const Decoded& insn);
  bool number_arithmetic(State& state, const Decoded& insn, const Cell& operand);
  bool pointer_arithmetic(State& state, const Decoded& insn, const Cell& pointer,
                          const Cell& number, bool subtract);
  bool move(State& state, const Decoded& insn);
  bool load_constant(State& state, const Decoded& insn);
  bool add_to(const Cell& pointer, NumberId number, bool subtract, State& state, Cell& result);
  Next other(State& state, const Decoded& insn, Step& step);
  bool writable(u32 reg);
  const Cell* read(const State& state, u32 reg);
  void set(State& state, u32 reg, const Cell& cell) { store_.own_top(state).regs[reg] = cell; }
  void set_number(State& state, u32 reg, const Scalar& scalar) {
    set(state, reg, Cell{.value = values_.put_number(scalar)});
  }
  static Cell any_number() { return Cell{.value = Values::kAnyNumber}; }
  const Value& value(const Cell& cell) const { return values_[cell.value]; }
  const Scalar& number(const Cell& cell) const { return values_.number_of(cell.value); }
  bool is_null(const Cell& cell) const {
    return value(cell).type == Type::Number && value(cell).number == Values::kZero;
  }

  // ---- branch.cpp
  Next branch(State& state, const Decoded& insn, Step& step);
  Next compare_numbers(State& state, const Decoded& insn, const Cell& left, const Cell& right,
                       Step& step);
  bool compare_packets(State& state, const Decoded& insn, const Cell& left, const Cell& right,
                       Step& step);
  void learn_range(State& state, const Cell& pointer, bool one_more);
  void learn_number(State& state, u32 reg, const Scalar& scalar);
  void learn_null(State& state, u32 reg, bool null);
  void drop_reference(State& state, u32 reference);
  // Gives the register's value an identity if it needs one, so that a copy is related to it.
  Cell shared(State& state, u32 reg);
  void forget_packets(State& state);

  // ---- check_memory.cpp
  bool memory(State& state, const Decoded& insn);
  bool load(State& state, const Decoded& insn);
  bool store_reg(State& state, const Decoded& insn);
  bool atomic(State& state, const Decoded& insn);
  bool packet_load(State& state, const Decoded& insn);
  // Whether `size` bytes from pointer + offset may be touched; stack, context and kernel apart.
  bool check_region(const Cell& pointer, u32 reg, i64 offset, u64 size, Touch touch);
  bool check_map_value(const Value& value, u32 reg, i64 offset, u64 size, Touch touch);
  bool check_extent(const Value& value, u32 reg, i64 offset, u64 size, u64 end);
  bool aligned_packet(const Value& value, u32 reg, i64 offset, u64 size);
  bool check_alignment(const Value& value, u32 reg, i64 offset, u32 size);
  bool constant_content(const Value& value, i64 offset, u32 size, u64& content) const;
  bool may_write_value(const MapSpec& spec) const;
  bool may_write_packet() const;
  bool usable(const Cell& pointer, u32 reg, std::string_view use);
  bool same_kind(const Value& value);

  // ---- check_stack.cpp
  struct StackRange {
    u32 depth;
    u32 first, end;  // bytes, 0 is the lowest of the frame
    bool exact;
  };
  bool stack_range(const Value& value, u32 reg, i64 offset, u64 size, StackRange& range);
  bool stack_load(State& state, const Decoded& insn, const Value& value, u32 reg);
  bool stack_store(State& state, const Decoded& insn, const Value& value, u32 reg,
                   const Cell& stored);
  void write_bytes(State& state, const StackRange& range, bool zero);
  void spill(State& state, const StackRange& range, const Cell& cell);
  Cell fill(State& state, const StackRange& range, u32 size, bool is_signed, bool& partial_pointer);
  bool stack_is_written(const State& state, const StackRange& range) const;
  void note_stack(const State& state, u32 depth, u32 lowest);

  // ---- check_context.cpp
  bool context_load(State& state, const Decoded& insn, const Value& value, u32 reg);
  bool context_store(State& state, const Decoded& insn, const Value& value, u32 reg);
  bool flat_access(u64 offset, u32 size, bool write) const;
  bool plain_context(const Value& value, u32 reg);
  bool known_field(const FieldRow& field) const;
  bool is_host_type() const;
  bool socket_load(State& state, const Decoded& insn, const Cell& pointer, u32 reg);
  u32 kernel_struct(std::string_view name) const;

  // ---- check_kernel.cpp
  bool kernel_context_load(State& state, const Decoded& insn, const Value& value, u32 reg);
  bool kernel_load(State& state, const Decoded& insn, const Cell& pointer, u32 reg);
  u32 attached_prototype(u32& skipped) const;
  void give_kernel_pointer(State& state, u32 reg, u32 pointee, bool may_be_null);
  bool walk_kernel_type(u32& type, u64 offset, u32 size, bool& is_pointer, u32 depth) const;
  bool is_kernel_struct(u32 type, std::string_view name) const;

  // ---- check_call.cpp
  struct Call {
    const HelperProto* proto = nullptr;
    u32 map = kNoMap;  // spec of the Map argument
    u32 map_reg = 0;
    u64 record_size = 0;       // of the RecordSize argument
    u32 released = 0;          // reference that the helper takes away
    u32 function = 0;          // index of the callback's subprogram
    u32 socket_reference = 0;  // of the socket argument
    u64 size_max = ~u64{0};    // of the last size argument
  };
  static constexpr u32 kNoMap = ~0u;
  static constexpr u64 kMaxRecord = 1 << 28;
  bool map_value_result(const Call& call, Value& given);
  Next call(State& state, const Decoded& insn, Step& step);
  bool may_be_called(const HelperProto* proto, u32 id);
  bool check_rules(const State& state, const HelperProto& proto);
  bool give_result(State& state, const Call& call);
  bool lock_call(State& state, bool unlock);
  bool tail_call(State& state);
  bool release(State& state, u32 reference);
  u32 acquire(State& state);
  bool nothing_held(const State& state, std::string_view what);
  bool gpl_compatible() const;

  // ---- check_arguments.cpp
  bool argument(State& state, Call& call, u32 index);
  bool map_argument(const Cell& cell, Call& call, u32 reg, u32 op);
  bool memory_argument(State& state, Call& call, u32 reg, const Cell& cell, u64 size, Touch touch,
                       bool raw);
  bool sized_memory(State& state, Call& call, u32 reg, ArgKind kind, bool zero_allowed);
  bool string_argument(const Cell& cell, u32 reg);
  bool socket_argument(const Cell& cell, u32 reg, Call& call, const Arg& arg, bool btf);
  bool lock_argument(const Cell& cell, u32 reg);

  // ---- check_function.cpp
  Next call_local(State& state, const Decoded& insn, Step& step);
  bool call_global(State& state, u32 function);
  bool global_argument(State& state, u32 function, u32 index);
  Next call_back(State& state, Pc pc, const Call& call, Step& step);
  Next exit(State& state, Step& step);
  bool main_exit(const State& state);
  ReturnRange allowed_returns() const;
  u32 function_at(Pc first) const;
  const Btf* btf() const { return image_.btf.get(); }
  void find_packet_movers();

  u32 spec_index(const MapSpec& spec);

  const Image& image_;
  const KernelProfile& profile_;
  const VerifyOptions& options_;
  Values values_;
  Store store_;
  Pc pc_;
  Error error_;
  const ProgramTypeRow* type_ = nullptr;
  ContextKind context_kind_{};
  // Specs by the index that values have: the image's maps, then the shapes of inner maps.
  std::vector<const MapSpec*> specs_;
  std::vector<bool> called_;
  std::vector<u32> stack_used_;  // bytes, by function
  std::vector<bool> moves_packet_;
  std::vector<u8> accessed_;  // by pc: what kind of memory loads and stores are to; 0: not yet
  bool learns_as_kernel_ = false;
  i32 global_ = -1;  // the global function that is judged on its own, or -1
};

}  // namespace skep::abstract
