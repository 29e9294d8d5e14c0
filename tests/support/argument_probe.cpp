// Programs of a few lines, as text: what is passed and what the other arguments need is prepared,
// the registers are filled, the helper is called, what it gave is given back.

#include "tests/support/argument_probe.h"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

#include "isa/asm.h"
#include "kernel/backend.h"
#include "kernel/kernel_types.h"
#include "kernel/map.h"
#include "kernel/probe.h"
#include "tests/support/btf_builder.h"
#include "tests/support/permission.h"

namespace skep::test {
namespace {

struct TypeToAsk {
  ProgramType type;
  AttachType attach_type = AttachType::none;
  i32 returns = 0;
  u32 flags = 0;
  const char* attach_to = nullptr;
  bool typedef_ = false;
};
constexpr u32 kSleepable = 1 << 4;

// Those that have most come first: a helper is asked for in the first type that may call it.
constexpr TypeToAsk kTypes[] = {
    {ProgramType::sched_cls},
    {ProgramType::xdp},
    {ProgramType::cgroup_skb},
    {ProgramType::lwt_xmit},
    {ProgramType::lwt_in},
    {ProgramType::lwt_seg6local},
    {ProgramType::sk_skb, AttachType::sk_skb_stream_verdict},
    {ProgramType::sk_msg},
    {ProgramType::sock_ops},
    {ProgramType::sk_lookup, AttachType::sk_lookup},
    {ProgramType::sk_reuseport, AttachType::sk_reuseport_select},
    {ProgramType::cgroup_sock_addr, AttachType::cgroup_inet4_connect},
    {ProgramType::cgroup_sockopt, AttachType::cgroup_setsockopt, 1},
    {ProgramType::cgroup_sysctl, AttachType::cgroup_sysctl},
    {ProgramType::kprobe},
    {ProgramType::perf_event},
    {ProgramType::syscall, AttachType::none, 0, kSleepable},
    {ProgramType::tracing, AttachType::trace_iter, 0, 0, "bpf_iter_tcp"},
};

// The maps that programs of ours may need, of every type, and the arrays for what is passed.
class Maps {
 public:
  Maps() {
    btf_ = load_btf_into_kernel(probe_btf());
    make_objects();
    for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id)
      add(*kind);
    MapSpec spec = least_map(MapType::array);
    spec.value_size = 64;
    values_ = make(spec);
    spec.flags = map_flags::kRdonlyProg;
    constants_ = make(spec);
    if (constants_ == nullptr) return;
    const u32 key = 0;
    const std::string text = std::string("%d\0", 3) + std::string(61, 0);
    constants_->write(reinterpret_cast<const u8*>(&key), reinterpret_cast<const u8*>(text.data()),
                      0);
    constants_->freeze();
  }

  int values() const { return values_->fd(); }
  int objects() const { return objects_ == nullptr ? -1 : objects_->fd(); }
  int constants() const { return constants_->fd(); }
  std::vector<int> that_may(MapOp op) const {
    std::vector<int> fds;
    if (op == kNoOps && objects_ != nullptr) fds.push_back(objects_->fd());
    for (const auto& [kind, map] : all_) {
      if (op == kNoOps || kind->may(op)) fds.push_back(map->fd());
    }
    return fds;
  }

 private:
  std::unique_ptr<KernelMap> make(const MapSpec& spec, int inner = -1) {
    auto map = KernelMap::create(spec, {.btf_fd = btf_.get(), .inner_fd = inner});
    return map ? std::move(*map) : nullptr;
  }
  void add(const MapKind& kind) {
    int inner = -1;
    if (holds_maps(kind.type)) {
      if (inner_ == nullptr) inner_ = make(least_map(MapType::array));
      inner = inner_ == nullptr ? -1 : inner_->fd();
    }
    if (auto map = make(least_map(kind.type), inner)) all_.emplace_back(&kind, std::move(map));
  }

