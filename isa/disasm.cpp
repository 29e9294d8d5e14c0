// One function a family of rows; symbols and mnemonics come from the rows themselves.

#include "isa/disasm.h"

#include <algorithm>
#include <unordered_map>

#include "isa/asm_cursor.h"

namespace skep {
namespace {

bool is_plain_name(std::string_view name) {
  if (name.empty() || !is_asm_name_start(name[0])) return false;
  if (AsmCursor(name, {}, 0).accept_reg()) return false;
  return std::ranges::all_of(name, is_asm_name_char);
}

template <class Key>
std::string plain_name(const std::function<std::string(Key)>& names, Key key) {
  std::string name = names ? names(key) : std::string();
  return is_plain_name(name) ? name : std::string();
}

char reg_letter(const Decoded& insn) {
  return insn.bits == 32 ? 'w' : 'r';
}

std::string operand(const Decoded& insn) {
  if (insn.immediate) return fmt::format("{}", insn.imm);
  return fmt::format("{}{}", reg_letter(insn), insn.src);
}

std::string address(u8 reg, i16 off) {
  return fmt::format("(r{} {} {})", reg, off < 0 ? '-' : '+', off < 0 ? -off : off);
}

std::string target(const Decoded& insn, Pc pc, const DisasmOptions& options) {
  const auto distance = static_cast<i32>(insn.target.value - pc.value - 1);
  if (!options.targets) return fmt::format("{:+}", distance);
  return fmt::format("{:+} <{}>", distance, static_cast<i32>(insn.target.value));
}

std::string memory(const Decoded& insn) {
  const int bits = insn.size * 8;
  switch (insn.op) {
    case Op::Load:
      return fmt::format("r{} = *(u{} *){}", insn.dst, bits, address(insn.src, insn.off));
    case Op::LoadSigned:
      return fmt::format("r{} = *(s{} *){}", insn.dst, bits, address(insn.src, insn.off));
    case Op::StoreImm:
      return fmt::format("*(u{} *){} = {}", bits, address(insn.dst, insn.off), insn.imm);
    case Op::Store:
      return fmt::format("*(u{} *){} = r{}", bits, address(insn.dst, insn.off), insn.src);
    case Op::LoadAbs: return fmt::format("r0 = *(u{} *)skb[{}]", bits, insn.imm);
    default: break;  // LoadInd
  }
  const bool negative = insn.imm < 0;
  return fmt::format("r0 = *(u{} *)skb[r{} {} {}]", bits, insn.src, negative ? '-' : '+',
                     negative ? -insn.imm : insn.imm);
}

std::string atomic(const Decoded& insn) {
  const int bits = insn.size * 8;
  const std::string_view text = row(insn.op).text;
  const std::string place = address(insn.dst, insn.off);
  if (text.ends_with('='))
    return fmt::format("lock *(u{} *){} {} r{}", bits, place, text, insn.src);
  const std::string_view name = text.starts_with("atomic_") ? text.substr(7) : text;
  const bool compares = insn.op == Op::CmpXchg;
  return fmt::format("r{} = atomic{}_{}((u{} *){}, {}r{})", compares ? 0 : insn.src,
                     insn.size == 8 ? "64" : "", name, bits, place, compares ? "r0, " : "",
                     insn.src);
}

std::string ordered(const Decoded& insn) {
  const int bits = insn.size * 8;
  if (insn.op == Op::LoadAcquire) {
    return fmt::format("r{} = load_acquire((u{} *){})", insn.dst, bits,
                       address(insn.src, insn.off));
  }
  return fmt::format("store_release((u{} *){}, r{})", bits, address(insn.dst, insn.off), insn.src);
}

std::string map_address(const Decoded& insn, const DisasmOptions& options) {
  const bool by_index = insn.op == Op::LoadMapIdx || insn.op == Op::LoadValueIdx;
  std::string name = by_index ? std::string() : plain_name(options.map, insn.map_index());
  if (name.empty()) name = fmt::format("{}{}", by_index ? "idx:" : "", insn.map_index());
  if (insn.op == Op::LoadMap || insn.op == Op::LoadMapIdx) return fmt::format("map[{}]", name);
  return fmt::format("map[{}][0] + {}", name, insn.value_offset());
}

std::string wide(const Decoded& insn, Pc pc, const DisasmOptions& options) {
  switch (insn.op) {
    case Op::LoadImm: return fmt::format("{:#x} ll", static_cast<u64>(insn.imm));
    case Op::LoadBtfId: {
      const std::string name = plain_name(options.external, insn.map_index());
      if (insn.value_offset() != 0) {
        return fmt::format("ksym[{}, {}]", insn.map_index(), insn.value_offset());
      }
      return name.empty() ? fmt::format("ksym[{}]", insn.map_index())
                          : fmt::format("ksym[{}]", name);
    }
    case Op::LoadFunc: {
      const std::string name = plain_name(options.function, insn.target);
      return fmt::format("func[{}]", name.empty() ? target(insn, pc, options) : name);
    }
    default: return map_address(insn, options);
  }
}

std::string call_helper(i32 id, const DisasmOptions& options) {
  std::string name = plain_name(options.helper, id);
  if (name.empty()) return fmt::format("call {}", id);
  return fmt::format("call {}{}#{}", name.starts_with("bpf_") ? "" : "bpf_", name, id);
}

std::string call_kfunc(const Decoded& insn, const DisasmOptions& options) {
  std::string text = "call kfunc ";
  const std::string name = plain_name(options.external, static_cast<u32>(insn.imm));
  if (!name.empty()) text += name + "#";
  text += fmt::format("{}", insn.imm);
  if (insn.off != 0) text += fmt::format(":{}", insn.off);
  return text;
}

std::string control(const Decoded& insn, Pc pc, const DisasmOptions& options) {
  const std::string_view text = row(insn.op).text;
  switch (insn.op) {
    case Op::Ja:
    case Op::JaLong:
    case Op::MayGoto: return fmt::format("{} {}", text, target(insn, pc, options));
    case Op::Gotox:
    case Op::Callx: return fmt::format("{} r{}", text, insn.dst);
    case Op::CallHelper: return call_helper(static_cast<i32>(insn.imm), options);
    case Op::CallKfunc: return call_kfunc(insn, options);
    case Op::CallLocal: {
      const std::string name = plain_name(options.function, insn.target);
      return name.empty() ? fmt::format("call pc{}", target(insn, pc, options)) : "call " + name;
    }
    case Op::AddrSpaceCast:
      return fmt::format("r{} = addr_space_cast(r{}, {}, {})", insn.dst, insn.src,
                         static_cast<u32>(insn.imm) >> 16, static_cast<u16>(insn.imm));
    default: return std::string(text);  // exit
  }
}

// The name of each function that has one of its own, by its first insn.
using FunctionNames = std::unordered_map<u32, std::string>;
FunctionNames function_names(const Program& program, const DisasmOptions& options) {
  std::unordered_map<std::string, u32> uses;
  FunctionNames names;
  for (const Subprogram& function : program.subprograms()) {
    std::string name = options.function ? options.function(function.first) : function.name;
    ++uses[name];
    names[function.first.value] = std::move(name);
  }
  // Two static functions of different files may share a name.
  for (auto& [first, name] : names) {
    if (is_plain_name(name) && uses[name] == 1) continue;
    name = fmt::format("func_{}", first);
    while (uses.contains(name)) name += '_';
  }
  return names;
}

// Text of a program that is being written.
class Writer {
 public:
  explicit Writer(const DisasmOptions& options) : options_(options) {}

