// Longest prefix match tries: a key is a prefix length and as many bits; a lookup gives the value
// of the longest prefix that the key begins with.
//
// A node is a prefix; its children are longer prefixes that begin with it, one whose next bit is 0
// and one whose next bit is 1. Where two prefixes part and there is no node, an intermediate one
// stands in, without a value of its own; it always has two children.
// Writers hold the one lock. Readers take none: they go down, and if nodes were taken out of the
// trie in the meantime (the lock counts that, as in hash.cpp), again. After some tries they take
// the lock.
//
// Semantics: Linux 6.12 kernel/bpf/lpm_trie.c, compared with a running 6.18.
// Tested by tests/helpers/map_lpm_trie_test.cpp and map_threads_test.cpp.
#include <algorithm>
#include <bit>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

constexpr u32 kMaxWords = 256 / 8;
constexpr u32 kIntermediate = 1u << 31;  // in Node::prefix
constexpr int kTries = 16;

// The head of a slot; the bits follow as words, first bit highest, then the value.
struct Node {
  std::atomic<Node*> child[2];
  std::atomic<u32> prefix;
  u32 slab_link;

  u32 length(std::memory_order order = std::memory_order_acquire) const {
    return prefix.load(order) & ~kIntermediate;
  }
  bool intermediate() const {
    return (prefix.load(std::memory_order_acquire) & kIntermediate) != 0;
  }
  u8* words() { return reinterpret_cast<u8*>(this + 1); }
};
static_assert(sizeof(Node) == 24);

// A key, copied, so that nobody changes it while we look.
struct Prefix {
  u32 length;
  u64 words[kMaxWords];

  u32 bit(u32 index) const { return words[index / 64] >> (63 - index % 64) & 1; }
};

class LpmTrie final : public Map {
 public:
  explicit LpmTrie(const MapSpec& spec)
      : Map(spec),
        data_size_(spec.key_size - 4),
        words_((data_size_ + 7) / 8),
        max_length_(data_size_ * 8),
        value_at_(sizeof(Node) + u64{words_} * 8) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    // A node an entry, one less in between, one to replace with. More than fit are refused as
    // memory.
    const u64 slots = std::min<u64>(u64{spec().max_entries} * 2 + 1, 0xffff'fff0);
    return nodes_.init(world.memory, static_cast<u32>(slots), value_at_ + value_stride(spec()),
                       offsetof(Node, slab_link), false);
  }

  u8* lookup(const u8* key, u32 /*cpu*/) override {
    Prefix prefix;
    if (!load_key(key, prefix)) return nullptr;
    for (int tries = 0; tries < kTries; ++tries) {
      const u32 changes = lock_.changes(std::memory_order_acquire);
      Node* node = nullptr;
      if (find(prefix, node) && lock_.changes(std::memory_order_relaxed) == changes) {
        return value(node);
      }
    }
    const Locked lock(lock_);
    Node* node = nullptr;
    find(prefix, node);
    return value(node);
  }

  bool region_of(u64 address, Region& found) override {
    const u8* slot = nodes_.slot_of(address);
    if (slot == nullptr) return false;
    const u64 offset = address - reinterpret_cast<u64>(slot) - value_at_;
    if (offset >= spec().value_size) return false;
    found = value_region(address - offset);
    return true;
  }

 protected:
  int do_update(const u8* key, const u8* value, u64 flags, u32 /*cpu*/) override {
    return do_write(key, value, flags);
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    Prefix prefix;
    if (flags > update_flags::kExist || !load_key(key, prefix)) return kEINVAL;
    const Locked lock(lock_);
    Node* fresh = take(prefix, prefix.length);
    if (fresh == nullptr) return kENOMEM;
    copy_shared(this->value(fresh), value, spec().value_size);
    Node* replaced = nullptr;
    const int error = insert(prefix, fresh, flags, replaced);
    if (replaced != nullptr) lock_.change();
    give(error != 0 ? fresh : replaced);
    return error;
  }

