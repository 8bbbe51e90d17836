# How everything here is compiled, and the two functions every CMakeLists.txt below uses.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(RHEO_CCACHE ccache)
if(RHEO_CCACHE)
  # Without this ccache refuses sources with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${RHEO_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${RHEO_CCACHE})
endif()

add_library(rheo_options INTERFACE)
target_include_directories(rheo_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(rheo_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
target_compile_definitions(rheo_options INTERFACE QT_NO_KEYWORDS RHEO_VERSION="${PROJECT_VERSION}")
# Warnings of the program are errors in the build that the test command makes, with its compiler: others may warn of more.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
   AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13 AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT RHEO_SANITIZE)
  if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
    set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
  endif()
  target_compile_options(rheo_options INTERFACE -Wno-restrict)  # false of std::string: GCC bug 105651
endif()
if(RHEO_SANITIZE)
  target_compile_options(rheo_options INTERFACE -fsanitize=${RHEO_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(rheo_options INTERFACE -fsanitize=${RHEO_SANITIZE})
endif()

if(RHEO_LIBFUZZER)
  target_compile_options(rheo_options INTERFACE -fsanitize=fuzzer-no-link)  # coverage, for the targets in tests/fuzz
endif()

# rheo_precompile(TARGET HEADER ...)
# Headers that nearly every source of a target includes, parsed once: half the time that a source of the window takes.
function(rheo_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)  # for ccache
endfunction()

# rheo_module(NAME SOURCES ... [PUBLIC lib ...] [PRIVATE lib ...])
# A static library rheo_NAME. What it links is what it may include (CONTRIBUTING.md, Modules).
function(rheo_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(rheo_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(rheo_${name} PUBLIC rheo_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# rheo_tests(NAME SOURCES test_a.cpp helper.cpp ... [LIBS lib ...] [NEEDS target ...] [DEFINES x=y ...] [WINDOW] [TIMEOUT s])
# One program, tests_NAME, of all test classes of a folder; ctest runs each test_*.cpp of it by name, so that the
# classes share a link and a run of moc but not their fate. WINDOW: they open windows, run under Xvfb, and one at a time:
# they measure how long the window's thread is blocked.
# In a test: RHEO_FIXTURES is tests/fixtures, RHEO_RESOURCES is resources/.
function(rheo_tests name)
  cmake_parse_arguments(ARG "WINDOW" "TIMEOUT" "SOURCES;LIBS;NEEDS;DEFINES" ${ARGN})
  set(program tests_${name})
  add_executable(${program} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/test_main.cpp)
  # Of tests GCC 12 warns falsely now and then (lengths of std::string), so that their warnings stay warnings.
  set_target_properties(${program} PROPERTIES AUTOMOC ON COMPILE_WARNING_AS_ERROR OFF
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${program} PRIVATE rheo_options ${ARG_LIBS} Qt6::Test)
  target_compile_definitions(${program} PRIVATE ${ARG_DEFINES}
    RHEO_FIXTURES="${PROJECT_SOURCE_DIR}/tests/fixtures" RHEO_RESOURCES="${PROJECT_SOURCE_DIR}/resources"
    RHEO_BASELINES="${PROJECT_SOURCE_DIR}/tests/baselines" RHEO_BIN="${CMAKE_BINARY_DIR}/bin")
  list(LENGTH ARG_SOURCES count)
  if(count GREATER 2)
    rheo_precompile(${program} <QtTest> <algorithm> <cmath> <filesystem> <functional> <string> <vector>)
  endif()
  if(ARG_NEEDS)
    add_dependencies(${program} ${ARG_NEEDS})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  foreach(source ${ARG_SOURCES})
    get_filename_component(test ${source} NAME_WE)
    if(NOT test MATCHES "^test_")
      continue()
    endif()
    # Tests share the cores: threads of OpenMP that wait should not spin, which costs ten times the test's own work.
    if(ARG_WINDOW)
      add_test(NAME ${test} COMMAND ${PROJECT_SOURCE_DIR}/tests/with_display $<TARGET_FILE:${program}> ${test})
      set_tests_properties(${test} PROPERTIES LABELS window RUN_SERIAL ON
        ENVIRONMENT "OMP_WAIT_POLICY=passive;QTEST_FUNCTION_TIMEOUT=${ARG_TIMEOUT}000")
    else()
      add_test(NAME ${test} COMMAND ${program} ${test})
      set_tests_properties(${test} PROPERTIES
        ENVIRONMENT "QT_QPA_PLATFORM=offscreen;FONTCONFIG_FILE=${PROJECT_SOURCE_DIR}/tests/fonts.conf;OMP_WAIT_POLICY=passive;QTEST_FUNCTION_TIMEOUT=${ARG_TIMEOUT}000")
    endif()
    set_tests_properties(${test} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  endforeach()
endfunction()
