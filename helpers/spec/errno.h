// Linux's error numbers as programs see them, negative. Our own constants: the numbers are part
// of what a program computes, so they don't change with the system that skep runs on.
// Source: Linux include/uapi/asm-generic/errno-base.h, errno.h; ENOTSUPP include/linux/errno.h.
#pragma once

namespace skep {

inline constexpr int kEPERM = -1;
inline constexpr int kENOENT = -2;
inline constexpr int kE2BIG = -7;
inline constexpr int kEBADF = -9;
inline constexpr int kEAGAIN = -11;
inline constexpr int kENOMEM = -12;
inline constexpr int kEACCES = -13;
inline constexpr int kEFAULT = -14;
inline constexpr int kEBUSY = -16;
inline constexpr int kEEXIST = -17;
inline constexpr int kENODEV = -19;
inline constexpr int kEINVAL = -22;
inline constexpr int kENOSPC = -28;
inline constexpr int kEDOM = -33;
inline constexpr int kERANGE = -34;
inline constexpr int kENAMETOOLONG = -36;
inline constexpr int kEPROTO = -71;
inline constexpr int kEOVERFLOW = -75;
inline constexpr int kEOPNOTSUPP = -95;
inline constexpr int kENOTSUPP = -524;

}  // namespace skep