  int do_remove(const u8* key) override {
    Prefix prefix;
    if (!load_key(key, prefix)) return kEINVAL;
    const Locked lock(lock_);
    Path path;
    Node* node = find_exact(prefix, path);
    if (node == nullptr) return kENOENT;
    --count_;
    Node* left = child(node, 0);
    Node* right = child(node, 1);
    if (left != nullptr && right != nullptr) {
      node->prefix.fetch_or(kIntermediate, std::memory_order_release);
      return 0;
    }
    Node* parent = path.parent;
    const bool alone = left == nullptr && right == nullptr;
    if (alone && parent != nullptr && parent->intermediate()) {
      // An intermediate node stands where two part: with one of them it goes, too.
      const u32 other = child(parent, 0) == node ? 1 : 0;
      path.parent_link->store(child(parent, other), std::memory_order_release);
      lock_.change();
      give(parent);
    } else {
      path.link->store(left != nullptr ? left : right, std::memory_order_release);
      lock_.change();
    }
    give(node);
    return 0;
  }

  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0) return kEINVAL;
    Prefix prefix;
    if (!load_key(key, prefix)) return kENOENT;
    const Locked lock(lock_);
    Node* node = nullptr;
    find(prefix, node);
    if (node == nullptr) return kENOENT;
    copy_shared(value, this->value(node), spec().value_size);
    return 0;
  }

  // Children before their parent, 0 before 1: longer prefixes come before those they begin with.
  int do_next_key(const u8* key, u8* next) override {
    const Locked lock(lock_);
    Node* found = first_below(root_.load(std::memory_order_relaxed));
    if (found == nullptr) return kENOENT;
    Prefix prefix;
    if (key != nullptr && load_key(key, prefix)) {
      Path path;
      if (find_exact(prefix, path) != nullptr) found = path.next;
    }
    if (found == nullptr) return kENOENT;
    give_key(found, next);
    return 0;
  }

 private:
  // The way to a node, and what comes after that node and all below it.
  struct Path {
    std::atomic<Node*>* link = nullptr;  // that holds the node
    Node* parent = nullptr;
    std::atomic<Node*>* parent_link = nullptr;
    Node* next = nullptr;
  };

  static Node* child(const Node* node, u32 bit) {
    return node->child[bit].load(std::memory_order_acquire);
  }

  // False if the prefix is longer than keys of this map.
  bool load_key(const u8* key, Prefix& prefix) const {
    prefix.length = static_cast<u32>(load_bytes(key, 4));
    for (u32 word = 0; word < words_; ++word) {
      const u64 at = u64{word} * 8;
      prefix.words[word] = __builtin_bswap64(load_bytes(key + 4 + at, data_size_ - at));
    }
    return prefix.length <= max_length_;
  }

  void give_key(Node* node, u8* key) const {
    const u32 length = node->length();
    std::memcpy(key, &length, sizeof length);
    for (u64 at = 0; at < data_size_; at += 8) {
      const u64 word = __builtin_bswap64(load_shared<u64>(node->words() + at));
      std::memcpy(key + 4 + at, &word, std::min<u64>(8, data_size_ - at));
    }
  }

  // How many of the first bits, at most `limit`, are the same.
  u32 common_bits(Node* node, const Prefix& prefix, u32 limit) const {
    for (u32 word = 0; word < words_; ++word) {
      const u64 bits = load_shared<u64>(node->words() + u64{word} * 8, __ATOMIC_ACQUIRE);
      const u64 difference = bits ^ prefix.words[word];
      const u32 same = word * 64 + static_cast<u32>(std::countl_zero(difference));
      if (difference != 0 || same >= limit) return std::min(same, limit);
    }
    return limit;
  }

  // The node of the longest prefix. False if the way down shows that the trie changes under us:
  // prefixes that don't get longer.
  bool find(const Prefix& prefix, Node*& found) const {
    i64 above = -1;
    for (Node* node = root_.load(std::memory_order_acquire); node != nullptr;) {
      const u32 length = node->length();
      if (i64{length} <= above) return false;
      above = length;
      if (length > prefix.length || common_bits(node, prefix, length) < length) return true;
      if (!node->intermediate()) found = node;
      if (length == prefix.length) return true;
      node = child(node, prefix.bit(length));
    }
    return true;
  }

  // With the lock held: the node of exactly this prefix, unless it is intermediate.
  Node* find_exact(const Prefix& prefix, Path& path) {
    path.link = &root_;
    for (;;) {
      Node* node = path.link->load(std::memory_order_relaxed);
      if (node == nullptr) return nullptr;
      const u32 length = node->length();
      if (length > prefix.length || common_bits(node, prefix, length) < length) return nullptr;
      if (length == prefix.length) return node->intermediate() ? nullptr : node;
      const u32 bit = prefix.bit(length);
      if (Node* right = child(node, 1); bit == 0 && right != nullptr) {
        path.next = first_below(right);
      } else if (!node->intermediate()) {
        path.next = node;
      }
      path.parent = node;
      path.parent_link = path.link;
      path.link = &node->child[bit];
    }
  }

  // The first of a node and all below it, in the order of keys.
  static Node* first_below(Node* node) {
    Node* found = node;
    while (node != nullptr) {
      found = node;
      node = child(node, 0) != nullptr ? child(node, 0) : child(node, 1);
    }
    return found;
  }

  // With the lock held: links `fresh`, whose prefix it is. On an error nothing has changed.
  int insert(const Prefix& prefix, Node* fresh, u64 flags, Node*& replaced) {
    std::atomic<Node*>* link = &root_;
    Node* node = nullptr;
    u32 same = 0;
    while ((node = link->load(std::memory_order_relaxed)) != nullptr) {
      const u32 length = node->length();
      same = common_bits(node, prefix, std::min(length, prefix.length));
      if (same != length || length == prefix.length) break;
      link = &node->child[prefix.bit(length)];
    }
    const bool there = node != nullptr && node->length() == same;
    const bool is_entry = there && !node->intermediate();
    if (is_entry && flags == update_flags::kNoExist) return kEEXIST;
    if (!is_entry) {
      if (flags == update_flags::kExist) return kENOENT;
      if (count_ == spec().max_entries) return kENOSPC;
    }
    if (there) {
      fresh->child[0].store(child(node, 0), std::memory_order_release);
      fresh->child[1].store(child(node, 1), std::memory_order_release);
      replaced = node;
    } else if (node != nullptr && same == prefix.length) {
      fresh->child[word_bit(node, same)].store(node, std::memory_order_release);
    } else if (node != nullptr) {
      Node* parting = take(prefix, same | kIntermediate);
      if (parting == nullptr) return kENOMEM;
      const u32 side = prefix.bit(same);
      parting->child[side].store(fresh, std::memory_order_release);
      parting->child[1 - side].store(node, std::memory_order_release);
      fresh = parting;
    }
    if (!is_entry) ++count_;
    link->store(fresh, std::memory_order_release);
    return 0;
  }

  static u32 word_bit(Node* node, u32 index) {
    const u64 word = load_shared<u64>(node->words() + index / 64 * 8);
    return word >> (63 - index % 64) & 1;
  }

  // A node without children; its value is whatever it was. Null if there is no memory.
  Node* take(const Prefix& prefix, u32 length) {
    Slab::Shortage why;
    auto* node = reinterpret_cast<Node*>(nodes_.take(why));
    if (node == nullptr) return nullptr;
    node->child[0].store(nullptr, std::memory_order_release);
    node->child[1].store(nullptr, std::memory_order_release);
    node->prefix.store(length, std::memory_order_release);
    for (u32 word = 0; word < words_; ++word) {
      store_shared<u64>(node->words() + u64{word} * 8, prefix.words[word], __ATOMIC_RELEASE);
    }
    return node;
  }

  // After lock_.change() if the node was in the trie.
  void give(Node* node) {
    if (node != nullptr) nodes_.give(reinterpret_cast<u8*>(node));
  }

  u8* value(Node* node) const {
    return node != nullptr ? reinterpret_cast<u8*>(node) + value_at_ : nullptr;
  }

  u32 data_size_;
  u32 words_;
  u32 max_length_;
  u64 value_at_;
  u32 count_ = 0;  // entries, of lock_
  Lock lock_;
  std::atomic<Node*> root_{nullptr};
  Slab nodes_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_lpm_trie(const MapSpec& spec, const MapWorld& world) {
  return make_map<LpmTrie>(spec, world);
}

}  // namespace skep
