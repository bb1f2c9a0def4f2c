# Build rules shared by every folder: one function per kind of target, so that
# warnings, hardening and include roots are decided in one place.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

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
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)

option(CAISSON_WERROR "Treat warnings as errors" OFF)
option(CAISSON_FUZZ "Build the fuzz targets (clang with libFuzzer)" OFF)
set(CAISSON_SANITIZE "" CACHE STRING "Comma separated list for -fsanitize=")

add_library(caisson_options INTERFACE)
target_include_directories(caisson_options INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(caisson_options INTERFACE
  -fno-exceptions -Wall -Wextra -Wshadow -Wnon-virtual-dtor
  -Wold-style-cast -Wcast-align -Wimplicit-fallthrough -Wformat=2 -Wundef -Wvla
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${CAISSON_WERROR}>:-Werror>)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(caisson_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  target_link_options(caisson_options INTERFACE -Wl,-z,relro,-z,now)
endif()
if(CAISSON_SANITIZE)
  target_compile_options(caisson_options INTERFACE
    -fsanitize=${CAISSON_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(caisson_options INTERFACE -fsanitize=${CAISSON_SANITIZE})
endif()

# A folder that a checkout does not have yet (an early commit) is no error.
macro(caisson_add_subdirectory_if_exists folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endmacro()

# caisson_library(<target> SOURCES ... [HEADERS ...] [DEPS ...] [PRIVATE_DEPS ...])
function(caisson_library target)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES} ${ARG_HEADERS})
  target_link_libraries(${target}
    PUBLIC ${ARG_DEPS} PRIVATE caisson_options ${ARG_PRIVATE_DEPS})
endfunction()

# caisson_executable(<target> SOURCES ... [DEPS ...] [OUTPUT_NAME n] [STATIC])
function(caisson_executable target)
  cmake_parse_arguments(ARG "STATIC" "OUTPUT_NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE caisson_options ${ARG_DEPS})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  if(ARG_OUTPUT_NAME)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${ARG_OUTPUT_NAME})
  endif()
  if(ARG_STATIC)
    target_link_options(${target} PRIVATE -static)
  endif()
endfunction()

# caisson_test(<target> SOURCES ... [DEPS ...]): a unit test, ctest label "unit".
function(caisson_test target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE
    caisson_options ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gmock_main)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# caisson_fuzz(<target> SOURCES ... [DEPS ...]): a libFuzzer target.
function(caisson_fuzz target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT CAISSON_FUZZ)
    return()
  endif()
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE caisson_options ${ARG_DEPS})
  target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
