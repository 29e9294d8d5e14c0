// What the loader takes at most, and the memory that follows from it.
//
// Every number that a file gives is compared with these before anything is allocated for it. With
// F bytes of files, a load takes at most
//
//   kBytesPerFileByte * F                      all that is read: sections may not overlap
//   + kBytesPerInsn * insns of all programs    at most kMaxInsns
//   + kBytesPerLine * lines of all programs    at most as many
//   + kBytesPerProgram * programs + kBytesPerMap * maps + kBytesPerSlot * first contents
//   + kMaxPadding + kMaxLineText + kMaxNames + kSlack
//
// and is linear in F and kMaxInsns (but for sorting). The parts are tried out with check_memory()
// beforehand, so that running out of memory is an Error.
// Tested by tests/limits/objects_test.cpp, and with objects of tests/support/large_objects.h.
#pragma once

#include "isa/diagnostic.h"

namespace skep::loader_limits {

inline constexpr u64 kMaxFile = u64{1} << 30;   // bytes of one object
inline constexpr u64 kMaxValue = 0x7fffffff;    // bytes of one data section, as a map value
inline constexpr u64 kMaxName = 512;            // characters of a symbol's or section's name
inline constexpr u32 kMaxObjects = 1024;        // linked together
inline constexpr u64 kMaxProgram = 1'000'000;   // insns of one program (Linux 5.2 and later)
inline constexpr u64 kMaxInsns = 4'000'000;     // insns of all programs together
inline constexpr u64 kMaxLineText = 64u << 20;  // bytes of source text kept, all programs
inline constexpr u32 kMaxLine = 512;            // bytes of one source line kept
inline constexpr u32 kMaxPrograms = 16384;      // of all objects, good and bad
inline constexpr u64 kMaxNames = 16u << 20;     // characters of names kept by all programs
inline constexpr u32 kMaxExterns = 4096;        // of one program
inline constexpr u32 kMaxMaps = 65536;          // of all objects, with their sections of data
inline constexpr u64 kMaxPadding = 16u << 20;   // bytes between the parts of joined data sections
inline constexpr u64 kMaxNotes = 1000;          // errors and findings kept of an object,
inline constexpr u64 kMaxNote = 2048;           // each cut to this many characters
inline constexpr u64 kMaxPath = 512;            // characters of the path of a CO-RE relocation
inline constexpr u64 kBytesPerFileByte = 40;
inline constexpr u64 kSlack = 4u << 20;        // notes, fragments
inline constexpr u64 kBytesPerInsn = 160;      // Insn, Decoded, while they grow
inline constexpr u64 kBytesPerLine = 320;      // source line and file, while they grow; text apart
inline constexpr u64 kBytesPerProgram = 4096;  // Image, or why there is none
inline constexpr u64 kBytesPerMap = 2048;      // MapSpec, its inner one
inline constexpr u64 kBytesPerSlot = 768;      // MapSlot, while they grow

// Fails when `bytes` can't be had at this moment. What is allocated afterwards in small pieces
// (vectors, strings) then fits, as long as no other thread takes the memory away meanwhile.
Status check_memory(u64 bytes, std::string_view what);

}  // namespace skep::loader_limits
