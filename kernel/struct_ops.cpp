// See struct_ops.h. Facts: Linux 6.12 kernel/bpf/bpf_struct_ops.c, bpf_struct_ops_map_update_elem.
#include "kernel/struct_ops.h"

#include <cstring>
#include <optional>

namespace skep {
namespace {

constexpr std::string_view kValuePrefix = "bpf_struct_ops_";

// "tcp_congestion_ops___mine" is tcp_congestion_ops, as in CO-RE.
std::string_view without_flavour(std::string_view name) {
  return name.substr(0, name.find("___"));
}

std::optional<u32> member_index(const Btf& btf, u32 type, std::string_view name) {
  for (u32 i = 0; i < btf.vlen(type); ++i) {
    if (btf.member(type, i).name == name) return i;
  }
  return {};
}

bool is_function(const Btf& btf, u32 type) {
  const u32 pointer = btf.resolve(type);
  return btf.kind(pointer) == BtfKind::Ptr &&
         btf.kind(btf.resolve(btf.type(pointer))) == BtfKind::FuncProto;
}

std::unexpected<Error> refused(std::string_view name, std::string why) {
  return fail<Code::kernel_refused>("laying out operations", name, std::move(why), "");
}

bool all_zero(std::span<const u8> bytes) {
  for (const u8 byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

// Copies the members of an object's struct to their places in the kernel's.
class Layout {
 public:
  Layout(const MapSpec& spec, const Btf& types, const Btf& kernel)
      : spec_(spec), types_(types), kernel_(kernel), from_(types.resolve(spec.btf_value)) {}

  Result<StructOps> make() {
    const std::string_view name = without_flavour(types_.name(from_));
    ops_.value_type = kernel_.find(BtfKind::Struct, std::string(kValuePrefix).append(name));
    const auto data = member_index(kernel_, ops_.value_type, "data");
    if (ops_.value_type == 0 || !data)
      return refused(spec_.name, fmt::format("the kernel has no operations {}", name));
    const BtfMember inside = kernel_.member(ops_.value_type, *data);
    base_ = inside.bit_offset / 8;
    to_ = kernel_.resolve(inside.type);
    ops_.value.resize(kernel_.size(ops_.value_type));
    for (u32 i = 0; i < types_.vlen(from_); ++i) {
      if (auto ok = copy(i); !ok) return std::unexpected(std::move(ok).error());
    }
    return std::move(ops_);
  }

 private:
  Status copy(u32 index) {
    const BtfMember from = types_.member(from_, index);
    const u64 size = types_.size_of(from.type).value_or(0);
    const u64 at = from.bit_offset / 8;
    if (at > spec_.initial.size() || size > spec_.initial.size() - at)
      return refused(spec_.name, fmt::format("member {} is not in its bytes", from.name));
    const std::span<const u8> bytes{spec_.initial.data() + at, static_cast<std::size_t>(size)};
    const auto place = member_index(kernel_, to_, from.name);
    if (!place) {
      // What this kernel has not is fine as long as nothing is asked of it.
      const bool used = !all_zero(bytes) || has_slot(index);
      return used ? Status(refused(spec_.name, fmt::format("the kernel's have no {}", from.name)))
                  : Status();
    }
    const BtfMember to = kernel_.member(to_, *place);
    const u64 offset = base_ + to.bit_offset / 8;
    if (kernel_.size_of(to.type) != size || from.bits != 0 || offset + size > ops_.value.size())
      return refused(spec_.name, fmt::format("the kernel's {} is of another size", from.name));
    if (is_function(kernel_, to.type)) {
      ops_.functions.push_back({index, static_cast<u32>(offset)});
    } else {
      std::memcpy(&ops_.value[offset], bytes.data(), bytes.size());
    }
    return {};
  }

  bool has_slot(u32 index) const {
    for (const MapSlot& slot : spec_.slots) {
      if (slot.index == index) return true;
    }
    return false;
  }

  const MapSpec& spec_;
  const Btf& types_;
  const Btf& kernel_;
  const u32 from_;
  u32 to_ = 0;
  u64 base_ = 0;
  StructOps ops_;
};

}  // namespace

Result<StructOps> StructOps::make(const MapSpec& spec, const Btf& types, const Btf& kernel) {
  return Layout(spec, types, kernel).make();
}

bool StructOps::set(u32 slot, int fd) {
  for (const Member& member : functions) {
    if (member.slot != slot) continue;
    std::memcpy(&value[member.offset], &fd, sizeof(fd));
    return true;
  }
  return false;
}

Result<StructOpsPlace> struct_ops_place(const Image& image, const Btf& kernel) {
  const std::string_view place = image.attach_to;
  const auto dot = place.find('.');
  if (dot == place.npos)
    return refused(image.name, "no member of a struct in .struct_ops is set to it");
  const std::string_view name = without_flavour(place.substr(0, dot));
  const u32 type = kernel.find(BtfKind::Struct, name);
  const auto member = member_index(kernel, type, place.substr(dot + 1));
  if (type == 0 || !member) return refused(image.name, fmt::format("the kernel has no {}", place));
  return StructOpsPlace{type, *member};
}

}  // namespace skep
