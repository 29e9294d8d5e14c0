# Cross-compiles for arm64 with Debian's g++-aarch64-linux-gnu and its libraries (lib...-dev:arm64);
# tests, and their discovery by gtest_discover_tests, run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

find_program(SKEP_ARM64_COMPILER aarch64-linux-gnu-g++)
if(NOT SKEP_ARM64_COMPILER)
  message(FATAL_ERROR "skep for arm64 needs its compiler: on Debian, apt install g++-aarch64-linux-gnu")
endif()
set(CMAKE_CXX_COMPILER ${SKEP_ARM64_COMPILER})
string(REGEX REPLACE "g\\+\\+$" "gcc" CMAKE_C_COMPILER ${SKEP_ARM64_COMPILER})
find_program(SKEP_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(NOT SKEP_QEMU)
  message(FATAL_ERROR "skep's arm64 tests need qemu-user: on Debian, apt install qemu-user")
endif()

# Loader and libraries are those of Debian's arm64 packages: with the cross compiler's own libc,
# programs with threads hang in qemu-user 7.2.
set(CMAKE_CROSSCOMPILING_EMULATOR ${SKEP_QEMU} -L /)

# Packages come from /usr/lib/aarch64-linux-gnu, by CMAKE_LIBRARY_ARCHITECTURE; programs are ours.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
