# Installs headers, when `cmake --install` runs: skep.h, and the C++ headers of include/skep/ with all
# that they include, below one folder. Ours name each other by paths from the root, which would take
# short names away from everybody else: installed, they name each other as "skep/...".
#
# Takes SKEP_SOURCE, SKEP_INCLUDE (the destination) and SKEP_FRONTS (paths from the root).
cmake_policy(VERSION 3.25)
set(todo ${SKEP_FRONTS})
set(done "")
while(todo)
  list(POP_FRONT todo file)
  if(file IN_LIST done)
    continue()
  endif()
  list(APPEND done ${file})
  file(READ ${SKEP_SOURCE}/${file} text)
  string(REGEX MATCHALL "#include \"[^\"]+\"" lines "${text}")
  foreach(line ${lines})
    string(REGEX REPLACE "#include \"(.*)\"" "\\1" included "${line}")
    list(APPEND todo ${included})
  endforeach()
  string(REPLACE "#include \"" "#include \"skep/" text "${text}")
  # A short name of ours; users have SKEP_TRY.
  string(REPLACE "#define TRY(expr) SKEP_TRY(expr)\n" "" text "${text}")
  string(REGEX REPLACE "^include/skep/" "" place ${file})
  file(WRITE ${SKEP_INCLUDE}/skep/${place} "${text}")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${SKEP_INCLUDE}/skep/${place})
endwhile()
file(COPY ${SKEP_SOURCE}/include/skep.h DESTINATION ${SKEP_INCLUDE})
list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${SKEP_INCLUDE}/skep.h)
list(LENGTH done count)
message(STATUS "Installed ${count} C++ headers below ${SKEP_INCLUDE}/skep")