  Fd btf_;
  // An array of values with a spin lock and a timer.
  void make_objects() {
    BtfBuilder types;
    const u32 word = types.integer("int", 4, BtfBuilder::kSigned);
    const u32 two = types.integer("long", 8);
    const u32 lock = types.structure("bpf_spin_lock", 4, {{"val", word, 0}});
    const u32 timer = types.structure("bpf_timer", 16, {{"first", two, 0}, {"second", two, 64}});
    MapSpec spec = least_map(MapType::array);
    spec.value_size = 24;
    spec.btf_key = word;
    spec.btf_value = types.structure("value", 24, {{"lock", lock, 0}, {"timer", timer, 64}});
    const Btf btf = types.build();
    object_btf_ = load_btf_into_kernel(&btf);
    auto map = KernelMap::create(spec, {.btf_fd = object_btf_.get()});
    if (map) objects_ = std::move(*map);
  }

  Fd object_btf_;
  std::unique_ptr<KernelMap> inner_, values_, constants_, objects_;
  std::vector<std::pair<const MapKind*, std::unique_ptr<KernelMap>>> all_;
};

// One question as text. r6 is the context, r7 what is passed, r8 what another argument needs.
class Question {
 public:
  Question(const HelperProto& helper, const TypeToAsk& as, const Maps& maps, int map)
      : helper_(helper), as_(as), maps_(maps), map_(map) {}

  // The program; "" if what is passed cannot be had. `place` 5: every argument is as it should be.
  std::string text(u32 place, char passed) {
    text_ = "r6 = r1\nr7 = 0\n";
    for (int at = 8; at <= 64; at += 8) line("*(u64 *)(r10 - {}) = 0", at);
    if (place < 5 && !prepare(passed)) return "";
    if (!prepare_others(place)) return "";
    for (u32 i = 0; i < helper_.arg_count(); ++i) {
      if (i == place) {
        if (passed != 'e') line("r{} = r7", i + 1);
      } else if (i == place + 1 && passed == '0' && is_size(helper_.args[i])) {
        line("r{} = 0", i + 1);  // null is memory of no size
      } else if (!good(helper_.args[i], i + 1)) {
        return "";
      }
    }
    if (helper_.name == "ringbuf_reserve_dynptr") line("r9 = r4");
    line("call {}", helper_.id);
    give_back();
    line("out: r0 = {}\nexit", as_.returns);
    line("callback: r0 = 0\nexit");
    return text_;
  }

 private:
  template <typename... Arguments>
  void line(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    text_ += fmt::format(form, std::forward<Arguments>(arguments)...) + "\n";
  }

  static bool is_size(const Arg& arg) {
    return arg.kind == ArgKind::Size || arg.kind == ArgKind::SizeOrZero;
  }

  bool has(const char* helper) const {
    return may_call(*find_helper(helper), as_.type, as_.attach_type, KernelProfile());
  }

  // r7 = a value of the map, or null
  void lookup() {
    line("r1 = map[fd:{}]\nr2 = r10\nr2 += -8\ncall map_lookup_elem\nr7 = r0", maps_.values());
  }

  bool prepare_packet() {
    const FieldRow* start = nullptr;
    const FieldRow* end = nullptr;
    for (const FieldRow& field : fields(find_program_type(as_.type)->context)) {
      if (!field.read.has(as_.type)) continue;
      if (field.is == FieldIs::PacketStart) start = &field;
      if (field.is == FieldIs::PacketEnd) end = &field;
    }
    if (start == nullptr || end == nullptr) return false;
    line("r7 = *(u{} *)(r6 + {})\nr2 = *(u{} *)(r6 + {})", start->size * 8, start->offset,
         end->size * 8, end->offset);
    line("r3 = r7\nr3 += 64\nif r3 > r2 goto out");
    return true;
  }

  // r7 = a full socket, of which no reference is held
  bool prepare_socket() {
    for (const FieldRow& field : fields(find_program_type(as_.type)->context)) {
      if (!field.read.has(as_.type)) continue;
      const bool common = field.is == FieldIs::SockCommonOrNull && has("sk_fullsock");
      if (!common && field.is != FieldIs::Socket && field.is != FieldIs::SocketOrNull) continue;
      line("r7 = *(u64 *)(r6 + {})", field.offset);
      if (field.is != FieldIs::Socket) line("if r7 == 0 goto out");
      if (common) line("r1 = r7\ncall sk_fullsock\nr7 = r0\nif r7 == 0 goto out");
      return true;
    }
    return false;
  }

