# Everything that skep takes from the system, by the name of its Debian package. What is missing
# is collected and reported once, at the end of the configuration, as one line to paste.
#
#   skep_find(fmt libfmt-dev)                           a CMake package
#   skep_find_program(SKEP_CLANG clang-19 clang-19)     a program
#   skep_find_library(pcap pcap.h libpcap-dev)          a header and a library: target skep::pcap
#   skep_find_header(CLI/CLI.hpp libcli11-dev)          headers alone
#
# `./dev` installs the same packages; its lists name each of these.

# Debian's architecture suffix for libraries of another machine.
set(SKEP_DEBIAN_SUFFIX "")
if(CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(SKEP_DEBIAN_SUFFIX ":arm64")
endif()
set_property(GLOBAL PROPERTY SKEP_MISSING "")

function(skep_missing what debian)
  set_property(GLOBAL APPEND PROPERTY SKEP_MISSING "${debian}")
  set_property(GLOBAL APPEND_STRING PROPERTY SKEP_MISSING_WHAT "  ${what} (${debian})\n")
endfunction()

macro(skep_find package debian)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    skep_missing(${package} "${debian}${SKEP_DEBIAN_SUFFIX}")
  endif()
endmacro()

macro(skep_find_program variable program debian)
  find_program(${variable} ${program})
  if(NOT ${variable})
    skep_missing(${program} ${debian})
  endif()
endmacro()

function(skep_find_header header debian)
  string(MAKE_C_IDENTIFIER "SKEP_INCLUDE_${header}" variable)
  find_path(${variable} ${header})
  if(NOT ${variable})
    skep_missing(${header} ${debian})
  endif()
endfunction()

function(skep_find_library name header debian)
  find_path(SKEP_INCLUDE_${name} ${header})
  find_library(SKEP_LIBRARY_${name} ${name})
  if(NOT SKEP_INCLUDE_${name} OR NOT SKEP_LIBRARY_${name})
    skep_missing(${name} "${debian}${SKEP_DEBIAN_SUFFIX}")
  elseif(NOT TARGET skep::${name})
    add_library(skep::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(skep::${name} PROPERTIES IMPORTED_LOCATION "${SKEP_LIBRARY_${name}}"
                          INTERFACE_INCLUDE_DIRECTORIES "${SKEP_INCLUDE_${name}}")
  endif()
endfunction()

function(skep_report_missing)
  get_property(packages GLOBAL PROPERTY SKEP_MISSING)
  get_property(what GLOBAL PROPERTY SKEP_MISSING_WHAT)
  if(packages)
    list(REMOVE_DUPLICATES packages)
    list(JOIN packages " " packages)
    message(FATAL_ERROR "skep needs what is not installed:\n${what}On Debian: apt install ${packages}\n"
                        "(`./dev build` and `./dev test` install them.)")
  endif()
endfunction()
