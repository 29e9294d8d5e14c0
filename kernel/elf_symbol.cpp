// Looks a function up in an executable's symbol tables and turns its address into a file offset.
// Nothing in the file is trusted: every table may claim to lie anywhere.

#include "kernel/elf_symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "kernel/map.h"
#include "kernel/syscall.h"

namespace skep {
namespace {

// A whole file, whose every table may claim to lie anywhere.
class ElfFile {
 public:
  explicit ElfFile(std::span<const u8> bytes) : bytes_(bytes) {}

  std::optional<u64> offset_of(std::string_view symbol) const {
    const auto* head = at<Elf64_Ehdr>(0);
    if (head == nullptr || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return {};
    for (u32 i = 0; i < head->e_shnum; ++i) {
      const auto* section = at<Elf64_Shdr>(head->e_shoff + u64{i} * sizeof(Elf64_Shdr));
      if (section == nullptr) return {};
      if (section->sh_type != SHT_SYMTAB && section->sh_type != SHT_DYNSYM) continue;
      const auto* names =
          at<Elf64_Shdr>(head->e_shoff + u64{section->sh_link} * sizeof(Elf64_Shdr));
      if (names == nullptr) continue;
      if (const auto address = find(*section, *names, symbol)) return file_offset(*head, *address);
    }
    return {};
  }

 private:
  template <class T>
  const T* at(u64 offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T) || offset % alignof(T) != 0)
      return nullptr;
    return reinterpret_cast<const T*>(bytes_.data() + offset);
  }

  std::optional<u64> find(const Elf64_Shdr& symbols, const Elf64_Shdr& names,
                          std::string_view wanted) const {
    for (u64 at_byte = 0; at_byte + sizeof(Elf64_Sym) <= symbols.sh_size;
         at_byte += sizeof(Elf64_Sym)) {
      const auto* symbol = at<Elf64_Sym>(symbols.sh_offset + at_byte);
      if (symbol == nullptr) return {};
      if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF) continue;
      const u64 name = names.sh_offset + symbol->st_name;
      if (name > bytes_.size() || bytes_.size() - name <= wanted.size()) continue;
      const char* text = reinterpret_cast<const char*>(bytes_.data() + name);
      if (std::memcmp(text, wanted.data(), wanted.size()) == 0 && text[wanted.size()] == 0)
        return symbol->st_value;
    }
    return {};
  }

  std::optional<u64> file_offset(const Elf64_Ehdr& head, u64 address) const {
    for (u32 i = 0; i < head.e_phnum; ++i) {
      const auto* segment = at<Elf64_Phdr>(head.e_phoff + u64{i} * sizeof(Elf64_Phdr));
      if (segment == nullptr) return {};
      if (segment->p_type == PT_LOAD && address - segment->p_vaddr < segment->p_filesz) {
        return address - segment->p_vaddr + segment->p_offset;
      }
    }
    return {};
  }

  std::span<const u8> bytes_;
};

}  // namespace

Result<u64> symbol_offset(const std::string& path, const std::string& symbol) {
  if (symbol.starts_with("0x")) {
    u64 offset = 0;
    const auto end = std::from_chars(symbol.data() + 2, symbol.data() + symbol.size(), offset, 16);
    if (end.ec == std::errc() && end.ptr == symbol.data() + symbol.size()) return offset;
  }
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file || fstat(file.get(), &status) != 0) {
    return fail<Code::kernel_refused>("opening", path, errno_text(errno), "");
  }
  const Mapping bytes =
      TRY(Mapping::make(file.get(), static_cast<u64>(status.st_size), false, 0, path));
  const auto offset = ElfFile({bytes.data(), bytes.size()}).offset_of(symbol);
  if (!offset)
    return fail<Code::kernel_refused>("finding function", symbol,
                                      fmt::format("no such symbol in {}", path), "");
  return *offset;
}

}  // namespace skep