  bool prepare(char passed) {
    switch (passed) {
      case 'e': line("call get_prandom_u32"); return true;  // which leaves r1 to r5 unreadable
      case '0': line("r7 = 0"); return true;
      case '8': line("r7 = 8"); return true;
      case 'n':  // read from a value, so that nothing is known of it
        lookup();
        line("if r7 == 0 goto out\nr7 = *(u64 *)(r7 + 0)");
        return true;
      case 's': line("r7 = r10\nr7 += -64"); return true;
      case 'u': line("r7 = r10\nr7 += -128"); return true;
      case 'v':
        lookup();
        line("if r7 == 0 goto out");
        return true;
      case 'o': lookup(); return true;
      case 'r': line("r7 = map[fd:{}][0] + 0", maps_.constants()); return true;
      case 'x': line("r7 = r6"); return true;
      case 'p': return prepare_packet();
      case 'f': line("r7 = func[callback]"); return true;
      case 'k': return prepare_socket();
      case 't':
        if (!has("get_current_task_btf")) return false;
        line("call get_current_task_btf\nr7 = r0");
        return true;
      case 'm': line("r7 = map[fd:{}]", maps_.values()); return true;
      default: return false;
    }
  }

  // Into r8: what an argument that is not asked about needs, where it is made by another helper.
  // r7 is kept.
  bool prepare_others(u32 place) {
    for (u32 i = 0; i < helper_.arg_count(); ++i) {
      if (i != place && !prepare_other(helper_.args[i])) return false;
    }
    return true;
  }

  bool prepare_other(const Arg& arg) {
    switch (arg.kind) {
      case ArgKind::SockCommon:
      case ArgKind::BtfSockCommon:
      case ArgKind::BtfSockCommonOrNull:
        line("r9 = r7");
        if (arg.releases) {
          if (!has("sk_lookup_tcp")) return false;
          line("r1 = r6\nr2 = r10\nr2 += -64\nr3 = 12\nr4 = -1\nr5 = 0\ncall sk_lookup_tcp");
          line("if r0 == 0 goto out\nr7 = r0");
        } else if (!prepare_socket()) {
          return false;
        }
        line("r8 = r7\nr7 = r9");
        return true;
      case ArgKind::Btf:
        if (arg.btf == "task_struct") {
          line("call get_current_task_btf\nr8 = r0");
          return true;
        }
        // What an iterator prints to.
        if (arg.btf != "seq_file" || as_.attach_type != AttachType::trace_iter) return false;
        line("r8 = *(u64 *)(r6 + 0)\nr8 = *(u64 *)(r8 + 0)");
        return true;
      case ArgKind::Record:
        line("r1 = map[fd:{}]\nr2 = 8\nr3 = 0\ncall ringbuf_reserve", maps_.that_may(kReserve)[0]);
        line("if r0 == 0 goto out\nr8 = r0");
        return true;
      case ArgKind::Dynptr: return prepare_dynptr(static_cast<DynptrKind>(arg.detail));
      case ArgKind::SpinLock:
      case ArgKind::Timer:
        line("r1 = map[fd:{}]\nr2 = r10\nr2 += -8\ncall map_lookup_elem", maps_.objects());
        line("if r0 == 0 goto out\nr8 = r0");
        if (arg.kind == ArgKind::Timer) line("r8 += 8");
        if (helper_.name == "spin_unlock") line("r1 = r8\ncall spin_lock");
        return true;
      case ArgKind::PerCpuBtf: line("r8 = ksym[runqueues]"); return true;
      default: return true;
    }
  }

  // On the stack, 80 bytes down: of a ring buffer's record, or of a map's value.
  bool prepare_dynptr(DynptrKind kind) {
    if (kind == DynptrKind::Ringbuf) {
      line("r1 = map[fd:{}]\nr2 = 8\nr3 = 0", maps_.that_may(kReserve)[0]);
      line("r4 = r10\nr4 += -80\ncall ringbuf_reserve_dynptr");
    } else {
      line("r9 = r7");
      lookup();
      line("if r7 == 0 goto out\nr1 = r7\nr2 = 64\nr3 = 0\nr4 = r10\nr4 += -80");
      line("call dynptr_from_mem\nr7 = r9");
    }
    line("r8 = r10\nr8 += -80");
    return true;
  }

