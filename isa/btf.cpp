// The reader of BTF sections, and the accessors of what it read.
//
// Reading goes over the words three times: lay out (what kind is where, does it fit), check (ids
// and strings in range, chains of modifiers short), index (names). Each pass is linear.
// Tested by tests/isa/btf_test.cpp and fuzzed by tests/fuzz/btf.cpp.
#include "isa/btf.h"

#include <bit>
#include <cstring>
#include <new>

namespace skep {
namespace {

constexpr u16 kMagic = 0xeb9f;
constexpr u32 kHeaderBytes = 24;
constexpr u32 kTypeWords = 3;  // name, info, size or type
constexpr u8 kNone = 0xff;

// What a kind looks like on the wire. Everything is 32-bit words: three of the type itself, then
// `fixed` words, then `each` words for each of its vlen items.
struct KindRow {
  std::string_view name;
  enum Third : u8 { Unused, Size, Type } third;
  u8 fixed;
  u8 each;
  u8 item_name;  // word of an item that is a string offset, or kNone
  u8 item_type;  // word of an item that is a type id, or kNone
};

constexpr KindRow kKinds[] = {
    //  name        third             fixed each name   type
    {"void", KindRow::Unused, 0, 0, kNone, kNone},
    {"int", KindRow::Size, 1, 0, kNone, kNone},
    {"ptr", KindRow::Type, 0, 0, kNone, kNone},
    {"array", KindRow::Unused, 3, 0, kNone, kNone},
    {"struct", KindRow::Size, 0, 3, 0, 1},
    {"union", KindRow::Size, 0, 3, 0, 1},
    {"enum", KindRow::Size, 0, 2, 0, kNone},
    {"fwd", KindRow::Unused, 0, 0, kNone, kNone},
    {"typedef", KindRow::Type, 0, 0, kNone, kNone},
    {"volatile", KindRow::Type, 0, 0, kNone, kNone},
    {"const", KindRow::Type, 0, 0, kNone, kNone},
    {"restrict", KindRow::Type, 0, 0, kNone, kNone},
    {"func", KindRow::Type, 0, 0, kNone, kNone},  // vlen is the linkage
    {"func_proto", KindRow::Type, 0, 2, 0, 1},
    {"var", KindRow::Type, 1, 0, kNone, kNone},
    {"datasec", KindRow::Size, 0, 3, kNone, 0},
    {"float", KindRow::Size, 0, 0, kNone, kNone},
    {"decl_tag", KindRow::Type, 1, 0, kNone, kNone},
    {"type_tag", KindRow::Type, 0, 0, kNone, kNone},
    {"enum64", KindRow::Size, 0, 3, 0, kNone},
};
constexpr u32 kKindCount = std::size(kKinds);

constexpr const KindRow& kind_row(BtfKind kind) {
  return kKinds[static_cast<u8>(kind)];
}

// Fields of a type's info word. vlen had 16 bits before Linux 6.19, with zeros above them.
constexpr u32 info_kind(u32 info) {
  return info >> 24 & 0x7f;
}
constexpr u32 info_vlen(u32 info) {
  return info & 0xffffff;
}
constexpr bool info_flag(u32 info) {
  return info >> 31 != 0;
}

constexpr bool is_modifier(BtfKind kind) {
  return kind == BtfKind::Typedef || kind == BtfKind::Volatile || kind == BtfKind::Const ||
         kind == BtfKind::Restrict || kind == BtfKind::TypeTag;
}

// A hash that a file can't steer: its multiplier is secret to who writes the names, because it
// depends on all of them. So no set of names makes the index slow.
u64 mix(u64 a, u64 b) {
  __extension__ const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
}

u64 hash(u64 seed, std::string_view text) {
  u64 h = seed;
  while (text.size() >= 8) {
    u64 word = 0;
    std::memcpy(&word, text.data(), 8);
    h = mix(h ^ word, seed | 1) + word;
    text.remove_prefix(8);
  }
  u64 word = text.size();
  for (const char c : text) word = word << 8 | static_cast<u8>(c);
  return mix(h ^ word, seed | 1);
}

u64 hash(u64 seed, BtfKind kind, std::string_view name) {
  return hash(seed + (u64{static_cast<u8>(kind)} << 56 | 2), name);
}

}  // namespace

std::string_view name(BtfKind kind) {
  return static_cast<u8>(kind) < kKindCount ? kind_row(kind).name : "unknown";
}

// One reading of one section; `btf_` is filled step by step.
class BtfReader {
 public:
  BtfReader(std::span<const u8> bytes, std::shared_ptr<const Btf> base) : bytes_(bytes) {
    if (base == nullptr) return;
    btf_.first_id_ = base->types();
    btf_.first_string_ = base->string_end();
    btf_.pointer_size_ = base->pointer_size();
    btf_.base_ = std::move(base);
  }

