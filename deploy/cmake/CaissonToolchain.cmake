# How the compiler is run: the cache in front of it, and static linking.

# A cold build takes minutes, a cached one seconds. Precompiled headers are
# cached too, which needs the sloppiness. Paths below the source tree are made
# relative, so that one clone is served with what another one compiled.
if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CAISSON_CCACHE ccache)
  if(CAISSON_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CAISSON_CCACHE})
  endif()
endif()

# caisson_link_static(<target>): a static executable that is still loaded at a
# random address.
function(caisson_link_static target)
  # Among the libraries, and so after the -pie that CMake adds by itself: of
  # the two the compiler takes the last.
  target_link_libraries(${target} PRIVATE -static-pie)
endfunction()
