# Build rules shared by every folder: one function per kind of target, so that
# warnings, hardening, sanitizers and include roots are decided in one place.

include(CheckPIESupported)
include(CaissonToolchain)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Objects are position independent, and executables are linked with -pie.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported()

option(CAISSON_WERROR "Treat warnings as errors" OFF)
option(CAISSON_FUZZ "Build the fuzz targets (clang with libFuzzer)" OFF)
option(CAISSON_PCH "Precompile the gRPC and protobuf headers" ON)
set(CAISSON_SANITIZE "" CACHE STRING "Comma separated list for -fsanitize=")

include(CaissonPackages)

# What every target of this tree is compiled with, sanitizers excepted.
add_library(caisson_options INTERFACE)
target_include_directories(caisson_options INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
# Abseil's targets define it, and a precompiled header is refused where the
# macros differ: so all have it.
target_compile_definitions(caisson_options INTERFACE NOMINMAX)
target_compile_options(caisson_options INTERFACE
  -fno-exceptions -Wall -Wextra -Wshadow -Wnon-virtual-dtor
  -Wold-style-cast -Wcast-align -Wimplicit-fallthrough -Wformat=2 -Wundef -Wvla
  # A designated initializer leaves out what has its default.
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<CXX_COMPILER_ID:Clang>:-Werror=thread-safety>
  $<$<BOOL:${CAISSON_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 raises these in the standard library's own strings.
  target_compile_options(caisson_options INTERFACE
    -Wno-error=array-bounds -Wno-error=maybe-uninitialized -Wno-error=restrict
    -Wno-error=stringop-overflow -Wno-error=stringop-overread)
endif()
if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo)$")
  target_compile_options(caisson_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
  target_link_options(caisson_options INTERFACE -Wl,-z,relro,-z,now)
endif()

# Programs that run inside containers stay without it: see NO_SANITIZE.
add_library(caisson_sanitize INTERFACE)
if(CAISSON_SANITIZE)
  target_compile_options(caisson_sanitize INTERFACE
    -fsanitize=${CAISSON_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(caisson_sanitize INTERFACE
    -fsanitize=${CAISSON_SANITIZE})
endif()

# A folder that a checkout does not have yet (an early commit) is no error.
macro(caisson_add_subdirectory_if_exists folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endmacro()

# Warnings that only some folders can afford: number conversions where bytes
# are laid out, and switches over every value where states are decided.
function(caisson_folder_warnings target)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^runtime/(base|plan|init|record|shim/protocol)(/|$)")
    target_compile_options(${target} PRIVATE -Wconversion -Wno-sign-conversion)
  endif()
  if(folder MATCHES "^server/core(/|$)")
    target_compile_options(${target} PRIVATE -Wswitch-enum)
  endif()
endfunction()

# The gRPC and protobuf headers cost two seconds a file; PCH shares one copy.
function(caisson_use_pch target)
  if(NOT CAISSON_PCH)
    return()
  endif()
  if(NOT TARGET caisson_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/caisson_pch.cc "")
    add_library(caisson_pch OBJECT ${PROJECT_BINARY_DIR}/caisson_pch.cc)
    # gRPC as its users link it: pkg-config would define one macro more, and
    # the compiler takes a PCH only where all its macros are defined.
    target_link_libraries(caisson_pch PRIVATE
      caisson_options caisson_sanitize gRPC::grpc++ protobuf::libprotobuf)
    target_precompile_headers(caisson_pch PRIVATE
      <grpcpp/grpcpp.h> <google/protobuf/message.h> <string> <memory>)
  endif()
  target_precompile_headers(${target} REUSE_FROM caisson_pch)
endfunction()

# caisson_library(<target> SOURCES ... [HEADERS ...] [DEPS ...]
#                 [PRIVATE_DEPS ...] [PCH])
# PCH: for targets that include gRPC or generated headers in most files.
function(caisson_library target)
  cmake_parse_arguments(ARG "PCH" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS"
                        ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES} ${ARG_HEADERS})
  target_link_libraries(${target}
    PUBLIC ${ARG_DEPS}
    PRIVATE caisson_options caisson_sanitize ${ARG_PRIVATE_DEPS})
  caisson_folder_warnings(${target})
  if(ARG_PCH)
    caisson_use_pch(${target})
  endif()
endfunction()

# caisson_executable(<target> SOURCES ... [DEPS ...] [OUTPUT_NAME n] [STATIC]
#                    [NO_SANITIZE] [PCH])
# NO_SANITIZE: for programs that run inside a container, where a sanitizer's
# runtime has neither its /proc nor its libraries. Such a target links no
# library of this tree.
function(caisson_executable target)
  cmake_parse_arguments(ARG "STATIC;NO_SANITIZE;PCH" "OUTPUT_NAME"
                        "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE caisson_options ${ARG_DEPS})
  if(NOT ARG_NO_SANITIZE)
    target_link_libraries(${target} PRIVATE caisson_sanitize)
  endif()
  caisson_folder_warnings(${target})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  if(ARG_OUTPUT_NAME)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${ARG_OUTPUT_NAME})
  endif()
  # A sanitizer's runtime cannot be linked statically.
  if(ARG_STATIC AND (ARG_NO_SANITIZE OR NOT CAISSON_SANITIZE))
    caisson_link_static(${target})
  endif()
  if(ARG_PCH)
    caisson_use_pch(${target})
  endif()
endfunction()

# caisson_test(<target> SOURCES ... [DEPS ...] [PCH]): a unit test, ctest label
# "unit".
function(caisson_test target)
  caisson_add_gtest(${target} unit 300 test ${ARGN})
endfunction()

# caisson_root_test(<target> SOURCES ... [DEPS ...] [PCH]): a test that needs
# root and a real kernel, ctest label "root". Its binary also runs in the guest.
# One at a time, so that a test that counts processes or mounts is not disturbed.
function(caisson_root_test target)
  caisson_add_gtest(${target} root 1500 integration-test ${ARGN})
  if(TEST ${target})
    set_tests_properties(${target} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

function(caisson_add_gtest target label timeout folder)
  cmake_parse_arguments(ARG "PCH" "" "SOURCES;DEPS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE
    caisson_options caisson_sanitize ${ARG_DEPS}
    GTest::gmock GTest::gtest GTest::gmock_main)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
  if(ARG_PCH)
    caisson_use_pch(${target})
  endif()
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT ${timeout})
endfunction()

# caisson_fuzz(<target> SOURCES ... [DEPS ...]): a libFuzzer target.
function(caisson_fuzz target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT CAISSON_FUZZ)
    return()
  endif()
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE
    caisson_options caisson_sanitize ${ARG_DEPS})
  target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
