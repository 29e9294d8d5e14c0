// Places of members and elements, and the reader of paths.
// Tested by tests/isa/btf_value_test.cpp.
#include "isa/btf_walk.h"

#include <charconv>

#include "isa/btf_format.h"

namespace skep {
namespace btf_value {

std::unexpected<Error> Walk::bad(std::string_view reason) const {
  const std::string_view at = path_.starts_with('.') ? std::string_view(path_).substr(1) : path_;
  return fail<Code::btf_value>(at.empty() ? "value" : at.substr(0, 256), reason);
}

Status Walk::spend(u64 parts) {
  parts_ += parts;
  if (parts_ <= kMaxValueParts) return {};
  return fail<Code::btf_value_too_large>(type_name(btf_, root_), kMaxValueParts);
}

Status Walk::search(u64 names) {
  searched_ += names;
  if (searched_ <= kMaxSearch) return {};
  return fail<Code::btf_value_too_large>(type_name(btf_, root_), kMaxValueParts);
}

bool is_char(const Btf& btf, u32 type) {
  type = btf.resolve(type);
  return btf.kind(type) == BtfKind::Int && btf.size(type) == 1 &&
         (btf.integer(type).is_char || btf.name(type) == "char");
}

BtfPlace Walk::member(BtfPlace place, u32 index) const {
  const BtfMember m = btf_.member(place.type, index);
  return {m.type, place.bit_offset + m.bit_offset, m.bits};
}

BtfPlace Walk::entry(BtfPlace place, u32 index) const {
  const BtfSectionEntry e = btf_.entry(place.type, index);
  return {btf_.type(e.type), place.bit_offset + u64{e.offset} * 8, 0};
}

BtfPlace Walk::bits_of(BtfPlace place) const {
  if (btf_.kind(place.type) != BtfKind::Int || place.bits != 0) return place;
  const BtfInt integer = btf_.integer(place.type);
  if (integer.bit_offset == 0 && (integer.bits == 0 || integer.bits >= btf_.size(place.type) * 8))
    return place;
  return {place.type, place.bit_offset + integer.bit_offset, integer.bits};
}

Result<BtfPlace> Walk::find_member(BtfPlace place, std::string_view name, u32 depth) {
  place.type = btf_.resolve(place.type);
  const bool is_section = btf_.kind(place.type) == BtfKind::Datasec;
  if (depth > kMaxNesting) return bad("anonymous members are nested too deeply");
  for (u32 i = 0; i < btf_.vlen(place.type); ++i) {
    TRY(search(16));  // a member is much more work than an enumerator
    if (is_section) {
      if (btf_.name(btf_.entry(place.type, i).type) == name) return entry(place, i);
      continue;
    }
    const std::string_view known = btf_.member(place.type, i).name;
    if (known == name) return member(place, i);
    if (!known.empty() || !btf_.is_composite(btf_.resolve(member(place, i).type))) continue;
    const BtfPlace inner = TRY(find_member(member(place, i), name, depth + 1));
    if (inner.type != kNowhere) return inner;
  }
  return BtfPlace{.type = kNowhere};
}

Result<BtfPlace> Walk::find_element(BtfPlace place, u64 index) {
  place.type = btf_.resolve(place.type);
  if (btf_.kind(place.type) != BtfKind::Array) {
    return bad(fmt::format("is of type '{}', which has no elements", type_name(btf_, place.type)));
  }
  const BtfArray array = btf_.array(place.type);
  if (index >= array.count)
    return bad(fmt::format("has {} elements, none at {}", array.count, index));
  const auto size = btf_.size_of(array.element);
  if (!size)
    return bad(fmt::format("an element of type '{}' has no size", type_name(btf_, array.element)));
  return BtfPlace{array.element, place.bit_offset + index * *size * 8, 0};
}

namespace {

class PathReader : Walk {
 public:
  explicit PathReader(const Btf& btf) : Walk(btf) {}

  Result<BtfPlace> find(u32 type, std::string_view path) {
    root_ = type;
    BtfPlace place{type, 0, 0};
    for (bool is_first = true; !path.empty(); is_first = false) {
      const std::string_view all = path;
      place = path.starts_with('[') ? TRY(element(place, path)) : TRY(field(place, path, is_first));
      path_ += all.substr(0, all.size() - path.size());
    }
    return place;
  }

 private:
  Result<BtfPlace> element(BtfPlace place, std::string_view& path) {
    u64 index = 0;
    const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
    if (error != std::errc{} || end == path.data() + path.size() || *end != ']') {
      return bad(fmt::format("'{}' is no index", path.substr(0, 64)));
    }
    path.remove_prefix(static_cast<std::size_t>(end + 1 - path.data()));
    return find_element(place, index);
  }

  Result<BtfPlace> field(BtfPlace place, std::string_view& path, bool is_first) {
    if (path.starts_with('.') && !is_first) {
      path.remove_prefix(1);
    } else if (!is_first) {
      return bad(fmt::format("'{}' does not begin with '.' or '['", path.substr(0, 64)));
    }
    // Variables of a data section may have a dot in their name ("counter.0"): the longest fits.
    for (std::size_t end = path.find_first_of(".[");; end = path.find_first_of(".[", end + 1)) {
      const std::string_view name = path.substr(0, end);
      const BtfPlace found =
          name.empty() ? BtfPlace{.type = kNowhere} : TRY(find_member(place, name, 0));
      if (found.type != kNowhere) {
        path.remove_prefix(name.size());
        return found;
      }
      if (end == std::string_view::npos) break;
    }
    return bad(fmt::format("'{}' has no member '{}'", type_name(btf_, place.type),
                           path.substr(0, std::min<std::size_t>(path.find_first_of(".["), 64))));
  }
};

}  // namespace
}  // namespace btf_value

Result<BtfPlace> find_place(const Btf& btf, u32 type, std::string_view path) {
  return btf_value::PathReader(btf).find(type, path);
}

}  // namespace skep