  Result<Btf> read() {
    TRY(read_header());
    TRY(read_strings());
    TRY(read_words());
    TRY(lay_out());
    TRY(check());
    TRY(check_chains());
    TRY(index_names());
    find_pointer_size();
    return std::move(btf_);
  }

 private:
  template <class... Args>
  static std::unexpected<Error> bad(u64 offset, fmt::format_string<Args...> text, Args&&... args) {
    return fail<Code::bad_btf>(".BTF", offset, fmt::format(text, std::forward<Args>(args)...));
  }
  // The same, about a type: says its id, kind and the byte where it starts.
  template <class... Args>
  std::unexpected<Error> bad_type(u32 local, fmt::format_string<Args...> text,
                                  Args&&... args) const {
    const u32 word = btf_.starts_[local];
    return bad(types_at_ + u64{word} * 4, "type {} ({}): {}", btf_.first_id_ + local,
               kKinds[info_kind(btf_.words_[word + 1])].name,
               fmt::format(text, std::forward<Args>(args)...));
  }

  u32 read_u32(u64 offset) const {
    u32 value = 0;
    std::memcpy(&value, bytes_.data() + offset, 4);
    return btf_.swapped_ ? __builtin_bswap32(value) : value;
  }

  Status read_header();
  Status read_strings();
  Status read_words();
  Status lay_out();
  Status check();
  Status check_items(u32 local) const;
  Status check_chains();
  Status index_names();
  void find_pointer_size();

  bool is_id(u32 id) const { return id < btf_.types(); }