  bool good(const Arg& arg, u32 reg) {
    switch (arg.kind) {
      case ArgKind::Anything:
      case ArgKind::BtfOrNull:
      case ArgKind::MapValueOrNull:
      case ArgKind::StackOrNull: line("r{} = 0", reg); return true;
      case ArgKind::Map: line("r{} = map[fd:{}]", reg, map_); return true;
      case ArgKind::MapKey:
      case ArgKind::MapValue:
      case ArgKind::UninitMapValue:
      case ArgKind::Mem:
      case ArgKind::MemOrNull:
      case ArgKind::WriteMem:
      case ArgKind::WriteMemOrNull:
      case ArgKind::UninitMem:
        if (helper_.name == "dynptr_from_mem") {  // takes values alone
          line("r{} = map[fd:{}][0] + 0", reg, maps_.values());
          return true;
        }
        [[fallthrough]];
      case ArgKind::FixedMem:
      case ArgKind::WriteFixedMem:
      case ArgKind::UninitFixedMem: line("r{} = r10\nr{} += -64", reg, reg); return true;
      case ArgKind::Size:
      case ArgKind::SizeOrZero:
      case ArgKind::RecordSize: line("r{} = 8", reg); return true;
      case ArgKind::Context:
      case ArgKind::ContextOrNull: line("r{} = r6", reg); return true;
      case ArgKind::Function: line("r{} = func[callback]", reg); return true;
      case ArgKind::ConstString:
        line("r{} = map[fd:{}][0] + 0", reg, maps_.constants());
        return true;
      case ArgKind::SockCommon:
      case ArgKind::BtfSockCommon:
      case ArgKind::BtfSockCommonOrNull:
      case ArgKind::Btf:
      case ArgKind::Record:
      case ArgKind::Dynptr:
      case ArgKind::SpinLock:
      case ArgKind::Timer:
      case ArgKind::PerCpuBtf: line("r{} = r8", reg); return true;
      case ArgKind::UninitDynptr: line("r{} = r10\nr{} += -96", reg, reg); return true;
      default: return false;  // slots of kernel pointers
    }
  }

  void give_back() {
    if (helper_.name == "spin_lock") {
      line("r1 = r8\ncall spin_unlock");
    } else if (helper_.name == "ringbuf_reserve_dynptr") {
      line("r1 = r9\nr2 = 0\ncall ringbuf_discard_dynptr");
    } else if (helper_.name == "ringbuf_reserve") {
      line("if r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall ringbuf_discard");
    } else if (helper_.has(helper_flags::Acquires)) {
      line("if r0 == 0 goto out\nr1 = r0\ncall sk_release");
    }
  }

  const HelperProto& helper_;
  const TypeToAsk& as_;
  const Maps& maps_;
  int map_;
  std::string text_;
};

class Asker {
 public:
  Asker() {
    if (auto kernel = read_kernel_btf()) kernel_ = std::move(*kernel);
    BtfBuilder types;  // functions need types for their address to be taken
    const u32 integer = types.integer("int", 4, BtfBuilder::kSigned);
    const u32 prototype = types.prototype(integer, {});
    function_ = types.raw("f", BtfKind::Func, 0, prototype);
    const Btf btf = types.build();
    btf_ = load_btf_into_kernel(&btf);
  }

  ArgumentAnswers ask(u32 id) {
    for (const TypeToAsk& as : kTypes) {
      const HelperProto& helper = *find_helper(id, as.type);
      if (!may_call(helper, as.type, as.attach_type, KernelProfile())) continue;
      for (const int map : maps_for(helper)) {
        Question question(helper, as, maps_, map);
        if (!loads(as, question.text(5, 0))) continue;
        ArgumentAnswers all{std::string(name(as.type)), result(question, as, helper), {}};
        for (u32 place = 0; place < helper.arg_count(); ++place)
          all.answers.push_back(answers(question, as, place));
        return all;
      }
    }
    return {};
  }

 private:
  std::string answers(Question& question, const TypeToAsk& as, u32 place) {
    std::string all;
    for (const char passed : kPassed) {
      const std::string text = question.text(place, passed);
      if (text.empty()) {
        all += '?';
        continue;
      }
      // Who may see all memory may read stack that was never written.
      const WithoutPermissionToLeak strict(passed == 'u');
      if (passed == 'u' && !loads(as, question.text(5, 0))) {
        all += '?';
      } else {
        all += loads(as, text) ? '+' : '-';
      }
    }
    return all;
  }

