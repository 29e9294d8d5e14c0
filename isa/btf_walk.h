// What reading and writing of values have in common (isa/btf_value.h): places of members and
// elements, the path for messages, and a count of the work.
// Tested by tests/isa/btf_value_test.cpp.
#pragma once

#include "isa/btf_value.h"

namespace skep::btf_value {

inline constexpr u32 kMaxNesting = 64;
inline constexpr u64 kMaxSearch = u64{1} << 26;

// What Reader, Writer and find_place() have in common: the path for messages, the work done.
class Walk {
 public:
  explicit Walk(const Btf& btf) : btf_(btf) {}

  // An error at the present path.
  std::unexpected<Error> bad(std::string_view reason) const;
  // Counts members and elements; fails beyond kMaxValueParts.
  Status spend(u64 parts);
  // Counts enumerators that were looked at; fails beyond kMaxSearch.
  Status search(u64 names);

  // The member of a name, also of anonymous members; its type is kNowhere if there is none.
  static constexpr u32 kNowhere = ~0u;
  Result<BtfPlace> find_member(BtfPlace place, std::string_view name, u32 depth);
  Result<BtfPlace> find_element(BtfPlace place, u64 index);
  // Where the value of a resolved integer lies: all of its bytes, or fewer bits.
  BtfPlace bits_of(BtfPlace place) const;
  BtfPlace entry(BtfPlace place, u32 index) const;
  BtfPlace member(BtfPlace place, u32 index) const;

 protected:
  // Appends to the path for the life of this object.
  class Step {
   public:
    Step(std::string& path, std::string_view text) : path_(path), size_(path.size()) {
      path += text;
    }
    ~Step() { path_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    std::string& path_;
    std::size_t size_;
  };

  const Btf& btf_;
  u32 root_ = 0;
  std::string path_;
  u64 parts_ = 0;
  u64 searched_ = 0;
};

// An integer of one byte that stands for a character.
bool is_char(const Btf& btf, u32 type);

// Whether `bits` bits at bit `at` lie in the bytes.
inline bool lies_in(std::span<const u8> bytes, u64 at, u64 bits) {
  return at <= bytes.size() * 8 && bits <= bytes.size() * 8 - at;
}

}  // namespace skep::btf_value
