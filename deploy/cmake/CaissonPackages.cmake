# The libraries that this tree links, all of them Debian packages.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG QUIET)
find_package(GTest REQUIRED)
find_package(benchmark QUIET)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(NL REQUIRED IMPORTED_TARGET libnl-3.0)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(LDNS REQUIRED IMPORTED_TARGET ldns)
pkg_check_modules(NFTNL REQUIRED IMPORTED_TARGET libnftnl)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)

# Debian's absl targets name the shared objects by path, which no static
# executable can link. Without a soname CMake writes -labsl_x instead, and the
# linker takes the archive or the shared object as the link needs it.
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  if(NOT target MATCHES "^absl::")
    continue()
  endif()
  get_target_property(location ${target} IMPORTED_LOCATION_NONE)
  if(location MATCHES "^(.*/libabsl_[a-z0-9_]+\\.so)\\.")
    set_target_properties(${target} PROPERTIES
      IMPORTED_LOCATION_NONE ${CMAKE_MATCH_1}
      IMPORTED_NO_SONAME_NONE ON)
  endif()
endforeach()