  // What the verifier takes r0 for after the call, as its log has it: "map_value_or_null".
  std::string result(Question& question, const TypeToAsk& as, const HelperProto& helper) {
    std::vector<char> log(1 << 16);
    if (!loads(as, question.text(5, 0), log)) return "";
    const std::string_view text(log.data());
    const auto call = text.rfind(fmt::format("call bpf_{}#{}", helper.name, helper.id));
    if (call == text.npos) return "";
    // The state after it follows, maybe behind remarks, and before the next instruction: "\n7:
    // (b7)".
    std::string_view after = text.substr(call);
    for (auto line = after.find('\n'); line != after.npos; line = after.find('\n', line + 1)) {
      const auto digits = after.find_first_not_of("0123456789", line + 1);
      if (digits == line + 1 || !after.substr(digits).starts_with(": (")) continue;
      after = after.substr(0, line);
      break;
    }
    const auto at = after.find("R0");
    const auto start = after.find('=', at);
    if (at == after.npos || start == after.npos) return "";
    return std::string(after.substr(start + 1, after.find_first_of("( \n", start) - start - 1));
  }

  std::vector<int> maps_for(const HelperProto& helper) const {
    for (const Arg& arg : helper.args) {
      if (arg.kind == ArgKind::Map) return maps_.that_may(static_cast<MapOp>(arg.detail));
    }
    return {-1};
  }

  bool loads(const TypeToAsk& as, const std::string& text, std::span<char> log = {}) {
    if (text.empty()) return false;
    AsmOptions options;
    options.helper = [](std::string_view called) -> std::optional<i32> {
      const HelperProto* helper = find_helper(called);
      return helper == nullptr ? std::nullopt : std::optional(static_cast<i32>(helper->id));
    };
    auto assembly = assemble(text, options);
    if (!assembly) throw std::runtime_error(text + assembly.error().text);
    std::vector<Insn>& insns = assembly->insns;
    for (Insn& insn : insns) {  // what ksym[] names
      constexpr u8 kLoad64 = 0x18, kBtfId = 3;
      if (insn.opcode == kLoad64 && insn.src() == kBtfId && kernel_ != nullptr)
        insn.imm = static_cast<i32>(kernel_->find(BtfKind::Var, assembly->externs[0]));
    }
    // The callback is a function only where its address is taken; else it cannot be reached.
    const bool with_callback = text.find("func[callback]") != text.npos;
    const u32 callback = static_cast<u32>(insns.size()) - 2;
    if (!with_callback) insns.resize(callback);
    const u32 functions[4] = {0, function_, callback, function_};
    ProgLoadAttr attr;
    attr.type = static_cast<u32>(as.type);
    attr.insn_count = static_cast<u32>(insns.size());
    attr.insns = address_of(insns.data());
    attr.license = address_of("GPL");
    attr.flags = as.flags;
    attr.expected_attach_type = static_cast<u32>(as.attach_type);
    if (as.attach_to != nullptr && kernel_ != nullptr)
      attr.attach_btf_id = kernel_->find(BtfKind::Func, as.attach_to);
    if (with_callback) {
      attr.btf_fd = static_cast<u32>(btf_.get());
      attr.func_info_size = 8;
      attr.func_info = address_of(functions);
      attr.func_info_count = 2;
    }
    if (!log.empty()) {
      attr.log_level = 2;
      attr.log = address_of(log.data());
      attr.log_size = static_cast<u32>(log.size());
    }
    return bool(Fd(bpf(BpfCommand::ProgLoad, attr)));
  }
  Maps maps_;
  std::shared_ptr<const Btf> kernel_;
  Fd btf_;
  u32 function_ = 0;
};

}  // namespace

std::map<u32, ArgumentAnswers> ask_arguments() {
  std::map<u32, ArgumentAnswers> all;
  Asker asker;
  for (const HelperProto& helper : helpers()) all[helper.id] = asker.ask(helper.id);
  return all;
}

}  // namespace skep::test
