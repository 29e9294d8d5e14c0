// C declarations are built from the inside out: a declarator ("*(*x)[3]") grows around the name
// while the type is followed to its base, which then stands in front.
// Tested by tests/isa/btf_format_test.cpp.
#include "isa/btf_format.h"

namespace skep {
namespace {

using namespace btf_format;

constexpr std::string_view kCut = "...";

class Printer {
 public:
  explicit Printer(const Btf& btf) : btf_(btf) {}

  std::string declare(u32 id, std::string inner, u32 depth);
  void define(u32 id, std::string& out, const std::string& indent, u32 depth);

 private:
  std::string base(u32 id);
  std::string params(u32 proto, u32 depth);
  void define_members(u32 id, std::string& out, const std::string& indent, u32 depth);
  void define_enumerators(u32 id, std::string& out, const std::string& indent);
  bool is_full(const std::string& out) const { return parts_ > kMaxParts || out.size() > kMaxText; }

  const Btf& btf_;
  u32 parts_ = 0;  // declarations written, at any depth
};

std::string_view keyword(BtfKind kind) {
  switch (kind) {
    case BtfKind::Const: return "const";
    case BtfKind::Volatile: return "volatile";
    case BtfKind::Restrict: return "restrict";
    default: return {};
  }
}

std::string Printer::base(u32 id) {
  const BtfKind kind = btf_.kind(id);
  const std::string_view name = btf_.name(id).substr(0, Btf::kMaxIndexed);
  switch (kind) {
    case BtfKind::Void: return "void";
    case BtfKind::Fwd: return fmt::format("{} {}", btf_.flag(id) ? "union" : "struct", name);
    case BtfKind::Struct:
    case BtfKind::Union:
    case BtfKind::Enum:
    case BtfKind::Enum64:
      return fmt::format("{} {}", kind == BtfKind::Enum64 ? "enum" : skep::name(kind),
                         name.empty() ? "{...}" : name);
    case BtfKind::Datasec: return fmt::format("section {}", name);
    default: return std::string(name.empty() ? "?" : name);
  }
}

std::string Printer::params(u32 proto, u32 depth) {
  const u32 count = btf_.vlen(proto);
  if (count == 0) return "(void)";
  std::string out = "(";
  for (u32 i = 0; i < count; ++i) {
    if (i > 0) out += ", ";
    if (is_full(out)) return out += "...)";
    const BtfParam param = btf_.param(proto, i);
    const bool is_variadic = param.type == 0 && i + 1 == count;
    out += is_variadic ? std::string(kCut)
                       : declare(param.type, std::string(param.name.substr(0, Btf::kMaxIndexed)),
                                 depth + 1);
  }
  return out += ")";
}

// A qualifier stands beside the "*" that it qualifies, or before the base.
std::string Printer::declare(u32 id, std::string inner, u32 depth) {
  std::string qualifiers;
  ++parts_;
  for (u32 steps = 0; steps < Btf::kMaxDepth && depth <= kMaxDepth; ++steps) {
    const BtfKind kind = btf_.kind(id);
    switch (kind) {
      case BtfKind::Ptr: {
        const BtfKind to = btf_.kind(btf_.type(id));
        inner.insert(0, "*");
        if (to == BtfKind::Array || to == BtfKind::FuncProto) inner = fmt::format("({})", inner);
        id = btf_.type(id);
        break;
      }
      case BtfKind::Array:
        inner += fmt::format("[{}]", btf_.array(id).count);
        id = btf_.array(id).element;
        break;
      case BtfKind::FuncProto:
        inner += params(id, depth);
        id = btf_.type(id);
        break;
      case BtfKind::Const:
      case BtfKind::Volatile:
      case BtfKind::Restrict: {
        u32 to = id;
        while (!keyword(btf_.kind(to)).empty()) to = btf_.type(to);
        if (btf_.kind(to) == BtfKind::Ptr) {
          inner.insert(0, fmt::format("{}{}", keyword(kind), inner.empty() ? "" : " "));
        } else {
          qualifiers += fmt::format("{} ", keyword(kind));
        }
        id = btf_.type(id);
        break;
      }
      case BtfKind::TypeTag:
      case BtfKind::DeclTag: id = btf_.type(id); break;
      case BtfKind::Func:
      case BtfKind::Var:
        inner = btf_.name(id).substr(0, Btf::kMaxIndexed);
        id = btf_.type(id);
        break;
      default: {
        const std::string_view space = inner.empty() || inner.starts_with('[') ? "" : " ";
        return fmt::format("{}{}{}{}", qualifiers, base(id), space, inner);
      }
    }
    if (is_full(inner)) break;
  }
  return fmt::format("{}{}", inner.empty() ? "" : inner.substr(0, 64), kCut);
}

void Printer::define_members(u32 id, std::string& out, const std::string& indent, u32 depth) {
  for (u32 i = 0; i < btf_.vlen(id); ++i) {
    if (is_full(out)) {
      out += fmt::format("{}{}\n", indent, kCut);
      return;
    }
    const BtfMember member = btf_.member(id, i);
    out += indent;
    if (member.name.empty() && btf_.is_composite(member.type)) {
      define(member.type, out, indent, depth + 1);
    } else {
      out += declare(member.type, std::string(member.name.substr(0, Btf::kMaxIndexed)), depth + 1);
    }
    if (member.bits != 0) out += fmt::format(" : {}", member.bits);
    out += ";\n";
  }
}

void Printer::define_enumerators(u32 id, std::string& out, const std::string& indent) {
  for (u32 i = 0; i < btf_.vlen(id); ++i) {
    if (is_full(out)) {
      out += fmt::format("{}{}\n", indent, kCut);
      return;
    }
    const BtfEnumerator one = btf_.enumerator(id, i);
    const u64 value =
        btf_.kind(id) == BtfKind::Enum && !btf_.flag(id) ? static_cast<u32>(one.value) : one.value;
    out += fmt::format("{}{} = ", indent, one.name.substr(0, Btf::kMaxIndexed));
    out +=
        btf_.flag(id) ? fmt::format("{},\n", static_cast<i64>(value)) : fmt::format("{},\n", value);
  }
}

void Printer::define(u32 id, std::string& out, const std::string& indent, u32 depth) {
  const BtfKind kind = btf_.kind(id);
  if (depth > kMaxDepth || (!btf_.is_composite(id) && !btf_.is_enum(id))) {
    out += kind == BtfKind::Typedef
               ? fmt::format("typedef {}", declare(btf_.type(id), std::string(btf_.name(id)), 0))
               : declare(id, {}, 0);
    return;
  }
  const std::string_view name = btf_.name(id).substr(0, Btf::kMaxIndexed);
  out += fmt::format("{} {}{}{{\n", kind == BtfKind::Enum64 ? "enum" : skep::name(kind), name,
                     name.empty() ? "" : " ");
  const std::string deeper = indent + "  ";
  if (btf_.is_enum(id)) {
    define_enumerators(id, out, deeper);
  } else {
    define_members(id, out, deeper, depth);
  }
  out += fmt::format("{}}}", indent);
}

}  // namespace

std::string type_name(const Btf& btf, u32 id, std::string_view declared) {
  return Printer(btf).declare(id, std::string(declared), 0);
}

std::string type_definition(const Btf& btf, u32 id) {
  std::string out;
  Printer(btf).define(id, out, "", 0);
  return out += ";\n";
}

}  // namespace skep
