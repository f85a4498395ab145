# sixpn_room(NAME SOURCES... DEPS...): one static library per half of a room, with the house's flags.
# sixpn_test(NAME SOURCES... DEPS... LABELS...): one GoogleTest program, its cases known to ctest.

add_library(sixpn_flags INTERFACE)
target_include_directories(sixpn_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(sixpn_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wpedantic -Wno-missing-field-initializers
  $<$<BOOL:${SIXPN_WERROR}>:-Werror>)
target_compile_definitions(sixpn_flags INTERFACE
  SIXPN_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
  SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
if(SIXPN_SANITIZE)
  target_compile_options(sixpn_flags INTERFACE -fsanitize=${SIXPN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(sixpn_flags INTERFACE -fsanitize=${SIXPN_SANITIZE})
endif()
if(SIXPN_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(sixpn_flags INTERFACE -Wno-tsan)  # asio's fences; see docs/decisions
endif()
if(SIXPN_FUZZ)
  target_compile_options(sixpn_flags INTERFACE -fsanitize=fuzzer-no-link)  # coverage for libFuzzer
endif()
find_program(MOLD mold)
if(MOLD)
  target_link_options(sixpn_flags INTERFACE -fuse-ld=mold)
endif()

function(sixpn_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC sixpn_flags ${arg_DEPS})
endfunction()

# sixpn_proto(NAME PROTOS...): the code generated from protocol buffers as a library of its own, outside the
# house's warnings. Included from the root, as "registry/core/trust.pb.h".
function(sixpn_proto name)
  set(generated ${PROJECT_BINARY_DIR}/generated)
  set(sources "")
  foreach(proto IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH proto BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE from)
    cmake_path(RELATIVE_PATH from BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE stem)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${stem})
    add_custom_command(
      OUTPUT ${generated}/${stem}.cc ${generated}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND protobuf::protoc --cpp_out=${generated} -I ${PROJECT_SOURCE_DIR} ${from}
      DEPENDS ${from}
      VERBATIM)
    list(APPEND sources ${generated}/${stem}.cc ${generated}/${stem}.h)
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${generated})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf-lite)
endfunction()

function(sixpn_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest GTest::gtest_main GTest::gmock)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  # Tests on the real kernel share it and two cores: one at a time.
  set(lock "")
  if("netns" IN_LIST arg_LABELS OR "vm" IN_LIST arg_LABELS)
    set(lock RESOURCE_LOCK kernel)
  endif()
  gtest_discover_tests(${name}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ${lock})
endfunction()