  void line(std::string_view text) { (out_ += text) += '\n'; }
  void insn(std::span<const Insn> slots, Pc pc, std::string_view text);
  void source(const SourceMap& source, const SourceLine& line);
  std::string take() { return std::move(out_); }

 private:
  const DisasmOptions& options_;
  std::string out_;
};

void Writer::insn(std::span<const Insn> slots, Pc pc, std::string_view text) {
  auto out = std::back_inserter(out_);
  switch (options_.prefix) {
    case DisasmPrefix::None: out_ += "    "; break;
    case DisasmPrefix::Pc: fmt::format_to(out, "{:4}: ", pc.value); break;
    case DisasmPrefix::Opcode:
      fmt::format_to(out, "{:4}: ({:02x}) ", pc.value, slots[0].opcode);
      break;
    case DisasmPrefix::Bytes:
      fmt::format_to(out, "{:4}: ", pc.value);
      for (const Insn& slot : slots) {
        const auto off = static_cast<u16>(slot.off);
        const auto imm = static_cast<u32>(slot.imm);
        fmt::format_to(out, "{:02x} {:02x} {:02x} {:02x} {:02x} {:02x} {:02x} {:02x} ", slot.opcode,
                       slot.regs, off & 255, off >> 8, imm & 255, imm >> 8 & 255, imm >> 16 & 255,
                       imm >> 24);
      }
      break;
  }
  line(text);
}

// A comment, whatever bytes the debug information has.
void Writer::source(const SourceMap& source, const SourceLine& at) {
  std::string text = "; " + at.text;
  if (at.file < source.files.size()) {
    text += fmt::format(" @ {}:{}", source.files[at.file], at.line);
  }
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  line(text);
}

std::string slot_text(const Insn& slot) {
  const u64 bits = static_cast<u64>(static_cast<u32>(slot.imm)) << 32 |
                   static_cast<u64>(static_cast<u16>(slot.off)) << 16 | u64{slot.regs} << 8 |
                   slot.opcode;
  return fmt::format(".quad {:#018x}", bits);
}

}  // namespace

std::string disassemble(const Decoded& insn, Pc pc, const DisasmOptions& options) {
  const char letter = reg_letter(insn);
  const std::string_view text = row(insn.op).text;
  switch (kind(insn.op)) {
    case OpKind::Alu: return fmt::format("{}{} {} {}", letter, insn.dst, text, operand(insn));
    case OpKind::Unary: return fmt::format("{0}{1} = {2}{0}{1}", letter, insn.dst, text);
    case OpKind::MovSx: {
      const int bits = insn.op == Op::MovSx8 ? 8 : insn.op == Op::MovSx16 ? 16 : 32;
      return fmt::format("{0}{1} = (s{2}){0}{3}", letter, insn.dst, bits, insn.src);
    }
    case OpKind::Swap: return fmt::format("r{0} = {1} r{0}", insn.dst, text);
    case OpKind::Jump:
      return fmt::format("if {}{} {} {} goto {}", letter, insn.dst, text, operand(insn),
                         target(insn, pc, options));
    case OpKind::Memory: return memory(insn);
    case OpKind::Atomic: return atomic(insn);
    case OpKind::Ordered: return ordered(insn);
    case OpKind::Lddw: return fmt::format("r{} = {}", insn.dst, wide(insn, pc, options));
    case OpKind::Other: return control(insn, pc, options);
  }
  return {};
}

std::string disassemble(const Program& program, const DisasmOptions& options) {
  const FunctionNames names = function_names(program, options);
  DisasmOptions named = options;
  named.function = [&names](Pc first) {
    const auto found = names.find(first.value);
    return found == names.end() ? std::string() : found->second;
  };
  std::vector<bool> referred(program.size());
  for (const Decoded& insn : program.decoded()) {
    if (insn.op == Op::CallLocal || insn.op == Op::LoadFunc) referred[insn.target.value] = true;
  }
  const auto lines = std::span(program.source().lines);
  auto line = lines.begin();
  Writer out(options);
  for (const Subprogram& function : program.subprograms()) {
    const std::string name = named.function(function.first);
    if (function.first.value != 0) out.line("");
    if (function.global) {
      out.line(fmt::format(".globl {}", name));
    } else if (function.first.value != 0 && !referred[function.first.value]) {
      out.line(fmt::format(".func {}", name));
    }
    out.line(name + ":");
    for (Pc pc = function.first; pc < function.end; pc = pc + program.at(pc).slots()) {
      for (; line != lines.end() && line->pc <= pc; ++line) {
        if (options.source && line->pc == pc) out.source(program.source(), *line);
      }
      const Decoded& insn = program.at(pc);
      out.insn(program.insns().subspan(pc.value, insn.slots()), pc, disassemble(insn, pc, named));
    }
  }
  return out.take();
}

std::string disassemble(std::span<const Insn> insns, const DisasmOptions& options) {
  Writer out(options);
  for (Pc pc; pc.value < insns.size();) {
    const auto insn = decode(insns, pc);
    const u32 slots = insn ? insn->slots() : 1;
    out.insn(insns.subspan(pc.value, slots), pc,
             insn ? disassemble(*insn, pc, options)
                  : fmt::format("{}  ; {}", slot_text(insns[pc.value]), insn.error().text));
    pc = pc + slots;
  }
  return out.take();
}

}  // namespace skep
