# skep_bpf_object(<target> SOURCES a.bpf.c ... [FOLDER out] [OPTIONS ...])
#
# Compiles BPF programs with clang-19, as users do, to <out>/a.bpf.o under the build folder, and
# makes <target>, which tests and tools depend on. The out folder defaults to bpf/.
# The headers are libbpf-dev's (bpf/bpf_helpers.h) and the kernel's of linux-libc-dev.
function(skep_bpf_object target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "SOURCES;OPTIONS")
  skep_find_program(SKEP_CLANG clang-19 clang-19)
  skep_find_header(bpf/bpf_helpers.h libbpf-dev)
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${CMAKE_BINARY_DIR}/bpf)
  endif()
  # asm/types.h lies in the folder of the machine that compiles: BPF has no folder of its own.
  set(machine_headers /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu)
  set(objects "")
  foreach(source ${arg_SOURCES})
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source FILENAME file)
    string(REGEX REPLACE "\\.c$" ".o" file ${file})
    set(object ${arg_FOLDER}/${file})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${arg_FOLDER}
      COMMAND ${SKEP_CLANG} -target bpf -O2 -g -Wall -Werror -I${machine_headers} ${arg_OPTIONS}
              -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "Building BPF object ${file}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_target(${target} ALL DEPENDS ${objects})
endfunction()