  std::span<const u8> bytes_;
  Btf btf_;
  u64 types_at_ = 0;  // byte offset of the type section
  u32 type_bytes_ = 0;
  u64 strings_at_ = 0;
};

Status BtfReader::read_header() {
  if (bytes_.size() > Btf::kMaxBytes) {
    return fail<Code::btf_too_large>(".BTF", bytes_.size(), Btf::kMaxBytes);
  }
  if (bytes_.size() < kHeaderBytes) return bad(0, "{} bytes are no header", bytes_.size());
  u16 magic = 0;
  std::memcpy(&magic, bytes_.data(), 2);
  btf_.swapped_ = magic == __builtin_bswap16(kMagic);
  if (magic != kMagic && !btf_.swapped_) return bad(0, "magic number {:#06x} is not 0xeb9f", magic);
  if (bytes_[2] != 1) return bad(2, "version {} is not 1", bytes_[2]);

  const u64 header = read_u32(4);
  if (header < kHeaderBytes || header > bytes_.size()) {
    return bad(4, "a header of {} bytes", header);
  }
  types_at_ = header + read_u32(8);
  type_bytes_ = read_u32(12);
  strings_at_ = header + read_u32(16);
  btf_.string_size_ = read_u32(20);
  if (types_at_ + type_bytes_ > bytes_.size()) {
    return bad(8, "the types, {} bytes at {:#x}, do not end inside of the section", type_bytes_,
               types_at_);
  }
  if (type_bytes_ % 4 != 0)
    return bad(12, "{} bytes of types are not a multiple of 4", type_bytes_);
  if (strings_at_ + btf_.string_size_ > bytes_.size()) {
    return bad(16, "the strings, {} bytes at {:#x}, do not end inside of the section",
               btf_.string_size_, strings_at_);
  }
  return {};
}

Status BtfReader::read_strings() {
  const u32 size = btf_.string_size_;
  const auto* start = reinterpret_cast<const char*>(bytes_.data()) + strings_at_;
  if (size == 0) {
    if (btf_.base_ == nullptr) return bad(20, "no strings, not even the empty one");
    return {};
  }
  if (btf_.base_ == nullptr && start[0] != 0)
    return bad(strings_at_, "the first string is not empty");
  if (start[size - 1] != 0) return bad(strings_at_ + size - 1, "the last string has no end");
  if (btf_.first_string_ > UINT32_MAX - size)
    return bad(20, "more strings than 32 bits can number");
  for (const char* at = start; at != start + size;) {
    const auto length = static_cast<std::size_t>(
        static_cast<const char*>(std::memchr(at, 0, static_cast<std::size_t>(start + size - at))) -
        at);
    if (length > Btf::kMaxString) {
      return bad(strings_at_ + static_cast<u64>(at - start),
                 "a string of {} bytes, more than the limit of {}", length, Btf::kMaxString);
    }
    at += length + 1;
  }
  btf_.strings_.reset(new (std::nothrow) char[size]);
  if (btf_.strings_ == nullptr) return fail<Code::no_memory>("the strings of BTF");
  std::memcpy(btf_.strings_.get(), start, size);
  return {};
}

Status BtfReader::read_words() {
  const u32 count = type_bytes_ / 4;
  btf_.words_.reset(new (std::nothrow) u32[count + 1]);
  if (btf_.words_ == nullptr) return fail<Code::no_memory>("the types of BTF");
  std::memcpy(btf_.words_.get(), bytes_.data() + types_at_, type_bytes_);
  if (btf_.swapped_) {
    for (u32 i = 0; i < count; ++i) btf_.words_[i] = __builtin_bswap32(btf_.words_[i]);
  }
  return {};
}

// Where each type starts. Counts first, so that the array is as long as it must be.
Status BtfReader::lay_out() {
  const u32 end = type_bytes_ / 4;
  for (const bool counting : {true, false}) {
    u32 count = 0;
    for (u32 at = 0; at < end; ++count) {
      if (!counting) btf_.starts_[count] = at;
      const u64 offset = types_at_ + u64{at} * 4;
      const u32 id = btf_.first_id_ + count;
      if (end - at < kTypeWords) return bad(offset, "type {} does not end inside of the types", id);
      const u32 info = btf_.words_[at + 1];
      const u32 kind = info_kind(info);
      if (kind == 0 || kind >= kKindCount) {
        return bad(offset + 4, "type {}: kind {} is not one of 1 to {}", id, kind, kKindCount - 1);
      }
      const u64 words = kTypeWords + kKinds[kind].fixed + u64{kKinds[kind].each} * info_vlen(info);
      if (words > end - at) {
        return bad(offset, "type {} ({}) of {} bytes does not end inside of the types", id,
                   kKinds[kind].name, words * 4);
      }
      at += static_cast<u32>(words);
    }
    if (!counting) break;
    if (count > UINT32_MAX - btf_.first_id_) return bad(12, "more types than 32 bits can number");
    btf_.starts_.reset(new (std::nothrow) u32[count + 1]);
    if (btf_.starts_ == nullptr) return fail<Code::no_memory>("the types of BTF");
    btf_.count_ = count;
  }
  return {};
}

Status BtfReader::check() {
  for (u32 local = 0; local < btf_.count_; ++local) {
    const u32* words = &btf_.words_[btf_.starts_[local]];
    const auto kind = static_cast<BtfKind>(info_kind(words[1]));
    if (!btf_.has_string(words[0]))
      return bad_type(local, "its name is at string offset {}, past the end", words[0]);
    if (kind_row(kind).third == KindRow::Type && !is_id(words[2])) {
      return bad_type(local, "refers to type {}, which does not exist", words[2]);
    }
    if (kind == BtfKind::Array && (!is_id(words[3]) || !is_id(words[4]))) {
      return bad_type(local, "refers to types {} and {}, not both of which exist", words[3],
                      words[4]);
    }
    if (kind == BtfKind::Func && btf_.kind(words[2]) != BtfKind::FuncProto) {
      return bad_type(local, "refers to type {}, which is not a func_proto", words[2]);
    }
    TRY(check_items(local));
  }
  return {};
}

Status BtfReader::check_items(u32 local) const {
  const u32* words = &btf_.words_[btf_.starts_[local]];
  const KindRow& row = kKinds[info_kind(words[1])];
  if (row.each == 0) return {};
  const u32* item = words + kTypeWords + row.fixed;
  for (u32 i = 0; i < info_vlen(words[1]); ++i, item += row.each) {
    if (row.item_name != kNone && !btf_.has_string(item[row.item_name])) {
      return bad_type(local, "item {} has its name at string offset {}, past the end", i,
                      item[row.item_name]);
    }
    if (row.item_type != kNone && !is_id(item[row.item_type])) {
      return bad_type(local, "item {} refers to type {}, which does not exist", i,
                      item[row.item_type]);
    }
  }
  return {};
}

// Chains of modifiers and typedefs must end soon: Btf::resolve() then always does. Each chain is
// followed at most kMaxDepth steps beyond its own part, so this is linear.
Status BtfReader::check_chains() {
  for (u32 local = 0; local < btf_.count_; ++local) {
    u32 id = btf_.first_id_ + local;
    u32 steps = 0;
    for (; is_modifier(btf_.kind(id)) && steps <= Btf::kMaxDepth; ++steps) id = btf_.type(id);
    if (steps > Btf::kMaxDepth) {
      return bad_type(local, "starts a chain of more than {} modifiers and typedefs",
                      Btf::kMaxDepth);
    }
  }
  return {};
}

Status BtfReader::index_names() {
  u32 named = 0;
  for (u32 local = 0; local < btf_.count_; ++local) named += btf_.words_[btf_.starts_[local]] != 0;
  const u32 slots = std::bit_ceil(named * 2 + 1);
  btf_.index_.reset(new (std::nothrow) u32[slots]());
  if (btf_.index_ == nullptr) return fail<Code::no_memory>("the names of BTF");
  btf_.index_mask_ = slots - 1;
  constexpr u64 kStart = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  btf_.seed_ = hash(kStart, {btf_.strings_.get(), btf_.string_size_});
  for (u32 local = 0; local < btf_.count_; ++local) {
    const u32 id = btf_.first_id_ + local;
    const std::string_view text = btf_.name(id);
    if (text.empty() || text.size() > Btf::kMaxIndexed) continue;
    const BtfKind kind = btf_.kind(id);
    u64 at = hash(btf_.seed_, kind, text);
    for (;; ++at) {
      u32& slot = btf_.index_[at & btf_.index_mask_];
      if (slot == 0) slot = id;
      if (btf_.kind(slot) == kind && btf_.name(slot) == text) break;  // the first one stays
    }
  }
  return {};
}

// Linux objects for 32-bit machines have a 4-byte long; the pointers are as wide.
void BtfReader::find_pointer_size() {
  if (btf_.base_ != nullptr) return;
  for (const std::string_view name : {"long", "long int", "unsigned long", "long unsigned int",
                                      "int long", "unsigned int long", "int long unsigned"}) {
    const u32 id = btf_.find(BtfKind::Int, name);
    const u32 size = id == 0 ? 0 : btf_.size(id);
    if (size == 4 || size == 8) {
      btf_.pointer_size_ = size;
      return;
    }
  }
}

Result<Btf> Btf::parse(std::span<const u8> bytes, std::shared_ptr<const Btf> base) {
  return BtfReader(bytes, std::move(base)).read();
}

// The words of a type, or those of void.
const u32* Btf::words(u32 id) const {
  static constexpr u32 kVoid[kTypeWords] = {};
  const Btf* btf = this;
  while (id < btf->first_id_ && btf->base_ != nullptr) btf = btf->base_.get();
  const u32 local = id - btf->first_id_;
  return id < btf->first_id_ || local >= btf->count_ ? kVoid : &btf->words_[btf->starts_[local]];
}

// The words of an item, or null.
const u32* Btf::item(u32 id, u32 index, u32 words_each) const {
  const u32* type = words(id);
  const KindRow& row = kKinds[info_kind(type[1])];
  if (row.each != words_each || index >= info_vlen(type[1])) return nullptr;
  return type + kTypeWords + row.fixed + u64{index} * row.each;
}

BtfKind Btf::kind(u32 id) const {
  return static_cast<BtfKind>(info_kind(words(id)[1]));
}
std::string_view Btf::name(u32 id) const {
  return string(words(id)[0]);
}
bool Btf::flag(u32 id) const {
  return info_flag(words(id)[1]);
}

u32 Btf::vlen(u32 id) const {
  const u32 info = words(id)[1];
  return kKinds[info_kind(info)].each == 0 ? 0 : info_vlen(info);
}

u32 Btf::size(u32 id) const {
  const u32* type = words(id);
  return kKinds[info_kind(type[1])].third == KindRow::Size ? type[2] : 0;
}

u32 Btf::type(u32 id) const {
  const u32* type = words(id);
  return kKinds[info_kind(type[1])].third == KindRow::Type ? type[2] : 0;
}

BtfInt Btf::integer(u32 id) const {
  if (kind(id) != BtfKind::Int) return {};
  const u32 data = words(id)[3];
  const u8 encoding = data >> 24 & 15;
  return {.bits = data & 0xff,
          .bit_offset = data >> 16 & 0xff,
          .is_signed = (encoding & 1) != 0,
          .is_char = (encoding & 2) != 0,
          .is_bool = (encoding & 4) != 0,
          .encoding = encoding};
}

BtfArray Btf::array(u32 id) const {
  if (kind(id) != BtfKind::Array) return {};
  const u32* type = words(id);
  return {.element = type[3], .index = type[4], .count = type[5]};
}

BtfMember Btf::member(u32 id, u32 index) const {
  const u32* words_of_member = item(id, index, 3);
  if (words_of_member == nullptr || !is_composite(id)) return {};
  BtfMember member{.name = string(words_of_member[0]),
                   .type = words_of_member[1],
                   .bit_offset = words_of_member[2]};
  if (flag(id)) {
    member.bits = member.bit_offset >> 24;
    member.bit_offset &= 0xffffff;
  }
  return member;
}

BtfEnumerator Btf::enumerator(u32 id, u32 index) const {
  const BtfKind which = kind(id);
  if (which == BtfKind::Enum) {
    const u32* words_of = item(id, index, 2);
    if (words_of == nullptr) return {};
    return {string(words_of[0]), static_cast<u64>(static_cast<i32>(words_of[1]))};
  }
  const u32* words_of = which == BtfKind::Enum64 ? item(id, index, 3) : nullptr;
  if (words_of == nullptr) return {};
  return {string(words_of[0]), u64{words_of[2]} << 32 | words_of[1]};
}

BtfParam Btf::param(u32 id, u32 index) const {
  const u32* words_of = kind(id) == BtfKind::FuncProto ? item(id, index, 2) : nullptr;
  return words_of == nullptr ? BtfParam{} : BtfParam{string(words_of[0]), words_of[1]};
}

BtfSectionEntry Btf::entry(u32 id, u32 index) const {
  const u32* words_of = kind(id) == BtfKind::Datasec ? item(id, index, 3) : nullptr;
  return words_of == nullptr ? BtfSectionEntry{}
                             : BtfSectionEntry{words_of[0], words_of[1], words_of[2]};
}

BtfLinkage Btf::linkage(u32 id) const {
  const BtfKind which = kind(id);
  if (which == BtfKind::Func) return static_cast<BtfLinkage>(info_vlen(words(id)[1]));
  return which == BtfKind::Var ? static_cast<BtfLinkage>(words(id)[3]) : BtfLinkage::Static;
}

i32 Btf::component(u32 id) const {
  return kind(id) == BtfKind::DeclTag ? static_cast<i32>(words(id)[3]) : -1;
}

u32 Btf::resolve(u32 id) const {
  while (is_modifier(kind(id))) id = type(id);
  return id;
}

std::optional<u32> Btf::size_of(u32 id) const {
  u64 count = 1;
  for (u32 depth = 0; depth < kMaxDepth; ++depth) {
    u64 each = 0;
    switch (kind(id)) {
      case BtfKind::Int:
      case BtfKind::Struct:
      case BtfKind::Union:
      case BtfKind::Enum:
      case BtfKind::Enum64:
      case BtfKind::Datasec:
      case BtfKind::Float: each = size(id); break;
      case BtfKind::Ptr: each = pointer_size_; break;
      case BtfKind::Typedef:
      case BtfKind::Volatile:
      case BtfKind::Const:
      case BtfKind::Restrict:
      case BtfKind::Var:
      case BtfKind::DeclTag:
      case BtfKind::TypeTag: id = type(id); continue;
      case BtfKind::Array:
        count *= array(id).count;
        if (count > UINT32_MAX) return {};
        id = array(id).element;
        continue;
      case BtfKind::Void:
      case BtfKind::Fwd:
      case BtfKind::Func:
      case BtfKind::FuncProto: return {};
    }
    if (count * each > UINT32_MAX) return {};
    return static_cast<u32>(count * each);
  }
  return {};
}

u32 Btf::find(BtfKind which, std::string_view text) const {
  if (text.empty()) return 0;
  if (base_ != nullptr) {
    if (const u32 id = base_->find(which, text); id != 0) return id;
  }
  for (u64 at = hash(seed_, which, text);; ++at) {
    const u32 id = index_[at & index_mask_];
    if (id == 0 || (kind(id) == which && name(id) == text)) return id;
  }
}

std::string_view Btf::string(u32 offset) const {
  const Btf* btf = this;
  while (offset < btf->first_string_ && btf->base_ != nullptr) btf = btf->base_.get();
  const u32 local = offset - btf->first_string_;
  return local >= btf->string_size_ ? std::string_view{}
                                    : std::string_view{btf->strings_.get() + local};
}

}  // namespace skep
